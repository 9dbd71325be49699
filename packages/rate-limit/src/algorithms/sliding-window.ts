import { slidingLog } from './sliding-log.ts'
import type { Algorithm } from './standing.ts'

/**
 * Parts that a window is divided into. One part more is counted, so that a whole window is always covered: of the rate
 * 20/21, which is 95 %, is kept.
 */
export const SEGMENTS = 20
const COUNTERS: number = SEGMENTS + 1

/** The longest limit that is kept as a log: longer, the segments are smaller. */
export const LONGEST_LOG: number = COUNTERS

/** Where a caller's numbers stand: the newest segment's number, then units by segment number modulo `COUNTERS`. */
const NEWEST = 0
const FIRST = 1

/**
 * At most `limit` units in any stretch of `window` seconds, wherever it begins. Small limits are kept as an exact log,
 * larger ones by segments of the window. A refund restores exactly.
 * @param limit units per window
 * @param window seconds
 */
export function slidingWindow(limit: number, window: number): Algorithm {
  return limit <= LONGEST_LOG ? slidingLog(limit, window) : slidingSegments(limit, window)
}

/** The sliding window by segments, whatever the limit. */
export function slidingSegments(limit: number, window: number): Algorithm {
  // Seconds divided by 20 are whole milliseconds.
  const segmentMs = (window * 1000) / SEGMENTS
  const counter = (at: number, segment: number): number => at + FIRST + (segment % COUNTERS)

  return {
    width: COUNTERS + 1,

    judge(state, at, now, cost, out) {
      const current = Math.floor(now / segmentMs)
      const newest = state[at + NEWEST] as number
      // After a clock was set back, what is remembered counts as spent just now.
      const base = Math.max(newest, current)
      const oldest = Math.max(0, base - SEGMENTS)
      let spent = 0
      let place = counter(at, oldest)
      const end = at + FIRST + COUNTERS
      for (let segment = oldest; segment <= newest; segment++) {
        spent += state[place] as number
        if (++place === end) place = at + FIRST
      }
      const before = Math.max(0, limit - spent)
      const allowed = cost <= before
      const backMs = (segment: number): number => (current - base + segment + COUNTERS) * segmentMs - now
      out.allowed = allowed
      out.capacity = limit
      out.before = before
      out.after = allowed ? before - cost : before
      out.retryMs = 0
      if (!allowed) {
        let missing = spent + cost - limit
        let segment = oldest
        for (; segment < newest; segment++) {
          missing -= state[counter(at, segment)] as number
          if (missing <= 0) break
        }
        out.retryMs = backMs(segment)
      }
      out.resetMs = 0
      if (allowed && cost > 0) out.resetMs = backMs(base)
      else {
        for (let segment = newest; segment >= oldest && out.resetMs === 0; segment--) {
          if ((state[counter(at, segment)] as number) > 0) out.resetMs = backMs(segment)
        }
      }
      out.until = now + out.resetMs
    },

    commit(state, at, now, cost) {
      const current = Math.floor(now / segmentMs)
      let newest = state[at + NEWEST] as number
      if (newest > current) {
        rebase(state, at, newest, current)
        newest = current
      }
      for (let segment = Math.max(newest + 1, current - SEGMENTS); segment <= current; segment++)
        state[counter(at, segment)] = 0
      state[at + NEWEST] = current
      state[counter(at, current)] = (state[counter(at, current)] as number) + cost
    },

    refund(state, at, _now, cost, takenAt) {
      const taken = Math.floor(takenAt / segmentMs)
      const newest = state[at + NEWEST] as number
      if (taken > newest || taken < newest - SEGMENTS) return
      const place = counter(at, taken)
      state[place] = Math.max(0, (state[place] as number) - cost)
    },
  }

  /** Numbers the segments anew after a clock was set back; what had the age a keeps it. */
  function rebase(state: Float64Array, at: number, newest: number, current: number): void {
    const byAge = Array.from({ length: COUNTERS }, (_, age) =>
      newest >= age ? (state[counter(at, newest - age)] as number) : 0,
    )
    for (const [age, units] of byAge.entries()) if (current >= age) state[counter(at, current - age)] = units
  }
}
