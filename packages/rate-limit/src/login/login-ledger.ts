import { memoryDecider, type Charge, type Counted, type Decision } from '../decision.ts'
import type { LoginAttempt, LoginTarget } from './login-attempt.ts'
import { loginSubjects, unitOf, UNTOUCHED, type LoginQuotas } from './login-quotas.ts'
import type { Quota } from '../policy.ts'
import type { SharedStore } from '../stores/shared-store.ts'
import { blankStanding } from '../algorithms/standing.ts'

/** Where a login guard counts. */
export interface LoginLedgerParts {
  /** The memory of a quota. */
  readonly counted: (quota: Quota) => Counted
  readonly shared: SharedStore | undefined
  /** Milliseconds, never going back. */
  readonly clock: () => number
}

/**
 * What a login guard takes, gives back and forgives.
 *
 * Failures are counted by what all spellings of an account have in common. A success forgives only what was failed
 * under the very spelling that succeeded: where `Alice` and `alice` are two accounts, whoever owns one cannot wash away
 * his failures at the other. Those of each spelling are counted apart, and never refused.
 */
export class LoginLedger {
  readonly #quotas: LoginQuotas
  readonly #parts: LoginLedgerParts
  readonly #counted = new Map<Quota, Counted>()
  readonly #deciders = new Map<number, ReturnType<typeof memoryDecider>>()
  readonly #standing = blankStanding()

  constructor(quotas: LoginQuotas, parts: LoginLedgerParts) {
    this.#quotas = quotas
    this.#parts = parts
    const { pair, address, spelledPair, account, spelledAccount, trusted } = quotas
    const all = [pair, address, spelledPair, account, spelledAccount]
    for (const quota of trusted === undefined ? all : [...all, trusted]) this.#counted.set(quota, parts.counted(quota))
    for (const length of [2, 3, 5]) {
      const held = all.slice(0, length).map((quota) => this.#counted.get(quota) as Counted)
      this.#deciders.set(length, memoryDecider(held))
    }
  }

  /** What an attempt has to fit. */
  chargesOf({ account, spelling, address, trusted }: LoginTarget): Charge[] {
    const { pair, address: byAddress, spelledPair, account: byAccount, spelledAccount } = this.#quotas
    const charges = [charge(pair, loginSubjects.pair(account, address)), charge(byAddress, address)]
    if (account === null || spelling === null) return charges
    charges.push(charge(spelledPair, loginSubjects.pair(spelling, address)))
    // What others fail at an account does not hold back whoever has signed in to it from here.
    if (trusted) return charges
    charges.push(charge(byAccount, loginSubjects.account(account)))
    charges.push(charge(spelledAccount, loginSubjects.account(spelling)))
    return charges
  }

  /** Decides in this process. The decision is valid until the next call. */
  decide(charges: readonly Charge[], now: number): Decision {
    return (this.#deciders.get(charges.length) as ReturnType<typeof memoryDecider>)(charges, now)
  }

  /** Whether this address has signed in to this account, so spelt, before. */
  trusts({ spelling, address }: LoginTarget): boolean | Promise<boolean> {
    const { trusted } = this.#quotas
    if (trusted === undefined || spelling === null) return false
    const asked = charge(trusted, loginSubjects.pair(spelling, address))
    this.#table(trusted).peek(asked.subject, this.#parts.clock(), this.#standing)
    if (this.#standing.before < UNTOUCHED) return true
    if (this.#parts.shared === undefined) return false
    return this.#parts.shared.peek(asked).then((part) => part !== null && part.standing.before < UNTOUCHED)
  }

  /** Gives an attempt back: all of it, or what it took of one quota. */
  refund({ charges, takenAt, shared }: LoginAttempt, only?: Quota): void {
    for (const [place, one] of charges.entries()) {
      if (only === undefined || one.quota === only) this.#give(one, takenAt[place] as number, shared)
    }
  }

  /** Takes an attempt for a success; a promise while the shared store is being told. */
  succeed(attempt: LoginAttempt): Promise<void> | undefined {
    const { pair, address, spelledPair, account, spelledAccount } = this.#quotas
    const { spelling } = attempt.target
    if (spelling === null) {
      this.refund(attempt)
      return undefined
    }
    // His own successes give an address back what they took, and nothing else: whoever guesses at the accounts of
    // others cannot buy attempts by signing in to his own.
    this.refund(attempt, address)
    this.#trust(attempt, spelling)
    const told = this.#forgive(attempt, pair, spelledPair)
    const too = this.#forgive(attempt, account, spelledAccount)
    return told?.then(() => too)
  }

  /** Gives back what failed under this spelling, this attempt's own unit too. */
  #forgive({ charges, takenAt, shared }: LoginAttempt, quota: Quota, spelled: Quota): Promise<void> | undefined {
    const place = charges.findIndex((one) => one.quota === quota)
    const tally = charges.find((one) => one.quota === spelled)
    const taken = charges[place]
    if (taken === undefined || tally === undefined) return undefined
    const at = takenAt[place] as number
    const unit = unitOf(quota)
    if (!shared) {
      // A tally that newcomers share says nothing of this one.
      const own = this.#table(spelled).peek(tally.subject, this.#parts.clock(), this.#standing)
      const units = own ? Math.max(1, Math.ceil(this.#standing.resetMs / unit)) : 1
      this.#give({ ...taken, cost: units }, at, false)
      this.#table(spelled).forget(tally.subject)
      return undefined
    }
    const store = this.#parts.shared as SharedStore
    return store.peek(tally).then((part) => {
      const units = part === null ? 1 : Math.max(1, Math.ceil(part.standing.resetMs / unit))
      this.#give({ ...taken, cost: units }, at, true)
      return store.forget(tally).then(() => undefined)
    })
  }

  #trust({ target, shared }: LoginAttempt, spelling: string): void {
    const { trusted } = this.#quotas
    if (trusted === undefined) return
    const asked = charge(trusted, loginSubjects.pair(spelling, target.address))
    const [now, table] = [this.#parts.clock(), this.#table(trusted)]
    table.judge(asked.subject, now, 1, this.#standing)
    if (this.#standing.allowed) table.commit(asked.subject, now, 1, this.#standing)
    if (shared && !target.trusted) void this.#parts.shared?.decide([asked])
  }

  #give(taken: Charge, at: number, shared: boolean): void {
    if (shared) this.#parts.shared?.refund(taken, at)
    else this.#table(taken.quota).refund(taken.subject, this.#parts.clock(), taken.cost as number, at)
  }

  #table(quota: Quota): Counted['table'] {
    return (this.#counted.get(quota) as Counted).table
  }
}

const charge = (quota: Quota, subject: string): Charge => ({ quota, subject, cost: 1, limit: quota.limit as number })
