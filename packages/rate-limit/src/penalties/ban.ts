/** When refusals become a ban. Seconds, but for the count. */
export interface BanSettings {
  /** So many refusals of this policy … */
  readonly after: number
  /** … within so many seconds, from the first of them on … */
  readonly within: number
  /** … are answered with a ban of so many seconds. */
  readonly for: number
}

/**
 * Who is banned from one policy, and who is about to be. Bounded, without timers, every operation in constant time.
 *
 * All bans are equally long, so they end in the order in which they began; so do the counts of refusals. A flood of
 * refused callers pushes out the oldest counts, never a ban: when there are `maxKeys` bans, the next one is not taken
 * up (the quota still holds its caller) before one has ended.
 *
 * A shared store does the same with two keys a caller: a running ban (its end, expiring at it), which is looked at
 * first and refuses everything at once, writing nothing; and a count of refusals (expiring `within` seconds after the
 * first). A decision that is refused adds one to the count of each policy that refused. The refusal that makes the
 * count reach `after` writes the ban, removes the count, and is itself answered as a ban that has begun.
 */
export class Bans {
  readonly #after: number
  readonly #withinMs: number
  readonly #forMs: number
  readonly #maxKeys: number
  readonly #ends = new Map<string, number>()
  readonly #counts = new Map<string, Count>()

  /** @param maxKeys bans, and counts, at most */
  constructor(settings: BanSettings, maxKeys: number) {
    this.#after = settings.after
    this.#withinMs = settings.within * 1000
    this.#forMs = settings.for * 1000
    this.#maxKeys = maxKeys
  }

  /** Callers banned or counted now. */
  get size(): number {
    return this.#ends.size + this.#counts.size
  }

  /** Milliseconds until the caller's ban ends; 0 if there is none. */
  remaining(subject: string, now: number): number {
    if (this.#ends.size === 0) return 0
    const end = this.#ends.get(subject)
    if (end === undefined) return 0
    if (end > now) return end - now
    this.#ends.delete(subject)
    return 0
  }

  /** Counts one refusal of a caller who is not banned. @returns milliseconds of the ban that begins; 0 if none does */
  refused(subject: string, now: number): number {
    let count = this.#counts.get(subject)
    if (count === undefined || count.end <= now) {
      this.#counts.delete(subject)
      this.#makeRoom(now)
      this.#counts.set(subject, (count = { refusals: 0, end: now + this.#withinMs }))
    }
    if (++count.refusals < this.#after) return 0
    this.#counts.delete(subject)
    for (const [banned, end] of this.#ends) {
      if (end > now) break
      this.#ends.delete(banned)
    }
    if (this.#ends.size >= this.#maxKeys) return 0
    this.#ends.set(subject, now + this.#forMs)
    return this.#forMs
  }

  /** Lifts a caller's ban and forgets its refusals. */
  forget(subject: string): void {
    this.#ends.delete(subject)
    this.#counts.delete(subject)
  }

  #makeRoom(now: number): void {
    for (const [counted, { end }] of this.#counts) {
      if (end > now && this.#counts.size < this.#maxKeys) return
      this.#counts.delete(counted)
    }
  }
}

interface Count {
  refusals: number
  readonly end: number
}
