import type { Judge } from './lint.ts'

/**
 * How long one pattern is looked at, in milliseconds. Most take some tens of them; on a machine that is busy with other
 * things they take seconds, and whether an app starts must not depend on that.
 */
const PATIENCE_MS = 15_000

/** What `recheck` says, as far as it is read here. */
type Found =
  | { readonly status: 'safe' | 'unknown' }
  | { readonly status: 'vulnerable'; readonly complexity: { readonly type: 'polynomial' | 'exponential' } }

/** A judge of patterns (`recheck`), loaded only where there are any: it is large. Ajv compiles patterns with the flag `u`. */
export async function openJudge(): Promise<Judge> {
  const { checkSync } = await import('recheck')
  const known = new Map<string, ReturnType<Judge>>()
  return (pattern) => {
    const before = known.get(pattern)
    if (before !== undefined) return before
    const found = checkSync(pattern, 'u', { timeout: PATIENCE_MS }) as Found
    const judged = found.status === 'safe' ? 'safe' : found.status === 'vulnerable' ? found.complexity.type : 'unknown'
    known.set(pattern, judged)
    return judged
  }
}
