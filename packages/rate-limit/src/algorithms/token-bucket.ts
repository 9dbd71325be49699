import { emissionOf, judgeDebt, refundOf } from './emission.ts'
import type { Algorithm } from './standing.ts'

/** Where a caller's numbers stand: when the bucket is full again in µs, the latest taking in ms. */
const FULL = 0
const LAST = 1

/**
 * A bucket of `capacity` tokens that refills evenly, `limit` a window; computed by the generic cell rate algorithm
 * (ITU-T I.371), whose state is one time, in whole microseconds: sums are exact. In t seconds at most
 * `capacity + limit * t / window` units pass. A refund restores exactly unless something was taken after it; then it
 * gives back less by at most the time between the two.
 * @param limit units per window
 * @param window seconds
 * @param capacity units at once
 */
export function tokenBucket(limit: number, window: number, capacity: number): Algorithm {
  const emission = emissionOf(limit, window)
  const tolerance = emission * capacity
  /** Never further ahead than a whole bucket: a clock that was set back must not lengthen anybody's wait. */
  const debtOf = (full: number, now: number): number => (full > now ? Math.min(full - now, tolerance) : 0)
  return {
    width: 2,

    judge(state, at, now, cost, out) {
      judgeDebt(debtOf(state[at + FULL] as number, now * 1000), emission, capacity, now, cost, out)
    },

    commit(state, at, now, cost) {
      state[at + FULL] = now * 1000 + debtOf(state[at + FULL] as number, now * 1000) + emission * cost
      state[at + LAST] = now
    },

    refund(state, at, now, cost, takenAt) {
      const debt = debtOf(state[at + FULL] as number, now * 1000)
      const back = refundOf(emission, cost, takenAt, state[at + LAST] as number)
      state[at + FULL] = now * 1000 + Math.max(0, debt - back)
    },
  }
}
