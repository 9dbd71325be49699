/** Names by which code reaches a prototype. */
const REACHING: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Why a query is refused. */
export type QueryFault = 'prototype-key' | 'repeated-parameter'

/**
 * Finds what no query may hold, in its parsed form: names of prototypes, at any depth, and parameters that came more
 * than once where one is meant.
 * @param lists names that may come more than once; null: all may
 */
export function queryFault(query: unknown, lists: ReadonlySet<string> | null): QueryFault | null {
  if (typeof query !== 'object' || query === null) return null
  for (const name in query) {
    if (REACHING.has(name)) return 'prototype-key'
    const value = (query as Record<string, unknown>)[name]
    if (typeof value === 'string') continue
    if (Array.isArray(value) && lists !== null && !lists.has(name)) return 'repeated-parameter'
    // Parsers that build objects of `a[b]=c` bound their depth.
    const inner = queryFault(value, null)
    if (inner !== null) return inner
  }
  return null
}
