import { setImmediate as othersTurn } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { Outcome, Strategy } from '../identity.ts'
import { GRACE, type Outage } from './outage.ts'

/** Milliseconds between the end of a round and the next one. */
const PACE = 5_000

/** Looked up at the same time, beside those of requests. */
const AT_ONCE = 8

/** Answers without waiting, after which others have their turn. */
const TURN = 128

/** Look-ups of one round that may fail, each of which is a line in the log: then the others are not asked about. */
const FAILURES = 16

interface Watched {
  readonly credential: string
  readonly told: (outcome: Outcome) => void
  /** When a look-up of it failed, in milliseconds, and none has been answered since. */
  failingSince: number | null
}

interface Round {
  readonly all: readonly Watched[]
  /** The first that was not asked about yet. */
  next: number
  readonly failed: Watched[]
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
    const round: Round = { all: [...this.#watched], next: 0, failed: [] }
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#lookUp(round)))
    if (round.failed.length >= FAILURES && this.#outage.outlastsGrace) {
      await this.#giveUp([...round.failed, ...round.all.slice(round.next)])
    }
    this.#callOff = null
    this.#wait()
  }

  /** Takes the next one as soon as it has an answer. */
  async #lookUp(round: Round): Promise<void> {
    let sinceTurn = 0
    while (!this.#closed && round.failed.length < FAILURES && round.next < round.all.length) {
      const one = round.all[round.next++] as Watched
      // To the end: where a round breaks off, the next one begins.
      if (!this.#watched.delete(one)) continue
      this.#watched.add(one)
      if (++sinceTurn % TURN === 0) await othersTurn()
      const outcome = await this.#strategy.verify(one.credential, undefined, 'at-once')
      if (outcome !== 'unavailable') one.failingSince = null
      else {
        round.failed.push(one)
        one.failingSince ??= this.#clock.now()
        if (this.#clock.now() - one.failingSince < GRACE * 1000) continue
      }
      this.#tell(one, outcome)
    }
  }

  /** Nothing has answered for the whole grace: all end but those that are remembered, and are asked about no more. */
  async #giveUp(left: readonly Watched[]): Promise<void> {
    for (const [at, one] of left.entries()) {
      if (at % TURN === TURN - 1) await othersTurn()
      this.#tell(one, await this.#strategy.verify(one.credential, undefined, 'remembered'))
    }
  }

  #tell(one: Watched, outcome: Outcome): void {
    if (this.#watched.has(one)) one.told(outcome)
  }
}
