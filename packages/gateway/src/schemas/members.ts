import { isObject, type Place, referred, within } from './pointer.ts'
import { itemsOf, typesOf } from './shapes.ts'

/** Keywords whose schemas are of the same value as the schema that they stand in. */
const LISTED = ['allOf', 'anyOf', 'oneOf'] as const
const SINGLE = ['not', 'if', 'then', 'else'] as const

/** Every place where a schema says something of a member, or of members that it does not name. */
export interface Members {
  readonly named: ReadonlyMap<string, readonly Place[]>
  /** Names that a schema forbids. */
  readonly forbidden: ReadonlySet<string>
  readonly others: readonly Place[]
  /** The schemas that say so, all of the same object. */
  readonly schemas: readonly object[]
}

/** Finds what a schema says of members: whatever of its branches holds, all of them read the same texts. */
export function membersIn(start: Place): Members {
  const named = new Map<string, Place[]>()
  const forbidden = new Set<string>()
  const others: Place[] = []
  const schemas: object[] = []
  const seen = new Set<string>()
  // In the order in which it is written: what comes first is what the others are compared with.
  const left: Place[] = [start]
  for (let here = left.pop(); here !== undefined; here = left.pop()) {
    const schema = here.value
    if (!isObject(schema) || seen.has(here.pointer)) continue
    seen.add(here.pointer)
    schemas.push(schema)
    for (const [name, member] of placesIn(here, 'properties')) {
      if (member.value === false) forbidden.add(name)
      else named.set(name, [...(named.get(name) ?? []), member])
    }
    others.push(...placesIn(here, 'patternProperties').map(([, other]) => other))
    for (const word of ['additionalProperties', 'unevaluatedProperties']) {
      if (isObject(schema[word])) others.push(within(here, word))
    }
    const inner = [
      ...LISTED.flatMap((word) =>
        (Array.isArray(schema[word]) ? [...schema[word].keys()] : []).map((i) => within(here, word, i)),
      ),
      ...SINGLE.filter((word) => isObject(schema[word])).map((word) => within(here, word)),
      ...placesIn(here, 'dependentSchemas').map(([, one]) => one),
    ]
    const target = referred(here, schema['$ref'])
    left.push(...inner.toReversed(), ...(target === null ? [] : [target]))
  }
  return { named, forbidden, others, schemas }
}

function placesIn(place: Place, word: string): readonly (readonly [name: string, place: Place])[] {
  const holder = within(place, word)
  return isObject(holder.value) ? Object.keys(holder.value).map((name) => [name, within(holder, name)] as const) : []
}

/** Of several places that say something of one member, the first that says what it is of. */
export const telling = (places: readonly Place[]): Place =>
  places.find((place) => typesOf(place) !== null) ?? (places[0] as Place)

/** The members that a schema of an object names, each with the schema that says what it is of. */
export const membersOf = (place: Place): readonly (readonly [name: string, place: Place])[] =>
  [...membersIn(place).named].map(([name, places]) => [name, telling(places)] as const)

/** How texts of a value are read; equal for schemas of which each reads them as the other does. Null: it does not say. */
export function readingOf(place: Place, isInner = false): string | null {
  const types = typesOf(place)
  if (types === null) return null
  if (types.has('array')) {
    const items = itemsOf(place)
    return `list of ${items === null ? 'anything' : readingOf(items, true)}`
  }
  if (types.has('object')) {
    if (isInner) return 'object'
    const members = membersOf(place).map(([name, member]) => `${JSON.stringify(name)}: ${readingOf(member, true)}`)
    return `object of ${members.toSorted().join(', ')}`
  }
  const numbers = types.has('number') || types.has('integer')
  return ['text', numbers ? 'number' : '', types.has('boolean') ? 'boolean' : ''].join(' ')
}
