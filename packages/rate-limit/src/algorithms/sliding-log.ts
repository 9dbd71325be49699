import type { Algorithm } from './standing.ts'

/** Where a caller's numbers stand: the place of the oldest entry, then a ring of the times (ms) when a unit comes back. */
const HEAD = 0
const FIRST = 1

/**
 * Every unit of the last `window` seconds is remembered: at most `limit` in any stretch of that length, exactly.
 * A refund restores exactly.
 * @param limit units per window: as many numbers are remembered
 * @param window seconds
 */
export function slidingLog(limit: number, window: number): Algorithm {
  const windowMs = window * 1000
  /** When the unit at a place comes back; a clock that was set back must not make anybody wait longer than a window. */
  const backAt = (state: Float64Array, at: number, place: number, now: number): number =>
    Math.min(state[at + FIRST + (((state[at + HEAD] as number) + place) % limit)] as number, now + windowMs)

  return {
    width: limit + 1,

    judge(state, at, now, cost, out) {
      let free = 0
      while (free < limit && backAt(state, at, free, now) <= now) free++
      const allowed = cost <= free
      out.allowed = allowed
      out.capacity = limit
      out.before = free
      out.after = allowed ? free - cost : free
      out.retryMs = allowed ? 0 : backAt(state, at, Math.min(cost, limit) - 1, now) - now
      out.resetMs = allowed && cost > 0 ? windowMs : Math.max(0, backAt(state, at, limit - 1, now) - now)
      out.until = now + out.resetMs
    },

    commit(state, at, now, cost) {
      for (let place = 0; place < limit; place++) {
        const slot = at + FIRST + place
        if ((state[slot] as number) > now + windowMs) state[slot] = now + windowMs
      }
      let head = state[at + HEAD] as number
      for (let unit = 0; unit < cost; unit++) {
        state[at + FIRST + head] = now + windowMs
        head = (head + 1) % limit
      }
      state[at + HEAD] = head
    },

    refund(state, at, now, cost, takenAt) {
      let owed = cost
      const kept: number[] = []
      for (let place = 0; place < limit; place++) {
        const back = backAt(state, at, place, now)
        if (back === takenAt + windowMs && owed > 0) owed--
        else kept.push(back)
      }
      state[at + HEAD] = 0
      for (let place = 0; place < limit; place++) state[at + FIRST + place] = kept[place - (limit - kept.length)] ?? 0
    },
  }
}
