/** The clock of this process, as an argument. */
export interface Timers {
  /** Milliseconds, never going back. */
  now(): number
  set(ring: () => void, ms: number): unknown
  clear(timer: unknown): void
}

/** One timer for whatever comes next, however much waits. */
export class Alarm {
  readonly #timers: Timers
  readonly #ring: () => void
  #timer: unknown
  #at = Number.POSITIVE_INFINITY

  constructor(timers: Timers, ring: () => void) {
    this.#timers = timers
    this.#ring = () => {
      this.#timer = undefined
      this.#at = Number.POSITIVE_INFINITY
      ring()
    }
  }

  /** Rings at a time, or sooner: whoever is rung looks at the clock and asks again. Infinity: not at all. */
  ringAt(time: number): void {
    if (time === Number.POSITIVE_INFINITY) return this.stop()
    if (time >= this.#at) return
    this.stop()
    this.#at = time
    // Node cuts fractions off: a timer would ring before its time.
    this.#timer = this.#timers.set(this.#ring, Math.max(1, Math.ceil(time - this.#timers.now())))
  }

  stop(): void {
    if (this.#timer !== undefined) this.#timers.clear(this.#timer)
    this.#timer = undefined
    this.#at = Number.POSITIVE_INFINITY
  }
}
