import type { Refusal } from '@portcullis/kernel'
import type { RequestSecurity, SecurityIdentity } from 'fastify'
import { isRepeated } from './authorization.ts'
import { type ChallengeParts, challengeOf } from './challenge.ts'
import { errors } from './errors.ts'
import type { Fault, Fields, Scheme, Strategy } from './identity.ts'

/** Who a policy is for. */
export type Admission = 'declared' | 'undeclared' | 'not-found'

/** One policy, ready to decide. */
export interface Gate {
  /** The one credential of a request, a refusal if there is none, or more than one. */
  find(fields: Fields, rawHeaders: readonly string[], security?: RequestSecurity): Presented | Refusal
  /** The refusal of a credential that did not verify. */
  refuse(scheme: Scheme, fault: Fault): Refusal
  /** The refusal of an identity, or undefined if it may go on. */
  judge(identity: SecurityIdentity): Refusal | undefined
}

/** A credential in a request. */
export interface Presented {
  readonly strategy: Strategy
  readonly credential: string
}

/** What a gate is made of. */
export interface GateParts extends ChallengeParts {
  /** All strategies of the registration. */
  readonly strategies: readonly Strategy[]
  /** Admitted kinds of credential; absent: all. */
  readonly anyOf?: readonly Scheme[] | undefined
  readonly scopes?: readonly string[] | undefined
  readonly admission: Admission
}

/** Compiles a policy: everything that does not depend on the request is made here. */
export function compileGate(parts: GateParts): Gate {
  const { anyOf, scopes = [], admission } = parts
  const strategies = parts.strategies.filter(({ scheme }) => anyOf === undefined || anyOf.includes(scheme))
  const challenges = strategies.map(({ scheme }) => challengeOf(scheme, parts))
  const missing = errors.PTC_AUTH_CREDENTIAL_MISSING.with({ fields: challenging(challenges) })
  const ambiguous = ambiguity(parts, strategies)
  const refusals = new Map<string, Refusal>()

  return {
    find(fields, rawHeaders, security) {
      let found: Presented | null = null
      for (let at = 0; at < strategies.length; at++) {
        const strategy = strategies[at] as Strategy
        const credential = strategy.find(fields, security)
        if (credential === null) continue
        if (found !== null) return ambiguous
        found = { strategy, credential }
      }
      if (fields['authorization'] !== undefined && isRepeated(rawHeaders)) return ambiguous
      return found ?? missing
    },

    refuse(scheme, fault) {
      const key = `${scheme} ${fault}`
      let refusal = refusals.get(key)
      if (refusal === undefined) refusals.set(key, (refusal = refusalOf(scheme, fault, strategies, parts)))
      return refusal
    },

    judge(identity) {
      if (admission === 'not-found') return undefined
      const { subject, scheme, credentialId } = identity
      if (admission === 'undeclared')
        return errors.PTC_AUTH_ROUTE_CLOSED.with({ detail: { subject, scheme, credentialId } })
      for (const scope of scopes) if (!identity.scopes.includes(scope)) return lacking(identity)
      return undefined
    },
  }

  function lacking({ subject, scheme, credentialId }: SecurityIdentity): Refusal {
    const detail = { subject, scheme, credentialId, scopes }
    // RFC 6750 §3.1: tells a client which token would do; for the other schemes no credential of that user would.
    if (scheme !== 'jwt') return errors.PTC_AUTH_SCOPE_INSUFFICIENT.with({ detail })
    const fields = { 'www-authenticate': challengeOf('jwt', parts, { error: 'insufficient_scope', scopes }) }
    return errors.PTC_AUTH_SCOPE_INSUFFICIENT.with({ detail, fields })
  }
}

function ambiguity(parts: ChallengeParts, strategies: readonly Strategy[]): Refusal {
  const detail = { reason: 'ambiguous' }
  // RFC 6750 §3.1: more than one method is an invalid_request, 400.
  const fields = strategies.some(({ scheme }) => scheme === 'jwt')
    ? { 'www-authenticate': challengeOf('jwt', parts, { error: 'invalid_request' }) }
    : {}
  return errors.PTC_AUTH_CREDENTIALS_AMBIGUOUS.with({ detail, fields })
}

function refusalOf(scheme: Scheme, fault: Fault, strategies: readonly Strategy[], parts: ChallengeParts): Refusal {
  const detail = { scheme, reason: fault }
  if (fault === 'unavailable') return errors.PTC_AUTH_UNAVAILABLE.with({ detail, retryAfter: 5 })
  const expired = fault === 'expired'
  const challenges = strategies.map((strategy) =>
    strategy.scheme === 'jwt' && scheme === 'jwt'
      ? challengeOf('jwt', parts, {
          error: 'invalid_token',
          ...(expired ? { description: 'The access token expired' } : {}),
        })
      : challengeOf(strategy.scheme, parts),
  )
  const fields = challenging(challenges)
  return (expired ? errors.PTC_AUTH_TOKEN_EXPIRED : errors.PTC_AUTH_CREDENTIAL_INVALID).with({ fields, detail })
}

/** One field line for each challenge: clients read them more reliably than a list (RFC 9110 §11.6.1). */
function challenging(challenges: readonly string[]): Record<string, string | readonly string[]> {
  return { 'www-authenticate': challenges.length === 1 ? (challenges[0] as string) : challenges }
}
