import type { OutageReason } from './shared-store.ts'

/** Milliseconds between attempts while a server does not answer. */
const PAUSE = 500

/** Told of both ends of an outage. */
export interface OutageListener {
  /** Called once when an outage begins. */
  readonly onOutage: (reason: OutageReason) => void
  /** Called once when it is over. */
  readonly onRecovery?: () => void
}

/** Keeps one server's outage from delaying everybody: a failure stops all traffic to it but one attempt a pause. */
export class Breaker {
  readonly #listener: OutageListener
  #down = false
  #probing = false
  #nextAttempt = 0

  constructor(listener: OutageListener) {
    this.#listener = listener
  }

  /** Whether the server may be asked at `now` (ms). While it is away, asking is the attempt: answer it or fail it. */
  admits(now: number): boolean {
    if (!this.#down) return true
    if (this.#probing || now < this.#nextAttempt) return false
    this.#probing = true
    return true
  }

  /**
   * The server has answered.
   * @param wrote whether it has written something: a replica, or a server without memory, still refuses, and refusals
   * write nothing. The next request is then the next attempt.
   */
  answered(now: number, wrote: boolean): void {
    this.#probing = false
    if (!this.#down) return
    if (!wrote) {
      this.#nextAttempt = now
      return
    }
    this.#down = false
    this.#listener.onRecovery?.()
  }

  /** The server has not answered, or not sensibly. */
  failed(now: number, reason: OutageReason, pause: number = PAUSE): void {
    this.#probing = false
    this.#nextAttempt = now + pause
    if (this.#down) return
    this.#down = true
    this.#listener.onOutage(reason)
  }
}
