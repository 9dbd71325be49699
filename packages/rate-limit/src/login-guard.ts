import type { Refusal } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { memoryDecider, refusing, type Charge, type Counted, type Decision, type Part } from './decision.ts'
import { errors } from './errors.ts'
import { exceeded } from './exceeded.ts'
import { accountKey, accountOf } from './login-account.ts'
import { LoginAttempt, type LoginTarget } from './login-attempt.ts'
import type { CompleteLoginGuard } from './login-options.ts'
import { loginQuotas, loginSubjects, UNTOUCHED } from './login-quotas.ts'
import type { Penalties } from './penalties.ts'
import type { Quota } from './policy.ts'
import type { SharedStore } from './shared-store.ts'
import { blankStanding } from './standing.ts'
import { byAddress } from './subject.ts'
import { Suspicions, type Suspicion } from './suspicion.ts'

/** What a guard is told and tells. */
export interface LoginGuardParts {
  /** The memory of a quota. */
  readonly counted: (quota: Quota) => Counted
  readonly shared: SharedStore | undefined
  readonly onStoreError: 'local' | 'closed' | 'open'
  /** Milliseconds, never going back. */
  readonly clock: () => number
  readonly penalties: Penalties
  /** Told when the function that names accounts throws or returns no string. */
  readonly onThrow: (error: unknown) => void
  /** Told once per account or address and window. */
  readonly onSuspicion: (request: FastifyRequest, held: 'account' | 'pair' | 'address', seen: SuspectedLogin) => void
}

/** What an event of brute force tells. */
export interface SuspectedLogin {
  readonly attempts: number
  /** Hashes. */
  readonly accounts: readonly string[]
  readonly addresses: readonly string[]
}

/** The steps of a guarded route. */
export interface LoginGuardSteps {
  /** After validation: a body that no handler sees guesses nothing. */
  preHandler(request: FastifyRequest, reply: FastifyReply): Refusal | undefined | Promise<Refusal | undefined>
  /** Before the answer leaves, so that whoever has it finds his counts as it says. */
  onSend(request: FastifyRequest, reply: FastifyReply): void
  /** For clients that have left, and for replies that were hijacked. */
  close(request: FastifyRequest, reply: FastifyReply, aborted: boolean): void
}

/** Accounts and addresses that events can name at most. */
const MOST_SUSPECTS = 10_000

/**
 * Compiles a login guard. Each attempt is reserved before the handler, so simultaneous guesses are counted like
 * successive ones. What it refuses, it refuses before anybody has looked the account up: neither the answer nor its
 * time tells whether there is one.
 */
