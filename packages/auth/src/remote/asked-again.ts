import { setImmediate as othersTurn } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { Outcome, Strategy } from '../identity.ts'
import { GRACE, type Outage } from './outage.ts'
import type { Manner } from './remembered-look-ups.ts'

/** Milliseconds between the end of a round and the next one. */
const PACE = 5_000

/** Looked up at the same time: requests have the other places. */
const AT_ONCE = 8

/** Answers without waiting, after which others have their turn. */
const TURN = 128

/** Look-ups of one round that may fail: then what is asked is away, and each failure is a line in the log. */
const FAILURES = 16

interface Watched {
  readonly credential: string
  readonly told: (outcome: Outcome) => void
  /** When a look-up of it failed, in milliseconds, and none has been answered since. */
  failingSince: number | null
}

interface Round {
  readonly all: Iterable<Watched>
  failures: number
}

/**
 * Credentials of one kind that nobody says are over: those of requests that stay under way are looked up again, round
 * after round. While nobody can tell, they stay; once that has lasted longer than their grace, they end.
 */
export class AskedAgain {
  readonly #strategy: Strategy
  readonly #outage: Outage
  readonly #clock: Clock
  readonly #watched = new Set<Watched>()
  #callOff: (() => void) | null = null
  #closed = false

  /** @param outage of what the strategy asks */
  constructor(strategy: Strategy, outage: Outage, clock: Clock) {
    this.#strategy = strategy
    this.#outage = outage
    this.#clock = clock
  }

  /** The kind of credential, whose requests are watched by asking again, as often as its look-ups are not remembered. */
  watching(): Strategy {
    return {
      ...this.#strategy,
      watch: (credential, _identity, told) => this.#watch({ credential, told, failingSince: null }),
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
    const round: Round = { all: [...this.#watched].values(), failures: 0 }
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#lookUp(round)))
    this.#callOff = null
    this.#wait()
  }

  /** Takes the next one as soon as it has an answer. */
  async #lookUp(round: Round): Promise<void> {
    let sinceTurn = 0
    for (const one of round.all) {
      // One look-up tells that the outage is not over; the others need not be asked, only those that are remembered stay.
      const lost = round.failures > 0 && this.#outage.outlastsGrace
      if (this.#closed || (round.failures >= FAILURES && !lost)) return
      // To the end: where a round breaks off, the next one begins.
      if (!this.#watched.delete(one)) continue
      this.#watched.add(one)
      if (++sinceTurn % TURN === 0) await othersTurn()
      const outcome = await this.#ask(one, lost ? 'remembered' : 'at-once')
      if (outcome === 'unavailable') round.failures++
      const undecided = outcome === 'unavailable' && !this.#hadItsGrace(one)
      if (!undecided && this.#watched.has(one)) one.told(outcome)
    }
  }

  async #ask(one: Watched, manner: Manner): Promise<Outcome> {
    const outcome = await this.#strategy.verify(one.credential, undefined, manner)
    if (outcome === 'unavailable') one.failingSince ??= this.#clock.now()
    else one.failingSince = null
    return outcome
  }

  /** Nothing has answered for so long, or nothing about this one. */
  #hadItsGrace({ failingSince }: Watched): boolean {
    const own = failingSince !== null && this.#clock.now() - failingSince >= GRACE * 1000
    return own || this.#outage.outlastsGrace
  }
}
