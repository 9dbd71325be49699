/** Names by which code reaches a prototype. */
const REACHING: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Whether a name, or a step of a path like `a[b].c`, is one of those. */
export function reachesPrototype(name: string): boolean {
  if (REACHING.has(name)) return true
  return /[.[]/.test(name) && name.split(/[.[\]]/).some((step) => REACHING.has(step))
}

/** Why a query is refused. */
export type QueryFault = 'prototype-key' | 'repeated-parameter' | 'malformed-encoding'

/** Whether text holds what no reader of percent-encoding need agree on: `%zz`, bytes that are no UTF-8, overlong forms. */
export function isMalformed(text: string): boolean {
  if (!text.includes('%')) return false
  try {
    decodeURIComponent(text)
    return false
  } catch {
    return true
  }
}

/**
 * Finds what no query may hold, in its parsed form: names of prototypes, at any depth, and parameters that came more
 * than once where one is meant.
 * @param lists names that may come more than once; null: all may
 */
export function queryFault(query: unknown, lists: ReadonlySet<string> | null): QueryFault | null {
  if (typeof query !== 'object' || query === null) return null
  for (const name in query) {
    if (reachesPrototype(name)) return 'prototype-key'
    const value = (query as Record<string, unknown>)[name]
    if (typeof value === 'string') continue
    if (Array.isArray(value) && lists !== null && !lists.has(name)) return 'repeated-parameter'
    // Parsers that build objects of `a[b]=c` bound their depth.
    const inner = queryFault(value, null)
    if (inner !== null) return inner
  }
  return null
}
