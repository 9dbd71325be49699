import type { Breaker } from './breaker.ts'

/** How long a store may take, and by which clock. */
export interface WaitParts {
  readonly timeoutMs: number
  /** Whole milliseconds, never going back. */
  readonly clock: () => number
}

/** The wait for one answer of a store: it ends once, with the answer, a failure or the deadline, and the breaker is told which. */
export class AnswerWait {
  readonly #parts: WaitParts
  readonly #breaker: Breaker
  readonly #onFailure: () => void
  readonly #timer: NodeJS.Timeout
  #isOver = false

  /** @param onFailure called once if there is no answer in time */
  constructor(parts: WaitParts, breaker: Breaker, onFailure: () => void) {
    this.#parts = parts
    this.#breaker = breaker
    this.#onFailure = onFailure
    // A busy process is late itself: what has arrived meanwhile is read before the server is blamed.
    this.#timer = setTimeout(() => setImmediate(() => this.fail('timeout')), parts.timeoutMs)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  fail(reason: 'timeout' | 'error'): void {
    if (this.#isOver) return
    this.end()
    this.#breaker.failed(this.#parts.clock(), reason)
    this.#onFailure()
  }

  /** The answer is there. Whether it shows that the server is back, the breaker is told by whoever has read it. */
  end(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }
}
