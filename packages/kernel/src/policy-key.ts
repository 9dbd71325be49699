import { isPlain } from './copy.ts'

/**
 * Makes a function that gives equal policies equal numbers: data by content, whatever passes by reference (functions,
 * instances, even those with a `toJSON`) by identity. What was asked about before is not walked again: policies are
 * frozen, and those of routes share most of their parts.
 */
export function policyKeys(): (policy: object) => number {
  const identities = new Map<unknown, number>()
  const numbers = new Map<string, number>()
  const known = new WeakMap<object, number>()

  const numberOf = (value: object, around: readonly unknown[]): number => {
    const found = known.get(value)
    if (found !== undefined) return found
    const text = content(value, [...around, value])
    const number = numbers.get(text) ?? numbers.size
    numbers.set(text, number)
    if (Object.isFrozen(value)) known.set(value, number)
    return number
  }
  const content = (value: object, around: readonly unknown[]): string => {
    if (Array.isArray(value)) return `[${value.map((item) => key(item, around)).join(',')}]`
    const members = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1))
    return `{${members.map(([name, item]) => `${JSON.stringify(name)}:${key(item, around)}`).join(',')}}`
  }

  const key = (value: unknown, around: readonly unknown[]): string => {
    if (typeof value === 'string') return JSON.stringify(value)
    if (value === null || typeof value === 'boolean' || typeof value === 'number')
      return Object.is(value, -0) ? '-0' : String(value)
    if ((Array.isArray(value) || isPlain(value)) && !around.includes(value)) return `@${numberOf(value, around)}`
    if (!identities.has(value)) identities.set(value, identities.size)
    return `#${identities.get(value)}`
  }

  return (policy) => numberOf(policy, [])
}
