import type { Charge } from '../decision.ts'

/** What became of an attempt. `returned`: the server failed, so nothing was learnt. */
export type LoginOutcome = 'succeeded' | 'failed' | 'returned'

/** What is known of one attempt: who tries what. */
export interface LoginTarget {
  /** Hash of what all spellings of the account have in common; null if the request names none. */
  readonly account: string | null
  /** Hash of its spelling. */
  readonly spelling: string | null
  /** The caller's address, as quotas count it. */
  readonly address: string
  /** Whether this address has signed in to this account before. */
  readonly trusted: boolean
}

/**
 * One attempt to sign in, on its way through the handler: `request.security.login`. Without a word of the handler's, a
 * status below 400 is a success, 5xx gives the attempt back, everything else is a failure.
 */
export class LoginAttempt {
  readonly #target: LoginTarget
  #word: LoginOutcome | undefined
  #open = true
  /** What was taken for it; empty if it was let pass without counting. */
  readonly charges: readonly Charge[]
  /** When each of them was taken, by the clock of the store that counted. */
  readonly takenAt: readonly number[]
  /** Whether the shared store counted it. */
  readonly shared: boolean

  constructor(target: LoginTarget, charges: readonly Charge[], takenAt: readonly number[], shared: boolean) {
    this.#target = target
    this.charges = charges
    this.takenAt = takenAt
    this.shared = shared
  }

  get target(): LoginTarget {
    return this.#target
  }

  /** The secret was right, whatever the status says. */
  succeeded(): void {
    this.#word = 'succeeded'
  }

  /** The secret was wrong, whatever the status says: for handlers that answer 200 with an error, or 302 back to a form. */
  failed(): void {
    this.#word = 'failed'
  }

  /** Ends the attempt: what became of it, or undefined if it has ended before. */
  end(status: number): LoginOutcome | undefined {
    if (!this.#open) return undefined
    this.#open = false
    if (this.#word !== undefined) return this.#word
    if (status < 400) return 'succeeded'
    return status >= 500 ? 'returned' : 'failed'
  }

  /** The client has left before its answer: the attempt stays spent, or guesses would be free for whoever hangs up. */
  abandon(): void {
    this.#open = false
  }
}
