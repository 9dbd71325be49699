import { AnswerWait, type WaitParts } from './answer-wait.ts'
import { Breaker, type OutageListener } from './breaker.ts'
import type { Charge } from '../decision.ts'
import { admits, type SharedDecision, type SharedPart, type SharedStore } from './shared-store.ts'
import { subjectHash } from '../subject.ts'

/** What a counter is created with, and for how long. */
interface CounterOptions {
  readonly initial: number
  /** Seconds; above 30 days a Unix time. */
  readonly expires: number
}

/** The commands of a Memcached client that the room uses; a memjs client has them. */
export interface MemcachedClient {
  increment(
    key: string,
    amount: number,
    options: CounterOptions,
  ): Promise<{ readonly value?: number | null | undefined }>
  decrement(
    key: string,
    amount: number,
    options: CounterOptions,
  ): Promise<{ readonly value?: number | null | undefined }>
}

/** What the store is built from. */
export interface MemcachedStoreParts extends OutageListener, WaitParts {
  readonly client: MemcachedClient
  readonly prefix: string
  /** The time of day in ms: every process must find the same window. */
  readonly timeOfDay: () => number
}

/** Above this many seconds Memcached takes an expiry for a Unix time. */
const LONGEST_EXPIRY = 2_592_000

/** More than any counter holds. */
const EVERYTHING = 0xffff_ffff

/**
 * Fixed windows in Memcached: one atomic increment a quota, which creates the counter with its time to live. Windows are
 * aligned to the time of day, for their number is in the key: nothing has to be read first.
 */
export class MemcachedStore implements SharedStore {
  readonly #parts: MemcachedStoreParts
  readonly #breaker: Breaker

  constructor(parts: MemcachedStoreParts) {
    this.#parts = parts
    this.#breaker = new Breaker(parts)
  }

  decide(charges: readonly Charge[]): Promise<SharedDecision | null> | null {
    if (!this.#breaker.admits(this.#parts.clock())) return null
    const now = this.#parts.timeOfDay()
    // The charges are used again for the next request.
    const kept = charges.map(({ quota, subject, cost, limit }) => ({ quota, subject, cost, limit }))
    return this.#within(
      kept.map((charge) => this.#count(charge, charge.cost, now)),
      (values) => {
        const decision = kept.map((charge, i) => standingOf(charge, values[i] as number, now))
        // A refused unit is taken back too: a refund of somebody else’s must find the true count.
        const admitted = admits(decision)
        for (const part of decision) if (!admitted || !part.standing.allowed) this.refund(part, now)
        return decision
      },
      (place) => this.refund(kept[place] as Charge, now),
    )
  }

  refund(charge: Charge, takenAt: number): void {
    const { key, expires } = this.#counter(charge, takenAt)
    attempt(() => this.#parts.client.decrement(key, charge.cost, { initial: 0, expires })).catch(() => {})
  }

  async peek(charge: Charge): Promise<SharedPart | null> {
    if (!this.#breaker.admits(this.#parts.clock())) return null
    const now = this.#parts.timeOfDay()
    return this.#within([this.#count(charge, 0, now)], ([value]) => {
      const part = standingOf({ ...charge, cost: 0 }, value as number, now)
      // A cost of nothing fits until the limit is passed: what one unit has to wait is another question.
      const { allowed, retryMs } = standingOf({ ...charge, cost: 1 }, (value as number) + 1, now).standing
      return { ...part, standing: { ...part.standing, allowed, retryMs } }
    })
  }

  async forget(charge: Charge): Promise<boolean> {
    if (!this.#breaker.admits(this.#parts.clock())) return false
    const { key, expires } = this.#counter(charge, this.#parts.timeOfDay())
    const asked = attempt(() => this.#parts.client.decrement(key, EVERYTHING, { initial: 0, expires }))
    return (await this.#within([asked.then(({ value }) => value ?? null)], () => true)) ?? false
  }

  #count(charge: Charge, units: number, now: number): Promise<number | null> {
    const { key, expires } = this.#counter(charge, now)
    return attempt(() => this.#parts.client.increment(key, units, { initial: units, expires })).then(
      ({ value }) => value ?? null,
    )
  }

  #counter({ quota, subject }: Charge, now: number): { key: string; expires: number } {
    const number = Math.floor(now / (quota.window * 1000))
    const seconds = quota.window + 1
    return {
      key: `${this.#parts.prefix}${subjectHash(subject)}:${quota.tag}:${number}`,
      expires: seconds > LONGEST_EXPIRY ? Math.ceil(now / 1000) + seconds : seconds,
    }
  }

  /**
   * Waits for counters until the deadline.
   * @param conclude what all values together mean
   * @param late told the place of each value that was counted, and whose request was decided without it
   */
  #within<T>(
    asked: readonly Promise<number | null>[],
    conclude: (values: readonly number[]) => T,
    late: (place: number) => void = () => {},
  ): Promise<T | null> {
    return new Promise((resolve) => {
      const values: number[] = []
      let missing = asked.length
      const wait = new AnswerWait(this.#parts, this.#breaker, () => {
        for (const place of values.keys()) if (values[place] !== undefined) late(place)
        resolve(null)
      })
      for (const [place, one] of asked.entries()) {
        one.then(
          (value) => {
            if (!Number.isSafeInteger(value) || (value as number) < 0) return wait.fail('error')
            if (wait.isOver) return late(place)
            values[place] = value as number
            if (--missing > 0) return
            wait.end()
            // Every increment writes, so an answer proves that the server is back.
            this.#breaker.answered(this.#parts.clock(), true)
            resolve(conclude(values))
          },
          () => wait.fail('error'),
        )
      }
    })
  }
}

/** A client may throw where it should reject. */
async function attempt<T>(ask: () => Promise<T>): Promise<T> {
  return ask()
}

/** How a caller stands whose counter shows `value` after this request was counted. */
function standingOf(charge: Charge, value: number, now: number): SharedPart {
  const { quota, subject, cost, limit } = charge
  const windowMs = quota.window * 1000
  const resetMs = windowMs - (now % windowMs)
  const allowed = value <= limit
  const before = Math.max(0, limit - (value - cost))
  const standing = {
    allowed,
    capacity: limit,
    before,
    after: allowed ? before - cost : before,
    resetMs,
    retryMs: allowed ? 0 : resetMs,
    until: now + resetMs,
  }
  return { quota, subject, cost, limit, standing, takenAt: now }
}
