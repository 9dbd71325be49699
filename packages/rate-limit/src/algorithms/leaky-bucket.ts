import { emissionOf, judgeDebt, refundOf } from './emission.ts'
import type { Algorithm } from './standing.ts'

/** Where a caller's numbers stand: the level in µs of leaking, when it was that high in ms. */
const LEVEL = 0
const LAST = 1

/**
 * A bucket that every unit fills and that leaks evenly, `limit` a window; what would overflow is refused (the leaky
 * bucket as a meter, ITU-T I.371). It admits what a token bucket of the same capacity admits: one counts what was
 * poured in, the other what is left. A refund restores as there.
 * @param limit units that leak per window
 * @param window seconds
 * @param capacity units that the bucket holds
 */
export function leakyBucket(limit: number, window: number, capacity: number): Algorithm {
  const emission = emissionOf(limit, window)
  const levelAt = (state: Float64Array, at: number, now: number): number =>
    Math.max(0, (state[at + LEVEL] as number) - Math.max(0, now - (state[at + LAST] as number)) * 1000)
  return {
    width: 2,

    judge(state, at, now, cost, out) {
      judgeDebt(Math.min(levelAt(state, at, now), emission * capacity), emission, capacity, now, cost, out)
    },

    commit(state, at, now, cost) {
      state[at + LEVEL] = Math.min(levelAt(state, at, now), emission * capacity) + emission * cost
      state[at + LAST] = now
    },

    refund(state, at, _now, cost, takenAt) {
      const back = refundOf(emission, cost, takenAt, state[at + LAST] as number)
      state[at + LEVEL] = Math.max(0, (state[at + LEVEL] as number) - back)
    },
  }
}
