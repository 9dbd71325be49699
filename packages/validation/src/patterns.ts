import type { Judge } from './lint.ts'

/**
 * How long one pattern is looked at that no automaton tells of, in milliseconds. Most take some tens of them; on a machine
 * that is busy with other things they take seconds, and whether an app starts must not depend on that.
 */
const PATIENCE_MS = 15_000

/** What `recheck` says, as far as it is read here. */
type Found =
  | { readonly status: 'safe' | 'unknown' }
  | { readonly status: 'vulnerable'; readonly complexity: { readonly type: 'polynomial' | 'exponential' } }

/** A part of a pattern that is no repetition: an escape, or a set. */
const OTHER = /\\.|\[(?:\\.|[^\]\\])*\]/
/** `{2,64}`, `{64}`; what may follow it, `?`, only says which end is tried first. */
const REPETITION = /\{(?<least>\d+)(?<to>,(?<most>\d*))?\}/
const PARTS = new RegExp(`${OTHER.source}|${REPETITION.source}`, 'gsu')

/** Exact repetitions up to so many are left: an automaton takes them, and a pattern's shape is in them. */
const FEW = 16

/**
 * A pattern that repeats without end wherever the given one repeats up to a number. It has every way to match that the
 * given one has, and more: where it does not backtrack, the given one does not. An automaton of it is small, while one of
 * `{1,1000}` is so large that only trying tells, for seconds.
 */
export function widen(pattern: string): string {
  return pattern.replaceAll(PARTS, (part, ...given) => {
    const { least, to, most } = given.at(-1) as { least?: string; to?: string; most?: string }
    if (least === undefined || most === '') return part
    if (to === undefined ? Number(least) <= FEW : Number(most) <= 1) return part
    return Number(least) === 0 ? '*' : '+'
  })
}

/** Repetitions up to so many multiply to nothing that hurts. */
const HARMLESS = 8

function repeatsOften(pattern: string): boolean {
  return [...pattern.matchAll(PARTS)].some(({ groups }) => Number(groups?.['most'] ?? groups?.['least']) > HARMLESS)
}

/** A judge of patterns (`recheck`), loaded only where there are any: it is large. Ajv compiles patterns with the flag `u`. */
export async function openJudge(): Promise<Judge> {
  const { checkSync } = await import('recheck')
  const known = new Map<string, ReturnType<Judge>>()
  const look = (pattern: string): Found => {
    const wider = widen(pattern)
    const found = wider === pattern ? null : (checkSync(wider, 'u', { checker: 'automaton', timeout: null }) as Found)
    if (found?.status === 'safe') return found
    const tried = checkSync(pattern, 'u', { timeout: PATIENCE_MS }) as Found
    // Trying has its luck: two ways at each of thirty steps are a thousand million.
    const isMissed = tried.status === 'safe' && found?.status === 'vulnerable' && repeatsOften(pattern)
    return isMissed && found.complexity.type === 'exponential' ? found : tried
  }
  return (pattern) => {
    const before = known.get(pattern)
    if (before !== undefined) return before
    const found = look(pattern)
    const judged = found.status === 'safe' ? 'safe' : found.status === 'vulnerable' ? found.complexity.type : 'unknown'
    known.set(pattern, judged)
    return judged
  }
}
