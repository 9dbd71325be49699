import { isExact } from './json-number.ts'

/** A decimal as JSON spells one (RFC 8259 §6), without an exponent. */
const DECIMAL = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/

/** Copies what coercion may change: objects and lists; texts and numbers are what they are. */
export function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied)
  if (typeof value !== 'object' || value === null) return value
  const copy: Record<string, unknown> = { __proto__: null }
  for (const name in value) copy[name] = copied((value as Record<string, unknown>)[name])
  return copy
}

/**
 * Finds a number that its text does not spell. Ajv takes whatever JavaScript does: `0x10`, `1e3`, ` 1`, `Infinity`, and
 * `9007199254740993` for its neighbour.
 * @param before what came, as `copied` before it was coerced
 * @returns JSON Pointer to it; null if there is none
 */
export function misspelt(before: unknown, after: unknown, at = ''): string | null {
  if (typeof after === 'number') {
    // A list of one is read as its member.
    const text: unknown = Array.isArray(before) ? before[0] : before
    return typeof text === 'string' && !(DECIMAL.test(text) && isExact(text)) ? at : null
  }
  if (typeof after !== 'object' || after === null) return null
  if (Array.isArray(after)) {
    const texts: readonly unknown[] = Array.isArray(before) ? before : [before]
    return first(after.keys(), (i) => misspelt(texts[i], after[i], `${at}/${i}`))
  }
  if (typeof before !== 'object' || before === null) return null
  return first(Object.keys(before), (name) =>
    misspelt(
      (before as Record<string, unknown>)[name],
      (after as Record<string, unknown>)[name],
      `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    ),
  )
}

function first<T>(all: Iterable<T>, find: (one: T) => string | null): string | null {
  for (const one of all) {
    const found = find(one)
    if (found !== null) return found
  }
  return null
}
