/**
 * True for `{}` and objects without a prototype: what options are made of. Everything else passes by reference.
 * The `{}` of another realm counts too: test runners and `structuredClone` hand them out.
 */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, '__proto__')
}

/** A deep copy of plain objects and arrays; class instances, functions, Buffers and KeyObjects stay themselves. */
export function copy<T>(value: T, seen: Map<unknown, unknown> = new Map()): T {
  if (!Array.isArray(value) && !isPlain(value)) return value
  const known = seen.get(value)
  if (known !== undefined) return known as T
  if (Array.isArray(value)) {
    const list: unknown[] = []
    seen.set(value, list)
    for (const item of value) list.push(copy(item, seen))
    return list as T
  }
  const object: Record<string, unknown> = {}
  seen.set(value, object)
  for (const key of Object.keys(value)) {
    set(object, key, copy(value[key], seen))
  }
  return object as T
}

/** Assigns a member; a parsed `__proto__` stays an ordinary (and then unknown) key. */
export function set(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') object[key] = value
  else Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
}

/** Freezes plain objects and arrays, deeply. */
export function freeze<T>(value: T): T {
  if ((!Array.isArray(value) && !isPlain(value)) || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const item of Object.values(value)) freeze(item)
  return value
}

/** `override` over `base`, both frozen: objects merge deeply, lists and everything else replace; parts are shared. */
export function merge(base: unknown, override: unknown): unknown {
  if (!isPlain(base) || !isPlain(override)) return override
  const merged: Record<string, unknown> = {}
  for (const key of Object.keys(base)) set(merged, key, base[key])
  for (const key of Object.keys(override))
    set(merged, key, merge(Object.hasOwn(merged, key) ? merged[key] : undefined, override[key]))
  return merged
}
