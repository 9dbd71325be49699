/** How one caller stands with one quota, as an algorithm judges it. Reused from decision to decision. */
export interface Standing {
  /** Whether the cost fits. */
  allowed: boolean
  /** The most that can be spent at once. */
  capacity: number
  /** Units left before this request. */
  before: number
  /** Units left after it, if it is allowed. */
  after: number
  /** Milliseconds until the quota is whole again. */
  resetMs: number
  /** Milliseconds until the same request would be allowed; 0 if it is. */
  retryMs: number
  /** When what is remembered may be forgotten, in ms on the store's clock. */
  until: number
}

/** A standing to be filled. */
export function blankStanding(): Standing {
  return { allowed: true, capacity: 0, before: 0, after: 0, resetMs: 0, retryMs: 0, until: 0 }
}

/** How a quota is counted: plain arithmetic over a few numbers a caller. */
export interface Algorithm {
  /** Numbers remembered per caller. */
  readonly width: number
  /**
   * Judges a request against `state[at … at + width)` (all zero: a caller not yet seen); writes nothing but `out`.
   * `now` in ms; a cost of 0 only looks.
   */
  judge(state: Float64Array, at: number, now: number, cost: number, out: Standing): void
  /** Writes what an allowing `judge` of the same arguments found. */
  commit(state: Float64Array, at: number, now: number, cost: number, out: Readonly<Standing>): void
  /** Gives `cost` units back that were taken at `takenAt`. What remains is never less than without that taking. */
  refund(state: Float64Array, at: number, now: number, cost: number, takenAt: number): void
}
