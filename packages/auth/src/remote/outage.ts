/** Seconds for which what is open stays open while nobody can tell whether it still may. */
export const GRACE = 30

/** Since when something that is asked gives no answer. */
export class Outage {
  /** Milliseconds since the epoch. */
  readonly #now: () => number
  #since: number | null = null
  #failed = 0

  constructor(now: () => number) {
    this.#now = now
  }

  failed(): void {
    const now = this.#now()
    // What failed long ago was another outage: perhaps nobody has asked since.
    if (this.#since === null || now - this.#failed > GRACE * 1000) this.#since = now
    this.#failed = now
  }

  answered(): void {
    this.#since = null
  }

  /** Whether it has lasted longer than what is open may stay open. */
  get outlastsGrace(): boolean {
    return this.#since !== null && this.#now() - this.#since >= GRACE * 1000
  }
}
