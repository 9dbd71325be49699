import type { Algorithm, Standing } from './standing.ts'

/** How a caller that fails again and again is held off. Seconds, but for the count. */
export interface BackoffSettings {
  /** Failures that cost nothing but themselves. */
  readonly limit: number
  /** In this many seconds `limit` failures are forgotten, evenly. */
  readonly window: number
  /** The first delay. */
  readonly first: number
  /** The longest delay. */
  readonly longest: number
}

/** Numbers remembered per caller: when all is forgotten, when the next attempt may come, when the last one came. */
export const BACKOFF_WIDTH = 3

/**
 * Exponential delay instead of lock-out. The first `limit` attempts pass at once; after the n-th attempt beyond them
 * (n = 0, 1, 2 …) the next one has to wait `first`·2ⁿ seconds, at most `longest`. An attempt that comes too early is
 * refused with the exact wait, and writes nothing: it does not lengthen the delay.
 *
 * Failures are forgotten evenly, `limit` in a `window`, so nobody gets more than `limit` and then `limit` a window for
 * long, and an address that many people share is not held for ever by the few who mistype.
 *
 * State, whole ms: `all` (when the last failure is forgotten), `ready` (when the next attempt may come), `last` (when
 * the last one came). The arithmetic is +, -, min, max, ceil and powers of two, for a Redis script does the same:
 *
 *     unit             = ceil(window * 1000 / limit)
 *     failures(all, t) = ceil(max(0, all - t) / unit)
 *     delay(n)         = n < limit and 0 or min(longest * 1000, first * 1000 * 2 ^ min(n - limit, 40))
 *     read:    all = max(min(all, now + unit * (limit + 40)), now); ready = min(ready, now + longest * 1000)
 *     judge:   allowed = ready <= now; retry = ready - now
 *     commit:  all = all + unit * cost; ready = now + delay(failures(all, now)); last = now
 *     refund:  all = max(0, all - unit * cost)
 *              ready = min(ready, last == takenAt and takenAt or last + delay(failures(all, last)))
 *     expires: max(all, ready)
 */
export class Backoff implements Algorithm {
  readonly width: number = BACKOFF_WIDTH
  readonly #limit: number
  readonly #unit: number
  readonly #firstMs: number
  readonly #longestMs: number
  readonly #mostMs: number

  constructor({ limit, window, first, longest }: BackoffSettings) {
    this.#limit = limit
    this.#unit = Math.ceil((window * 1000) / limit)
    this.#firstMs = first * 1000
    this.#longestMs = longest * 1000
    this.#mostMs = this.#unit * (limit + FORGOTTEN)
  }

  /** Judges against `state[at … at+2]`; writes nothing but `out`. */
  judge(state: Float64Array, at: number, now: number, cost: number, out: Standing): void {
    const all = this.#all(state[at] as number, now)
    // A clock that was set back must not lengthen anybody's wait.
    const ready = Math.min(state[at + 1] as number, now + this.#longestMs)
    const failures = this.#failures(all, now)
    const allowed = ready <= now
    // Whoever has waited out his delay has one attempt.
    const before = !allowed ? 0 : Math.max(this.#limit - failures, 1)
    const next = all + this.#unit * cost
    const wait = allowed ? (cost === 0 ? 0 : this.#delay(this.#failures(next, now))) : ready - now
    out.allowed = allowed
    out.capacity = this.#limit
    out.before = before
    out.after = !allowed || cost === 0 ? before : Math.max(this.#limit - this.#failures(next, now), 0)
    out.resetMs = Math.max((allowed ? next : all) - now, wait)
    out.retryMs = allowed ? 0 : wait
    out.until = now + out.resetMs
  }

  /** Writes what an allowing `judge` of the same arguments found. */
  commit(state: Float64Array, at: number, now: number, cost: number): void {
    const all = this.#all(state[at] as number, now) + this.#unit * cost
    state[at] = all
    state[at + 1] = now + this.#delay(this.#failures(all, now))
    state[at + 2] = now
  }

  /**
   * Gives back what was taken at `takenAt`. If nothing was taken since, all later decisions are as if it had never been
   * taken; otherwise the delay becomes the one that the remaining failures had earned at the last attempt.
   */
  refund(state: Float64Array, at: number, _now: number, cost: number, takenAt: number): void {
    const last = state[at + 2] as number
    const all = Math.max(0, (state[at] as number) - this.#unit * cost)
    state[at] = all
    const earned = last === takenAt ? takenAt : last + this.#delay(this.#failures(all, last))
    state[at + 1] = Math.min(state[at + 1] as number, earned)
  }

  /** When everything is forgotten, never before now; bounded, so that nobody is remembered for ever. */
  #all(all: number, now: number): number {
    return Math.max(Math.min(all, now + this.#mostMs), now)
  }

  #failures(all: number, now: number): number {
    return Math.ceil(Math.max(0, all - now) / this.#unit)
  }

  #delay(failures: number): number {
    if (failures < this.#limit) return 0
    return Math.min(this.#longestMs, this.#firstMs * 2 ** Math.min(failures - this.#limit, FORGOTTEN))
  }
}

/** Failures beyond the limit that are still told apart: 2⁴⁰ seconds are longer than any delay. */
const FORGOTTEN = 40
