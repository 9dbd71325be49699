import { inOptions, isObject, type Place, referred, within } from './pointer.ts'

/** Keywords whose schemas are of the same value as the one that they stand in. */
const LISTED = ['allOf', 'anyOf', 'oneOf'] as const
const SINGLE = ['not', 'if', 'then', 'else'] as const

function ofSameValue(place: Place): Place[] {
  const schema = place.value
  if (!isObject(schema)) return []
  const { dependentSchemas, $ref } = schema
  const target = referred(place, $ref)
  return [
    ...LISTED.flatMap((word) => {
      const { [word]: list } = schema
      return Array.isArray(list) ? [...list.keys()].map((i) => within(place, word, i)) : []
    }),
    ...SINGLE.filter((word) => word in schema).map((word) => within(place, word)),
    ...(isObject(dependentSchemas)
      ? Object.keys(dependentSchemas).map((name) => within(place, 'dependentSchemas', name))
      : []),
    ...(target === null ? [] : [target]),
  ]
}

/**
 * Finds a reference by which a schema contains itself without going into a value: judging one would not end.
 * @param starts schemas that may be part of such a circle
 */
export function circleIn(starts: readonly Place[]): Place | null {
  const done = new Set<string>()
  for (const start of starts) {
    const open = new Set<string>()
    // Without recursion: schemas may refer to one another in long chains.
    const trail: { readonly place: Place; readonly left: Place[] }[] = []
    const enter = (place: Place): void => {
      open.add(inOptions(place))
      trail.push({ place, left: ofSameValue(place) })
    }
    if (!done.has(inOptions(start))) enter(start)
    for (let here = trail.at(-1); here !== undefined; here = trail.at(-1)) {
      const next = here.left.pop()
      if (next === undefined) {
        trail.pop()
        done.add(inOptions(here.place))
        open.delete(inOptions(here.place))
      } else if (open.has(inOptions(next))) {
        // No tree leads back to where it began but by a reference.
        const last = trail.findLast(({ place }) => isObject(place.value) && place.value['$ref'] !== undefined)
        return (last ?? here).place
      } else if (!done.has(inOptions(next))) enter(next)
    }
  }
  return null
}
