import type { Refusal } from '@portcullis/kernel'
import type { RequestSecurity, SecurityIdentity } from 'fastify'
import { isRepeated } from './access/authorization.ts'
import type { ChallengeParts } from './answers/challenge.ts'
import type { Fault, Fields, Scheme, Strategy } from './identity.ts'
import { Refusals } from './answers/refusals.ts'
import { isStrong, type StepUp } from './access/step-up.ts'

/** Who a policy is for. */
export type Admission = 'declared' | 'undeclared' | 'not-found'

/** One policy, ready to decide. */
export interface Gate {
  readonly refusals: Refusals
  /** The one credential of a request, a refusal if there is none, or more than one. */
  find(fields: Fields, rawHeaders: readonly string[], security?: RequestSecurity): Presented | Refusal
  /** The refusal of a credential that did not verify. */
  refuse(scheme: Scheme, fault: Fault): Refusal
  /** The refusal of an identity without the scopes or roles, or undefined. */
  lacking(identity: SecurityIdentity): Refusal | undefined
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
  /** Scopes, all of which are needed. */
  readonly scopes?: readonly string[] | undefined
  /** Roles, one of which is needed. */
  readonly roles?: readonly string[] | undefined
  readonly stepUp?: StepUp | undefined
  readonly admission: Admission
  /** Milliseconds since the epoch. */
  readonly clock?: () => number
}

/** Compiles a policy: everything that does not depend on the request is made here. */
export function compileGate(parts: GateParts): Gate {
  const { anyOf, scopes = [], roles, stepUp, admission, clock = Date.now } = parts
  const strategies = parts.strategies.filter(({ scheme }) => anyOf === undefined || anyOf.includes(scheme))
  const refusals = new Refusals(
    strategies.map(({ scheme }) => scheme),
    parts,
  )

  function lacking(identity: SecurityIdentity): Refusal | undefined {
    for (const scope of scopes) if (!identity.scopes.includes(scope)) return refusals.lacksScope(identity, scopes)
    if (roles !== undefined && !roles.some((role) => identity.roles?.includes(role) === true))
      return refusals.lacksRole(identity, roles)
    return undefined
  }

  return {
    refusals,
    lacking,

    find(fields, rawHeaders, security) {
      let found: Presented | null = null
      for (let at = 0; at < strategies.length; at++) {
        const strategy = strategies[at] as Strategy
        const credential = strategy.find(fields, security)
        if (credential === null) continue
        if (found !== null) return refusals.ambiguous
        found = { strategy, credential }
      }
      if (fields['authorization'] !== undefined && isRepeated(rawHeaders)) return refusals.ambiguous
      return found ?? refusals.missing
    },

    refuse: (scheme, fault) => refusals.ofFault(scheme, fault),

    judge(identity) {
      if (admission === 'not-found') return undefined
      if (admission === 'undeclared') return refusals.closed(identity)
      const lacks = lacking(identity)
      if (lacks !== undefined) return lacks
      if (stepUp !== undefined && !isStrong(identity, stepUp, clock() / 1000)) return refusals.stepUp(identity, stepUp)
      return undefined
    },
  }
}
