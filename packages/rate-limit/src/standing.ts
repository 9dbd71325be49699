/** How one caller stands with one quota, as an algorithm judges it. Reused from decision to decision. */
export interface Standing {
  /** Whether the cost fits. */
  allowed: boolean
  /** Units left before this request. */
  before: number
  /** Units left after it, if it is allowed. */
  after: number
  /** Milliseconds until the quota is whole again. */
  resetMs: number
  /** Milliseconds until the same request would be allowed; 0 if it is. */
  retryMs: number
  /** What to remember if it is allowed: units spent (fixed window) or the arrival time in µs (GCRA). */
  level: number
  /** When what is remembered may be forgotten, in ms on the store's clock. */
  until: number
}

/** A standing to be filled. */
export function blankStanding(): Standing {
  return { allowed: true, before: 0, after: 0, resetMs: 0, retryMs: 0, level: 0, until: 0 }
}

/**
 * Judges a request against what is remembered of its caller, and writes nothing but `out`.
 * `level` and `until` are as an earlier standing left them, 0 and 0 for a caller not yet seen; `now` in ms.
 */
export type Algorithm = (level: number, until: number, now: number, cost: number, out: Standing) => void
