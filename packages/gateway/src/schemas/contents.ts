import { saysNothing } from './bytes.ts'
import type { Content, Contents, Responses } from './described.ts'
import { essenceOf, isJson } from './media-types.ts'
import { membersIn, readingOf, telling } from './members.ts'
import type { Notes } from './notes.ts'
import { readFields, spellingOf } from './parameters.ts'
import { readParts } from './parts.ts'
import { followed, inOptions, isObject, objectAt, type Place, within } from './pointer.ts'
import { isObjectOnly, typesOf } from './shapes.ts'
import type { Spelling } from './spellings.ts'

/** Reads what is said of bodies, by media type. @param answers whether they are those of answers */
export function readContents(holder: Place, notes: Notes, answers = false): Contents {
  const content = within(holder, 'content').value
  const types = isObject(content) ? Object.keys(content) : []
  return new Map(
    types.map((type) => [essenceOf(type), readContent(type, within(holder, 'content', type), notes, answers)]),
  )
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

/**
 * Decides how a body of a media type is read.
 * @param holder what is said of it
 * @param answers whether it is that of an answer, of which forms are not read
 */
function readContent(type: string, holder: Place, notes: Notes, answers: boolean): Content {
  const essence = essenceOf(type)
  const place = within(holder, 'schema')
  if (place.value === undefined) return { kind: isJson(essence) ? 'json' : 'unread', place: null }
  if (isJson(essence) || (essence.endsWith('*') && !saysNothing(place))) {
    notes.schema(place)
    return { kind: 'json', place }
  }
  if (essence === 'application/x-www-form-urlencoded' && !answers) {
    notes.schema(place)
    if (typesOf(place)?.has('object') === false) untold(place, notes)
    return { kind: 'form', place, spellings: formSpellings(place, holder, notes) }
  }
  if (saysNothing(place)) return { kind: 'unread', place: null }
  if (essence === 'multipart/form-data' && !answers) return formOfParts(place, holder, notes)
  const message = `asks something of ${essence}, which is not read here; remove it: such bodies pass as they are`
  notes.remove(place, 'media-type-unread', message)
  return { kind: 'unread', place: null }
}

function formOfParts(place: Place, holder: Place, notes: Notes): Content {
  const before = notes.findings.length
  notes.schema(place)
  if (notes.findings.length > before) return { kind: 'unread', place: null }
  if (!isObjectOnly(place)) untold(place, notes)
  return { kind: 'parts', place, parts: readParts(place, holder, notes) }
}

function untold(place: Place, notes: Notes): void {
  const message = "is of a form, which is an object; write type: 'object'"
  const path = `${inOptions(followed(place) ?? place)}/type`
  notes.tell(place, 'form-untold', message, [{ op: 'add', path, value: 'object' }])
}

/** How the members of a form are written: as `encoding` says, else as those of a query (OpenAPI 3.1 §4.8.15). */
function formSpellings(place: Place, holder: Place, notes: Notes): Readonly<Record<string, Spelling>> {
  const { named, others } = membersIn(place)
  notes.encodingsOf(named, holder)
  for (const other of others) notes.unnamed(other)
  const members = [...named].map(([name, places]): [string, Spelling] => {
    const member = telling(places)
    const encoding = within(holder, 'encoding', name)
    const { contentType, style, explode } = isObject(encoding.value) ? encoding.value : {}
    // Objects are documents, unless a style says otherwise.
    const free = style === undefined && explode === undefined
    const said = free && typeof contentType === 'string' ? essenceOf(contentType) : null
    const isDocument = free && isObjectOnly(member)
    if (isDocument && said !== null && !isJson(said)) {
      const message = 'is of a document that is not read here; remove it: objects are JSON'
      notes.remove(within(encoding, 'contentType'), 'encoding-unsupported', message)
    }
    const json = isDocument || (said !== null && isJson(said))
    const spelling = json ? 'json' : spellingOf(encoding, 'query', member, notes)
    notes.text(member, spelling)
    notes.alike(places, member, (one) => (json && (isObjectOnly(one) || said !== null) ? 'document' : readingOf(one)))
    return [name, spelling]
  })
  return Object.fromEntries(members)
}
