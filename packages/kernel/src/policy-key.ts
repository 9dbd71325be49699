import { isPlain } from './copy.ts'

/**
 * Makes a function that gives equal policies equal keys: data by content, whatever passes by reference (functions,
 * instances, even those with a `toJSON`) by identity. A policy that was asked about before is not walked again.
 */
export function policyKeys(): (policy: object) => string {
  const identities = new Map<unknown, number>()
  const known = new WeakMap<object, string>()

  const key = (value: unknown, around: readonly unknown[]): string => {
    if (typeof value === 'string') return JSON.stringify(value)
    if (value === null || typeof value === 'boolean' || typeof value === 'number')
      return Object.is(value, -0) ? '-0' : String(value)
    const list = Array.isArray(value)
    if ((list || isPlain(value)) && !around.includes(value)) {
      const inside = [...around, value]
      if (list) return `[${value.map((item) => key(item, inside)).join(',')}]`
      return `{${Object.keys(value as object)
        .toSorted()
        .map((name) => `${JSON.stringify(name)}:${key((value as Record<string, unknown>)[name], inside)}`)
        .join(',')}}`
    }
    if (!identities.has(value)) identities.set(value, identities.size)
    return `#${identities.get(value)}`
  }

  return (policy) => {
    const found = known.get(policy) ?? key(policy, [])
    known.set(policy, found)
    return found
  }
}
