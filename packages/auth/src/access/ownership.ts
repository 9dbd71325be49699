import type { FastifyRequest, SecurityIdentity } from 'fastify'
import { isBearer, isName, isPlain } from '../identity.ts'
import { ask, type LookUp } from '../remote/look-up.ts'

/** Whose an object is: a subject, or a subject of one issuer where several are trusted. */
export type Owner = string | { readonly subject: string; readonly issuer: string }

/**
 * Says whose the object is that a request asks for, after validation: null for an object that is nobody's or is not there.
 * A throw, or anything else, means "cannot tell" and becomes a 503.
 */
export type FindOwner = (request: ValidatedRequest) => Owner | null | Promise<Owner | null>

/** A request whose schema only its route knows: the types of a route do not reach its config. */
// oxlint-disable-next-line typescript/no-explicit-any
type ValidatedRequest = FastifyRequest & Readonly<Record<'params' | 'query' | 'body', any>>

/** What comparing a caller with an owner yields. */
export type Ownership = 'owner' | 'stranger' | 'unavailable'

/**
 * Makes the comparison of a caller with the owner of what it asks for.
 * @param manyIssuers whether one subject may be two people: then an owner is named with its issuer
 */
export function compileOwnership(
  find: FindOwner,
  manyIssuers: boolean,
  lookUp: LookUp,
): (request: FastifyRequest, identity: SecurityIdentity) => Ownership | Promise<Ownership> {
  return (request, identity) =>
    ask<Ownership>(
      () => find(request),
      (owner) => compare(owner, identity, manyIssuers),
      lookUp,
    )
}

function compare(owner: unknown, identity: SecurityIdentity, manyIssuers: boolean): Ownership {
  if (owner === null) return 'stranger'
  if (isName(owner)) {
    // A `sub` is somebody within its issuer only (RFC 7519 §4.1.2).
    if (manyIssuers && isBearer(identity.scheme))
      throw new TypeError('owner returned a subject, and several issuers are trusted: return { subject, issuer }')
    return owner === identity.subject ? 'owner' : 'stranger'
  }
  const { subject, issuer } = (isPlain(owner) ? owner : {}) as Partial<Record<'subject' | 'issuer', unknown>>
  if (!isName(subject) || !isName(issuer))
    throw new TypeError('owner returned neither null, a subject nor { subject, issuer }')
  return subject === identity.subject && issuer === identity.claims['iss'] ? 'owner' : 'stranger'
}
