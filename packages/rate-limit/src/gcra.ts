import type { Algorithm } from './standing.ts'

/** Microseconds in which one unit comes back. Rounded up, so that rounding never admits more than the limit. */
export function emissionOf(limit: number, window: number): number {
  return Math.ceil((window * 1_000_000) / limit)
}

/**
 * The generic cell rate algorithm (ITU-T I.371): a bucket of `capacity` units that refills evenly, `limit` a window.
 * State is one number, the theoretical arrival time, in whole microseconds: sums are exact.
 */
export function gcra(limit: number, window: number, capacity: number): Algorithm {
  const emission = emissionOf(limit, window)
  const tolerance = emission * capacity
  return (level, _until, nowMs, cost, out) => {
    const now = nowMs * 1000
    // Never further ahead than a whole bucket: a clock that was set back must not lengthen anybody's wait.
    const debt = level > now ? Math.min(level - now, tolerance) : 0
    const owed = debt + emission * cost
    const allowed = owed <= tolerance
    out.allowed = allowed
    out.before = Math.floor((tolerance - debt) / emission)
    out.after = allowed ? Math.floor((tolerance - owed) / emission) : out.before
    out.resetMs = Math.ceil((allowed ? owed : debt) / 1000)
    out.retryMs = allowed ? 0 : Math.ceil((owed - tolerance) / 1000)
    out.level = now + owed
    out.until = Math.ceil(out.level / 1000)
  }
}
