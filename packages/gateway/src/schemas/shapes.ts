import { followed, isObject, type Place, within } from './pointer.ts'

/** The types that a schema names; null if it names none. */
export function typesOf(place: Place, depth = 0): ReadonlySet<string> | null {
  const here = followed(place)
  const schema = here === null ? undefined : here.value
  if (here === null || !isObject(schema) || depth > 16) return null
  const { type, enum: choices } = schema
  if (type !== undefined) return new Set([type].flat() as string[])
  if (Array.isArray(choices)) return new Set(choices.map(typeOf))
  if ('const' in schema) return new Set([typeOf(schema['const'])])
  const of = (word: string): (ReadonlySet<string> | null)[] =>
    Array.isArray(schema[word]) ? [...schema[word].keys()].map((i) => typesOf(within(here, word, i), depth + 1)) : []
  // Each of `allOf` holds: the first that tells is enough. One of the others holds: all must tell.
  const all = of('allOf').find((types) => types !== null)
  if (all !== undefined) return all
  const any = [...of('oneOf'), ...of('anyOf')]
  return any.length === 0 || any.includes(null) ? null : new Set(any.flatMap((types) => [...(types ?? [])]))
}

const typeOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)

/** Where the schema of a list's items stands, if it has one. */
export function itemsOf(place: Place): Place | null {
  const here = followed(place)
  const schema = here === null ? undefined : here.value
  return here !== null && isObject(schema) && isObject(schema['items']) ? within(here, 'items') : null
}

/** Whether a schema is of objects, and of nothing else. */
export function isObjectOnly(place: Place): boolean {
  const types = typesOf(place)
  return types !== null && types.size === 1 && types.has('object')
}
