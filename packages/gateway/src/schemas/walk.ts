import { inOptions, isObject, type Place, referred, within } from './pointer.ts'

/** Keywords whose value holds schemas under names of their own, a list of schemas, one schema. */
export const NAMED = ['properties', 'patternProperties', 'dependentSchemas'] as const
export const LISTED = ['allOf', 'anyOf', 'oneOf', 'prefixItems'] as const
export const SINGLE = [
  'not',
  'if',
  'then',
  'else',
  'items',
  'contains',
  'additionalProperties',
  'propertyNames',
  'unevaluatedItems',
  'unevaluatedProperties',
] as const

/** A schema that is an object of keywords. */
export type Keywords = Readonly<Record<string, unknown>>

/**
 * Told of a schema.
 * @param part whether it is a part of another's whole: a member of its `allOf`
 */
export type Visit = (schema: Keywords, place: Place, part: boolean) => void

/**
 * Visits a schema and everything that it holds or refers to, each once.
 * @param seen where it has been: shared by walks over the same whole
 */
export function walk(start: Place, visit: Visit, seen: Set<string> = new Set()): void {
  // Without recursion: schemas may refer to one another in long chains.
  const left: (readonly [place: Place, part: boolean])[] = [[start, false]]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [place, part] = next
    const known = `${part} ${inOptions(place)}`
    const schema = place.value
    if (seen.has(known) || !isObject(schema)) continue
    seen.add(known)
    visit(schema, place, part)
    for (const word of NAMED) {
      const { [word]: named } = schema
      if (isObject(named)) for (const name of Object.keys(named)) left.push([within(place, word, name), false])
    }
    for (const word of LISTED) {
      const { [word]: list } = schema
      if (Array.isArray(list)) for (const i of list.keys()) left.push([within(place, word, i), word === 'allOf'])
    }
    for (const word of SINGLE) if (isObject(schema[word])) left.push([within(place, word), false])
    const target = referred(place, schema['$ref'])
    if (target !== null) left.push([target, part])
  }
}
