import type { Standing } from './standing.ts'

/** Microseconds in which one unit comes back. Rounded up, so that rounding never admits more than the limit. */
export function emissionOf(limit: number, window: number): number {
  return Math.ceil((window * 1_000_000) / limit)
}

/**
 * Judges a request of `cost` units by what its caller still owes.
 * @param debt µs until nothing is owed, at most `emission * capacity`
 * @param now ms
 */
export function judgeDebt(
  debt: number,
  emission: number,
  capacity: number,
  now: number,
  cost: number,
  out: Standing,
): void {
  const tolerance = emission * capacity
  const owed = debt + emission * cost
  const allowed = owed <= tolerance
  out.allowed = allowed
  out.capacity = capacity
  out.before = Math.floor((tolerance - debt) / emission)
  out.after = allowed ? Math.floor((tolerance - owed) / emission) : out.before
  out.resetMs = Math.ceil((allowed ? owed : debt) / 1000)
  out.retryMs = allowed ? 0 : Math.ceil((owed - tolerance) / 1000)
  out.until = now + out.resetMs
}

/**
 * The µs that a refund takes off a debt. What was taken later may have found a bucket that had come back to rest
 * without this taking; the time between bounds how far, and that much is kept.
 * @param last ms of the latest taking
 */
export function refundOf(emission: number, cost: number, takenAt: number, last: number): number {
  return Math.max(0, emission * cost - Math.max(0, last - takenAt) * 1000)
}
