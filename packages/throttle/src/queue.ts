/** How much may wait, and how long. */
export interface QueueLimits {
  /** Requests that wait at once, of all callers. */
  readonly length: number
  /** The same, of one caller. */
  readonly perCaller: number
  /** Milliseconds that one request waits at the longest. */
  readonly waitMs: number
}

/** Why a request may not wait: milliseconds until it might. */
export type TooLate = number

/** Callers remembered by one rule; more share one entry while all of these are busy. */
export const CALLERS = 100_000
