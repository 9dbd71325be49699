/** When a target is given up, and for how long. */
export interface CircuitTerms {
  /** Failures one after another that open it. */
  readonly failures: number
  /** Share of failures that opens it, 0 to 1, once `minimum` requests were answered within the window. */
  readonly share: number
  readonly minimum: number
  /** Milliseconds over which the share is taken. */
  readonly window: number
  /** Milliseconds until a probe; doubled by each failed one, up to eight times. */
  readonly openFor: number
}

/** `open`: nothing is sent; `half-open`: one request at a time tries whether the target is back. */
export type CircuitState = 'closed' | 'open' | 'half-open'

const MOST_DOUBLINGS = 3

/**
 * The circuit breaker of one target. Time is an argument, milliseconds that only grow. The share is taken over the
 * current window and the one before it, weighted by how much of that still counts.
 */
export class Circuit {
  readonly #terms: CircuitTerms
  #open = false
  #probing = false
  #reopened = 0
  #until = 0
  #inRow = 0
  #windowEnds = 0
  #answered = 0
  #failed = 0
  #answeredBefore = 0
  #failedBefore = 0

  constructor(terms: CircuitTerms) {
    this.#terms = terms
  }

  state(now: number): CircuitState {
    if (!this.#open) return 'closed'
    return now < this.#until ? 'open' : 'half-open'
  }

  /** Whether a request may be sent. */
  admits(now: number): boolean {
    return !this.#open || (now >= this.#until && !this.#probing)
  }

  /** A request is sent. */
  enter(): void {
    if (this.#open) this.#probing = true
  }

  /** Milliseconds until it may let a request through: 0 if now. */
  wait(now: number): number {
    return this.#open ? Math.max(this.#until - now, 0) : 0
  }

  /** An answer that counts as none: the client left before it was known. */
  leave(): void {
    this.#probing = false
  }

  /** @returns whether this closed the circuit. */
  succeed(now: number): boolean {
    this.#roll(now)
    this.#answered++
    this.#inRow = 0
    if (!this.#probing) return false
    this.#probing = false
    this.#open = false
    this.#reopened = 0
    this.#answered = this.#failed = this.#answeredBefore = this.#failedBefore = 0
    return true
  }

  /** @returns whether this opened the circuit. */
  fail(now: number): boolean {
    this.#roll(now)
    this.#answered++
    this.#failed++
    this.#inRow++
    if (this.#probing) {
      this.#probing = false
      this.#reopened = Math.min(this.#reopened + 1, MOST_DOUBLINGS)
      this.#until = now + this.#terms.openFor * 2 ** this.#reopened
      return false
    }
    // Those that were under way when it opened say nothing new.
    if (this.#open || !this.#isTooMuch(now)) return false
    this.#open = true
    this.#until = now + this.#terms.openFor
    return true
  }

  #isTooMuch(now: number): boolean {
    const { failures, share, minimum, window } = this.#terms
    if (this.#inRow >= failures) return true
    const weight = (this.#windowEnds - now) / window
    const answered = this.#answered + this.#answeredBefore * weight
    return answered >= minimum && (this.#failed + this.#failedBefore * weight) / answered >= share
  }

  #roll(now: number): void {
    const { window } = this.#terms
    if (now < this.#windowEnds) return
    const isNext = now < this.#windowEnds + window
    this.#answeredBefore = isNext ? this.#answered : 0
    this.#failedBefore = isNext ? this.#failed : 0
    this.#answered = this.#failed = 0
    this.#windowEnds = isNext ? this.#windowEnds + window : now + window
  }
}
