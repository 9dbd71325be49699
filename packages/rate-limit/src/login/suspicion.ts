/** What has been seen of one account, or of one address, within a window. */
export interface Suspicion {
  /** Attempts that did not succeed, those that were refused too. */
  readonly attempts: number
  /** With whom: the addresses that tried an account, or the accounts that an address tried; the first sixteen. */
  readonly companions: readonly string[]
}

interface Record {
  readonly end: number
  attempts: number
  readonly companions: Set<string>
  told: boolean
}

/** Companions remembered of each. */
const MOST_COMPANIONS = 16

/**
 * Remembers who tried what, so that a suspicion can name both sides, once in a window. Bounded, without timers: all
 * windows are equally long, so they end in the order in which they began. A flood pushes out the oldest, and costs
 * nothing but an event told twice: what may be tried is decided elsewhere.
 */
export class Suspicions {
  readonly #windowMs: number
  readonly #maxKeys: number
  readonly #records = new Map<string, Record>()

  /**
   * @param window seconds
   * @param maxKeys accounts or addresses remembered at most
   */
  constructor(window: number, maxKeys: number) {
    this.#windowMs = window * 1000
    this.#maxKeys = maxKeys
  }

  /** Accounts or addresses remembered now. */
  get size(): number {
    return this.#records.size
  }

  /** Notes an attempt. */
  note(subject: string, companion: string, now: number): void {
    let record = this.#records.get(subject)
    if (record === undefined || record.end <= now) {
      this.#records.delete(subject)
      this.#makeRoom(now)
      record = { end: now + this.#windowMs, attempts: 0, companions: new Set(), told: false }
      this.#records.set(subject, record)
    }
    record.attempts++
    if (record.companions.size < MOST_COMPANIONS) record.companions.add(companion)
  }

  /** What has been seen, if it has not been told in this window. */
  tell(subject: string, now: number): Suspicion | undefined {
    const record = this.#records.get(subject)
    if (record === undefined || record.end <= now || record.told) return undefined
    record.told = true
    return { attempts: record.attempts, companions: [...record.companions] }
  }

  /** An attempt has succeeded: it was none. */
  forgive(subject: string): void {
    const record = this.#records.get(subject)
    if (record !== undefined && record.attempts > 0) record.attempts--
  }

  #makeRoom(now: number): void {
    for (const [subject, { end }] of this.#records) {
      if (end > now && this.#records.size < this.#maxKeys) return
      this.#records.delete(subject)
    }
  }
}
