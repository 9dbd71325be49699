import type { Refusal } from '@portcullis/kernel'
import type { SecurityIdentity } from 'fastify'
import { type BearerError, type ChallengeParts, challengeOf } from './challenge.ts'
import { errors } from '../errors.ts'
import { type Fault, isBearer, type Scheme } from '../identity.ts'
import type { StepUp } from '../access/step-up.ts'

/** The refusals of one policy. Every one of them says `no-store`: the next request may bring a better credential. */
export class Refusals {
  readonly missing: Refusal
  readonly ambiguous: Refusal
  readonly #schemes: readonly Scheme[]
  readonly #parts: ChallengeParts
  #lacking: Refusal | undefined
  readonly #faults = new Map<string, Refusal>()

  constructor(schemes: readonly Scheme[], parts: ChallengeParts) {
    this.#schemes = schemes
    this.#parts = parts
    this.missing = errors.PTC_AUTH_CREDENTIAL_MISSING.with({ fields: this.#challenging() })
    // RFC 6750 §3.1: more than one method is an invalid_request, 400.
    const bearer = schemes.some(isBearer) ? this.#bearer({ error: 'invalid_request' }) : {}
    this.ambiguous = errors.PTC_AUTH_CREDENTIALS_AMBIGUOUS.with({
      detail: { reason: 'ambiguous' },
      fields: { ...NO_STORE, ...bearer },
    })
  }

  /** The refusal of a credential that did not verify: made once for each reason. */
  ofFault(scheme: Scheme, fault: Fault): Refusal {
    const key = `${scheme} ${fault}`
    const known = this.#faults.get(key)
    if (known !== undefined) return known
    const refusal = this.#ofFault(scheme, fault)
    this.#faults.set(key, refusal)
    return refusal
  }

  #ofFault(scheme: Scheme, fault: Fault): Refusal {
    const detail = { scheme, reason: fault }
    if (fault === 'unavailable') return errors.PTC_AUTH_UNAVAILABLE.with({ detail, retryAfter: 5, fields: NO_STORE })
    // Only the bearer of a good signature hears that its time is over (RFC 6750 §3.1), and only in the challenge.
    const expired = fault === 'expired' && isBearer(scheme)
    const problem: BearerError = {
      error: 'invalid_token',
      ...(expired ? { description: 'The access token expired' } : {}),
    }
    const fields = this.#challenging(isBearer(scheme) ? problem : undefined)
    return errors.PTC_AUTH_CREDENTIAL_INVALID.with({ fields, detail })
  }

  /** The caller is known and the route admits nobody. */
  closed(identity: SecurityIdentity): Refusal {
    return errors.PTC_AUTH_ROUTE_CLOSED.with({ detail: detailOf(identity), fields: NO_STORE })
  }

  /** The caller lacks one of the policy's scopes. */
  lacksScope(identity: SecurityIdentity, scopes: readonly string[]): Refusal {
    // RFC 6750 §3.1: tells a client which token would do; for the other schemes no credential of that user would.
    const bearer = isBearer(identity.scheme) ? this.#bearer({ error: 'insufficient_scope', scopes }) : {}
    // Scope tokens have no blank and no quote (RFC 6749 §3.3). Made once: so is its body.
    this.#lacking ??= errors.PTC_AUTH_SCOPE_INSUFFICIENT.with({
      sentence: `The credential does not grant the scopes that this route needs: ${scopes.join(', ')}.`,
    })
    return this.#lacking.with({
      detail: { ...detailOf(identity), scopes },
      fields: { ...NO_STORE, ...bearer },
    })
  }

  /** The caller has none of the roles. */
  lacksRole(identity: SecurityIdentity, roles: readonly string[]): Refusal {
    return errors.PTC_AUTH_ROLE_INSUFFICIENT.with({ detail: { ...detailOf(identity), roles }, fields: NO_STORE })
  }

  /** The caller has to prove anew who it is (RFC 9470). */
  stepUp(identity: SecurityIdentity, { maxAge, acr }: StepUp): Refusal {
    return errors.PTC_AUTH_STEP_UP_REQUIRED.with({
      detail: detailOf(identity),
      fields: {
        ...NO_STORE,
        ...(isBearer(identity.scheme)
          ? this.#bearer({ error: 'insufficient_user_authentication', maxAge, acr })
          : { 'www-authenticate': challengeOf(identity.scheme as Scheme, this.#parts) }),
      },
    })
  }

  /** The object is somebody else's, or nobody's: the answer does not tell. */
  notOwner(identity: SecurityIdentity | null): Refusal {
    return errors.PTC_AUTH_NOT_OWNER.with({
      ...(identity === null ? {} : { detail: detailOf(identity) }),
      fields: NO_STORE,
    })
  }

  /** Whose the object is cannot be told. */
  ownerUnknown(): Refusal {
    return errors.PTC_AUTH_UNAVAILABLE.with({ detail: { reason: 'owner' }, retryAfter: 5, fields: NO_STORE })
  }

  #bearer(problem: BearerError): Readonly<Record<string, string>> {
    return { 'www-authenticate': challengeOf('jwt', this.#parts, problem) }
  }

  /** One field line for each challenge: clients read them more reliably than a list (RFC 9110 §11.6.1). */
  #challenging(problem?: BearerError): Readonly<Record<string, string | readonly string[]>> {
    const all = this.#schemes.map((scheme) => challengeOf(scheme, this.#parts, isBearer(scheme) ? problem : undefined))
    // Tokens of both kinds are asked for in one challenge.
    const challenges = [...new Set(all)]
    return { ...NO_STORE, 'www-authenticate': challenges.length === 1 ? (challenges[0] as string) : challenges }
  }
}

// RFC 9111 §3: a shared cache may keep a 403 otherwise, and CORS does not stand in its key.
const NO_STORE = { 'cache-control': 'no-store' } as const

function detailOf({ subject, scheme, credentialId }: SecurityIdentity): Readonly<Record<string, unknown>> {
  return { subject, scheme, credentialId }
}
