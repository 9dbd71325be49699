/** True for `{}` and objects without a prototype: what options are made of. Everything else passes by reference. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
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
    // A parsed `__proto__` stays an ordinary (and then unknown) key.
    Object.defineProperty(object, key, {
      value: copy(value[key], seen),
      writable: true,
      enumerable: true,
      configurable: true,
    })
  }
  return object as T
}

/** Freezes plain objects and arrays, deeply. */
export function freeze<T>(value: T): T {
  if ((!Array.isArray(value) && !isPlain(value)) || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const item of Object.values(value)) freeze(item)
  return value
}

/** `override` over `base`: objects merge deeply, lists and everything else replace. Neither is changed. */
export function merge(base: unknown, override: unknown): unknown {
  if (!isPlain(base) || !isPlain(override)) return copy(override)
  const merged = copy(base)
  for (const key of Object.keys(override)) merged[key] = merge(merged[key], override[key])
  return merged
}
