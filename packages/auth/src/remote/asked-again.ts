import { setImmediate as othersTurn } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { Outcome, Strategy } from '../identity.ts'

/** Milliseconds between the end of a round and the next one. */
const PACE = 5_000

/** Looked up at the same time: requests have the other places. */
const AT_ONCE = 8

/** Answers without waiting, after which others have their turn. */
const TURN = 128

/** Look-ups of one round that may fail: then what is asked is away, and each failure is a line in the log. */
const FAILURES = 16

interface Watched {
  readonly ask: () => Outcome | Promise<Outcome>
  readonly told: (outcome: Outcome) => void
}

/** Credentials that nobody says are over: those of requests that stay under way are looked up again, round after round. */
export class AskedAgain {
  readonly #clock: Clock
  readonly #watched = new Set<Watched>()
  #callOff: (() => void) | null = null
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A kind of credential whose requests are watched by asking again, as often as its look-ups are not remembered. */
  watching(strategy: Strategy): Strategy {
    return {
      ...strategy,
      watch: (credential, _identity, told) => this.#watch({ ask: () => strategy.verify(credential), told }),
    }
  }

  close(): void {
    this.#closed = true
    this.#callOff?.()
  }

  #watch(one: Watched): () => void {
    this.#watched.add(one)
    this.#wait()
    return () => void this.#watched.delete(one)
  }

  #wait(): void {
    if (this.#closed || this.#watched.size === 0) return
    this.#callOff ??= this.#clock.after(PACE, () => void this.#round())
  }

  async #round(): Promise<void> {
    const round = { all: [...this.#watched].values(), failures: 0 }
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#lookUp(round)))
    this.#callOff = null
    this.#wait()
  }

  /** Takes the next one as soon as it has an answer. */
  async #lookUp(round: { readonly all: Iterable<Watched>; failures: number }): Promise<void> {
    let sinceTurn = 0
    for (const one of round.all) {
      if (this.#closed || round.failures >= FAILURES) return
      // To the end: where a round breaks off, the next one begins.
      if (!this.#watched.delete(one)) continue
      this.#watched.add(one)
      if (++sinceTurn % TURN === 0) await othersTurn()
      const outcome = await one.ask()
      if (outcome === 'unavailable') round.failures++
      if (this.#watched.has(one)) one.told(outcome)
    }
  }
}
