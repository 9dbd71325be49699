/** A schema: where it stands, and what its references lead into. */
export interface Place {
  /** The whole: a document, or one schema. */
  readonly root: object
  /** JSON Pointer (RFC 6901) into it. */
  readonly pointer: string
  /** JSON Pointer of the whole in the gateway's options. */
  readonly at: string
  /** What stands there; undefined if nothing does. */
  readonly value: unknown
}

/** A whole. */
export const wholeOf = (root: object, at: string): Place => ({ root, pointer: '', at, value: root })

/** One step of a pointer. */
export const token = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')

const memberOf = (value: unknown, name: string | number): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string | number, unknown>)[name]
    : undefined

/** A place within another. */
export function within({ root, pointer, at, value }: Place, ...names: readonly (string | number)[]): Place {
  return {
    root,
    pointer: [pointer, ...names.map((name) => token(String(name)))].join('/'),
    at,
    value: names.reduce(memberOf, value),
  }
}

/** The same place of another whole of the same shape. */
export function placeIn(root: object, { pointer, at }: Place): Place {
  const names = pointer.split('/').slice(1)
  const value = names.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')).reduce(memberOf, root as unknown)
  return { root, pointer, at, value }
}

/** Where it stands in the gateway's options. */
export const inOptions = ({ at, pointer }: Place): string => `${at}${pointer}`

/** Whether something is a JSON object. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Where a reference leads, within the same whole.
 * @returns null for one that leads out of it, or is no JSON Pointer
 */
export function referred({ root, at }: Place, reference: unknown): Place | null {
  if (typeof reference !== 'string' || !/^#(?:\/|$)/.test(reference)) return null
  try {
    return placeIn(root, { root, at, pointer: decodeURIComponent(reference.slice(1)), value: undefined })
  } catch {
    return null
  }
}

/** Follows references from object to object, as far as they lead. Null: nowhere, or in a circle. */
export function followed(place: Place): Place | null {
  let here = place
  for (let steps = 0; steps < 32; steps++) {
    const value = here.value
    if (value === undefined) return null
    if (!isObject(value) || value['$ref'] === undefined) return here
    const next = referred(here, value['$ref'])
    if (next === null) return null
    here = next
  }
  return null
}

/** The object that stands somewhere, references followed. */
export function objectAt(
  place: Place,
): { readonly place: Place; readonly value: Readonly<Record<string, unknown>> } | null {
  const here = followed(place)
  const value = here === null ? undefined : here.value
  return here === null || !isObject(value) ? null : { place: here, value }
}

/**
 * The members that a schema and its parts name, with their schemas.
 * @param seen where it has been: a schema may be a part of itself, until that is refused
 */
export function partsMembersOf(
  place: Place,
  seen: Set<string> = new Set(),
): readonly (readonly [name: string, place: Place])[] {
  const here = followed(place)
  const schema = here === null ? undefined : here.value
  if (here === null || !isObject(schema) || seen.has(here.pointer)) return []
  seen.add(here.pointer)
  const { properties, allOf } = schema
  const own = isObject(properties)
    ? Object.keys(properties).map((name) => [name, within(here, 'properties', name)] as const)
    : []
  const parts = Array.isArray(allOf)
    ? [...allOf.keys()].flatMap((i) => partsMembersOf(within(here, 'allOf', i), seen))
    : []
  return [...own, ...parts]
}