export function compileLoginGuard(guard: CompleteLoginGuard, parts: LoginGuardParts): LoginGuardSteps {
  const { shared, clock, onStoreError } = parts
  const quotas = loginQuotas(guard)
  const pair = parts.counted(quotas.pair)
  const address = parts.counted(quotas.address)
  const account = parts.counted(quotas.account)
  const trusted = quotas.trusted && parts.counted(quotas.trusted)
  const byPair = memoryDecider([pair, address])
  const byAll = memoryDecider([pair, address, account])
  const nameOf = accountOf(guard.account, parts.onThrow)
  const suspects = {
    account: new Suspicions(guard.window, MOST_SUSPECTS),
    address: new Suspicions(guard.window, MOST_SUSPECTS),
  }
  const standing = blankStanding()

  const trustOf = (target: LoginTarget): Charge | undefined =>
    quotas.trusted && target.account !== null
      ? charge(quotas.trusted, loginSubjects.pair(target.account, target.address))
      : undefined

  /** Whether this process has seen the pair sign in. */
  const remembered = (asked: Charge): boolean => {
    trusted?.table.peek(asked.subject, clock(), standing)
    return trusted !== undefined && standing.before < UNTOUCHED
  }

  const chargesOf = ({ account: name, address: from, trusted: known }: LoginTarget): Charge[] => {
    const both = [
      charge(quotas.pair, loginSubjects.pair(name, from)),
      charge(quotas.address, loginSubjects.address(from)),
    ]
    // What others fail at an account does not hold back whoever has signed in to it from here.
    return name === null || known ? both : [...both, charge(quotas.account, loginSubjects.account(name))]
  }

  const inMemory = (charges: readonly Charge[], now: number): Decision =>
    charges.length === 2 ? byPair(charges, now) : byAll(charges, now)

  const admit = (request: FastifyRequest, reply: FastifyReply, attempt: LoginAttempt): undefined => {
    // Nobody waits for this answer any more.
    if (reply.raw.destroyed) attempt.abandon()
    request.security.login = attempt
  }

  const settle = (
    request: FastifyRequest,
    reply: FastifyReply,
    target: LoginTarget,
    charges: readonly Charge[],
    decision: Decision,
    takenAt: readonly number[],
    isShared: boolean,
  ): Refusal | undefined => {
    const now = clock()
    const from = target.address.slice(1)
    if (target.account !== null) suspects.account.note(target.account, from, now)
    suspects.address.note(from, target.account ?? '', now)
    const refused = refusing(decision)
    if (refused === undefined) return admit(request, reply, new LoginAttempt(target, charges, takenAt, isShared))
    parts.penalties.note(request, decision)
    suspect(request, target, refused, now)
    admit(request, reply, new LoginAttempt(target, [], [], isShared))
    return exceeded(refused)
  }

  const suspect = (request: FastifyRequest, target: LoginTarget, { quota }: Part, now: number): void => {
    const from = target.address.slice(1)
    const tell = (held: 'account' | 'pair' | 'address', seen: Suspicion | undefined): void => {
      if (seen === undefined) return
      const { attempts, companions } = seen
      if (held === 'address') {
        parts.onSuspicion(request, held, { attempts, accounts: companions.filter(Boolean), addresses: [from] })
      } else {
        parts.onSuspicion(request, held, { attempts, accounts: [target.account as string], addresses: companions })
      }
    }
    if (quota === quotas.address || target.account === null) tell('address', suspects.address.tell(from, now))
    else tell(quota === quotas.pair ? 'pair' : 'account', suspects.account.tell(target.account, now))
  }

  const decide = (
    request: FastifyRequest,
    reply: FastifyReply,
    target: LoginTarget,
  ): Refusal | undefined | Promise<Refusal | undefined> => {
    const charges = chargesOf(target)
    const here = (): Refusal | undefined => {
      const now = clock()
      const decision = inMemory(charges, now)
      return settle(
        request,
        reply,
        target,
        charges,
        decision,
        charges.map(() => now),
        false,
      )
    }
    if (shared === undefined) return here()
    const away = (): Refusal | undefined => {
      if (onStoreError === 'local') return here()
      if (onStoreError === 'open') return admit(request, reply, new LoginAttempt(target, [], [], false))
      return errors.PTC_RATE_LIMIT_UNAVAILABLE.with({ retryAfter: 1 })
    }
    const asked = shared.decide(charges)
    if (asked === null) return away()
    return asked.then((decision) =>
      decision === null
        ? away()
        : settle(
            request,
            reply,
            target,
            charges,
            decision,
            decision.map(({ takenAt }) => takenAt),
            true,
          ),
    )
  }

  const success = ({ target, shared: isShared }: LoginAttempt): void => {
    const { account: name, address: from } = target
    const forgotten = [charge(quotas.pair, loginSubjects.pair(name, from))]
    // A trusted pair's successes say nothing of those who try the account from elsewhere.
    if (name !== null && !target.trusted) forgotten.push(charge(quotas.account, loginSubjects.account(name)))
    pair.table.forget(loginSubjects.pair(name, from))
    if (name !== null && !target.trusted) account.table.forget(loginSubjects.account(name))
    if (isShared && shared !== undefined) for (const one of forgotten) void shared.forget(one)
    if (name !== null) suspects.account.forgive(name)
    suspects.address.forgive(from.slice(1))
    const trust = trustOf(target)
    if (trust === undefined || trusted === undefined) return
    const now = clock()
    trusted.table.judge(trust.subject, now, 1, standing)
    if (standing.allowed) trusted.table.commit(trust.subject, now, 1, standing)
    if (isShared && !target.trusted) void shared?.decide([trust])
  }

  const refund = ({ charges, takenAt, shared: isShared }: LoginAttempt, only?: Quota): void => {
    for (const [place, one] of charges.entries()) {
      if (only !== undefined && one.quota !== only) continue
      const at = takenAt[place] as number
      if (isShared) shared?.refund(one, at)
      else tableOf(one.quota).refund(one.subject, clock(), one.cost, at)
    }
  }

  const tableOf = (quota: Quota): Counted['table'] =>
    (quota === quotas.pair ? pair : quota === quotas.address ? address : account).table

  const end = (attempt: LoginAttempt | undefined, status: number): void => {
    const outcome = attempt?.end(status)
    if (attempt === undefined || outcome === undefined || outcome === 'failed') return
    if (outcome === 'returned') return refund(attempt)
    // His own successes give an address back what they took, and nothing else: whoever guesses at the accounts of
    // others cannot buy attempts by signing in to his own.
    refund(attempt, quotas.address)
    success(attempt)
  }

  return {
    preHandler(request, reply) {
      const name = accountKey(nameOf(request))
      if (name === undefined) return errors.PTC_RATE_LIMIT_ACCOUNT_UNREADABLE
      const from = byAddress(request)
      const stranger: LoginTarget = { account: name, address: from, trusted: false }
      const trust = trustOf(stranger)
      if (trust === undefined) return decide(request, reply, stranger)
      const known = remembered(trust)
      if (known || shared === undefined) return decide(request, reply, { ...stranger, trusted: known })
      return shared
        .peek(trust)
        .then((part) =>
          decide(request, reply, { ...stranger, trusted: part !== null && part.standing.before < UNTOUCHED }),
        )
    },

    onSend({ security }, reply) {
      end(security.login as LoginAttempt | undefined, reply.statusCode)
    },

    close({ security, raw }, reply, aborted) {
      const attempt = security.login as LoginAttempt | undefined
      if (aborted || wasReset(raw)) attempt?.abandon()
      else end(attempt, reply.raw.statusCode)
    },
  }
}

const charge = (quota: Quota, subject: string): Charge => ({ quota, subject, cost: 1, limit: quota.limit as number })

/** Node calls the response of a stream that the client has reset (RFC 9113 §6.4) finished, as if it had been read. */
const wasReset = (raw: object): boolean => (raw as { stream?: { aborted?: boolean } }).stream?.aborted === true
