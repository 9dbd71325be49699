import type { Algorithm } from './standing.ts'

/** Where a caller's numbers stand: units spent, end of the window in ms. */
const SPENT = 0
const END = 1

/**
 * A window that starts at the caller's first request and admits `limit` units until it ends.
 * In some stretch of `window` seconds up to twice the limit may pass: the end of one window and the start of the next.
 * A refund restores exactly, but that the window stays where it is while anything else is spent in it.
 * @param limit units per window
 * @param window seconds
 */
export function fixedWindow(limit: number, window: number): Algorithm {
  const windowMs = window * 1000
  return {
    width: 2,

    judge(state, at, now, cost, out) {
      const end = state[at + END] as number
      const running = end > now
      const spent = running ? Math.min(state[at + SPENT] as number, limit) : 0
      // A clock that was set back must not lengthen anybody's window.
      const until = running && end < now + windowMs ? end : now + windowMs
      const allowed = spent + cost <= limit
      out.allowed = allowed
      out.capacity = limit
      out.before = limit - spent
      out.after = allowed ? limit - spent - cost : limit - spent
      out.resetMs = until - now
      out.retryMs = allowed ? 0 : until - now
      out.until = until
    },

    commit(state, at, now, cost, out) {
      const spent = (state[at + END] as number) > now ? (state[at + SPENT] as number) : 0
      state[at + SPENT] = spent + cost
      state[at + END] = out.until
    },

    refund(state, at, now, cost, takenAt) {
      const end = state[at + END] as number
      if (end <= now || takenAt >= end || takenAt < end - windowMs) return
      const spent = Math.max(0, (state[at + SPENT] as number) - cost)
      state[at + SPENT] = spent
      // Nothing was spent after all: the next request starts its own window.
      if (spent === 0) state[at + END] = 0
    },
  }
}
