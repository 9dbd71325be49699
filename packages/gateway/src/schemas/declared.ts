import type { Described, Texts } from './described.ts'
import { followed, inOptions, isObject, type Place, within } from './pointer.ts'
import { LISTED, NAMED, SINGLE } from './walk.ts'

/** What a Fastify route says of its requests, for whoever looks through the schemas of routes. */
export type Declaration = Readonly<Record<string, unknown>>

/**
 * What a document says of a route, in the form of a Fastify route's `schema`. References are followed, so that it may
 * contain itself.
 * @param limit bytes of a body
 * @param made schemas whose references were followed already: of the same document
 */
export function declarationOf(
  { params, query, headers, body }: Described,
  method: string,
  limit: number,
  made: Map<string, unknown>,
): Declaration {
  const declared: Record<string, unknown> = {
    // For no other document: there is one already, and schemas that contain themselves cannot be written.
    hide: true,
  }
  const texts = (part: Texts | null): object | null =>
    part === null || 'whole' in part
      ? null
      : {
          type: 'object',
          required: [...part.required],
          properties: Object.fromEntries(
            Object.entries(part.properties).map(([name, place]) => [name, expanded(place, made)]),
          ),
        }
  const closed = (part: object | null): object | null =>
    part === null ? null : { ...part, additionalProperties: false }
  const named = (part: Texts | null): boolean =>
    part !== null && 'properties' in part && Object.keys(part.properties).length > 0
  if (named(params)) declared['params'] = closed(texts(params))
  declared['querystring'] = closed(texts(query)) ?? undefined
  if (named(headers)) declared['headers'] = texts(headers)
  if (body !== null && method !== 'GET' && method !== 'HEAD') {
    const binary = { type: 'string', format: 'binary', maxLength: limit }
    const contents = [...body.contents].map(([type, { kind, place }]) => [
      type,
      { schema: kind === 'unread' ? binary : place === null ? {} : expanded(place, made) },
    ])
    declared['body'] = contents.length === 0 ? { type: 'null' } : { content: Object.fromEntries(contents) }
  }
  return declared
}

/** A schema with its references followed: without recursion, for they may be many. */
function expanded(start: Place, made: Map<string, unknown>): unknown {
  const left: (() => void)[] = []
  const value = shell(start, made, left)
  for (let fill = left.pop(); fill !== undefined; fill = left.pop()) fill()
  return value
}

/** A schema whose inner schemas are still to be filled in. */
function shell(place: Place, made: Map<string, unknown>, left: (() => void)[]): unknown {
  const written = place.value
  if (isObject(written) && written['$ref'] !== undefined) {
    const target = followed(place)
    const { $ref: _reference, ...beside } = written
    const meant = target === null ? {} : shell(target, made, left)
    return Object.keys(beside).length === 0 ? meant : { ...beside, allOf: [meant] }
  }
  if (!isObject(written)) return written
  const known = made.get(inOptions(place))
  if (known !== undefined) return known
  const schema: Record<string, unknown> = { ...written }
  made.set(inOptions(place), schema)
  const inner = (...names: (string | number)[]): unknown => shell(within(place, ...names), made, left)
  left.push(() => {
    for (const word of NAMED) {
      const { [word]: named } = written
      if (isObject(named)) {
        schema[word] = Object.fromEntries(Object.keys(named).map((name) => [name, inner(word, name)]))
      }
    }
    for (const word of LISTED) {
      const { [word]: list } = written
      if (Array.isArray(list)) schema[word] = [...list.keys()].map((i) => inner(word, i))
    }
    for (const word of SINGLE) if (isObject(written[word])) schema[word] = inner(word)
  })
  return schema
}
