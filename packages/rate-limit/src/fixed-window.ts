import type { Algorithm } from './standing.ts'

/**
 * A window that starts at the caller's first request and admits `limit` units until it ends.
 * In some stretch of `window` seconds up to twice the limit may pass: the end of one window and the start of the next.
 * @param limit units per window
 * @param window seconds
 */
export function fixedWindow(limit: number, window: number): Algorithm {
  const windowMs = window * 1000
  return (level, until, now, cost, out) => {
    const running = until > now
    const spent = running ? level : 0
    // A clock that was set back must not lengthen anybody's window.
    const end = running && until < now + windowMs ? until : now + windowMs
    const allowed = spent + cost <= limit
    out.allowed = allowed
    out.before = limit - spent
    out.after = allowed ? limit - spent - cost : limit - spent
    out.resetMs = end - now
    out.retryMs = allowed ? 0 : end - now
    out.level = spent + cost
    out.until = end
  }
}
