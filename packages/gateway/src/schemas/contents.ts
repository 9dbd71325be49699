import type { Contents, Notes, Responses } from './described.ts'
import { essenceOf } from './media-types.ts'
import { readFields } from './parameters.ts'
import { isObject, objectAt, type Place, within } from './pointer.ts'

/** Reads what is said of bodies, by media type. @param answers whether they are those of answers */
export function readContents(holder: Place, notes: Notes, answers = false): Contents {
  const content = within(holder, 'content').value
  const types = isObject(content) ? Object.keys(content) : []
  return new Map(types.map((type) => [essenceOf(type), notes.content(type, within(holder, 'content', type), answers)]))
}

/** Reads what is said of answers, by status. */
export function readResponses(holder: Place, notes: Notes): Responses {
  const written = holder.value
  if (!isObject(written)) return new Map()
  return new Map(
    Object.keys(written)
      .filter((status) => !status.startsWith('x-'))
      .flatMap((status): [string, { contents: Contents; fields: ReturnType<typeof readFields> }][] => {
        const found = objectAt(within(holder, status))
        if (found !== null) {
          const { place } = found
          return [
            [status.toLowerCase(), { contents: readContents(place, notes, true), fields: readFields(place, notes) }],
          ]
        }
        notes.remove(within(holder, status), 'response-malformed', 'leads nowhere in the document; mend it')
        return []
      }),
  )
}
