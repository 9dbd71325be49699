import type { Refusal } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { refusing, type Charge, type Decision, type Part } from '../decision.ts'
import { errors } from '../errors.ts'
import { exceeded } from '../exceeded.ts'
import { accountKey, accountOf, spellingKey } from './login-account.ts'
import { LoginAttempt, type LoginTarget } from './login-attempt.ts'
import type { CompleteLoginGuard } from './login-options.ts'
import { LoginLedger, type LoginLedgerParts } from './login-ledger.ts'
import { loginQuotas } from './login-quotas.ts'
import type { Penalties } from '../penalties/penalties.ts'
import { byAddress } from '../subject.ts'
import { Suspicions, type Suspicion } from './suspicion.ts'

/** What a guard is told and tells. */
export interface LoginGuardParts extends LoginLedgerParts {
  readonly onStoreError: 'local' | 'closed' | 'open'
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
  onSend(request: FastifyRequest, reply: FastifyReply): Promise<void> | undefined
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
  const ledger = new LoginLedger(quotas, parts)
  const nameOf = accountOf(guard.account, parts.onThrow)
  const suspects = {
    account: new Suspicions(guard.window, MOST_SUSPECTS),
    address: new Suspicions(guard.window, MOST_SUSPECTS),
  }
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
    const charges = ledger.chargesOf(target)
    const here = (): Refusal | undefined => {
      const now = clock()
      const decision = ledger.decide(charges, now)
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

  const end = (attempt: LoginAttempt | undefined, status: number): Promise<void> | undefined => {
    const outcome = attempt?.end(status)
    if (attempt === undefined || outcome === undefined || outcome === 'failed') return undefined
    if (outcome === 'returned') {
      ledger.refund(attempt)
      return undefined
    }
    if (attempt.target.account !== null) suspects.account.forgive(attempt.target.account)
    suspects.address.forgive(attempt.target.address.slice(1))
    return ledger.succeed(attempt)
  }

  return {
    preHandler(request, reply) {
      const given = nameOf(request)
      const account = accountKey(given)
      if (account === undefined) return errors.PTC_RATE_LIMIT_ACCOUNT_UNREADABLE
      const spelling = account === null ? null : spellingKey(given as string | number)
      const target: LoginTarget = { account, spelling, address: byAddress(request), trusted: false }
      const trusted = ledger.trusts(target)
      if (typeof trusted === 'boolean') return decide(request, reply, { ...target, trusted })
      return trusted.then((known) => decide(request, reply, { ...target, trusted: known }))
    },

    onSend({ security }, reply) {
      return end(security.login as LoginAttempt | undefined, reply.statusCode)
    },

    close({ security }, reply, aborted) {
      const attempt = security.login as LoginAttempt | undefined
      if (aborted) attempt?.abandon()
      else void end(attempt, reply.raw.statusCode)
    },
  }
}
