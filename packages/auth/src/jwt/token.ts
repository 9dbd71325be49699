import type { SecurityIdentity } from 'fastify'
import { type Fault, isName } from '../identity.ts'
import { type ClaimPath, describedBy, isDate, scopesOf } from './claims.ts'
import { canonicalBytes, readEncodedObject } from './json-object.ts'

/** What the tokens of one issuer must be before their signature is worth checking. */
export interface IssuerRules {
  readonly issuer: string
  readonly audience: string
  /** Claim that names the audience. */
  readonly audienceClaim: string
  /** Claim that names the caller. */
  readonly subjectClaim: string
  /** Where the scopes are; absent: the usual claims. */
  readonly scopesClaim?: ClaimPath | undefined
  /** Where the roles are; absent: `roles`. */
  readonly rolesClaim?: ClaimPath | undefined
  /** Claims that must have these values. */
  readonly claims: readonly (readonly [name: string, value: string])[]
  /** `typ` that is admitted, lower case, without `application/`; null: there must be none. */
  readonly type: string | null
  /** Bytes of a signature by admitted algorithm; 0 where the key decides. */
  readonly signatureBytes: ReadonlyMap<string, number>
}

/** What every token must be. */
export interface TokenRules {
  readonly issuers: ReadonlyMap<string, IssuerRules>
  /** Seconds. */
  readonly clockTolerance: number
  readonly maxBytes: number
}

/** Case does not matter and `application/` may be left out (RFC 7515 §4.1.9). */
export function typeName(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '')
}

/** The claims of a token whose form is good. */
export interface Claims extends Readonly<Record<string, unknown>> {
  readonly iss: string
  readonly exp: number
  readonly nbf?: number
  readonly iat?: number
  readonly jti?: string
}

/** What the header of a token says, if it asks for nothing that we do not do. */
export interface Header {
  readonly algorithm: string
  readonly keyId: string | undefined
  /** `typ`, lower case, without `application/`; null: there is none. */
  readonly type: string | null
}

/** Headers that were read before, by their text: an issuer writes the same one into all its tokens. */
export type KnownHeaders = Pick<ReadonlyMap<string, Header>, 'get'>

/** A token whose form is good and whose signature is not checked yet. */
export interface ReadToken {
  readonly header: Header
  /** The same, encoded. */
  readonly encodedHeader: string
  readonly claims: Claims
  readonly subject: string
  readonly scopes: readonly string[]
  readonly rules: IssuerRules
}

/** A compact JWS whose form is good. */
export interface Form {
  readonly header: Header
  /** The same, encoded. */
  readonly encodedHeader: string
  /** Still encoded. */
  readonly payload: string
  readonly signatureBytes: number
}

/**
 * Reads the form of a compact JWS (RFC 7515 §7.1) strictly: three parts, each spelt in the one way there is, and a header
 * that asks for nothing that we do not do.
 */
export function readForm(token: string, known?: KnownHeaders): Form | Fault {
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first === -1 || second === -1 || token.indexOf('.', second + 1) !== -1) return 'malformed'
  const encodedHeader = token.slice(0, first)
  const header = known?.get(encodedHeader) ?? readHeader(encodedHeader)
  if (typeof header === 'string') return header
  const signatureBytes = canonicalBytes(token.slice(second + 1))
  if (signatureBytes === -1) return 'malformed'
  return { header, encodedHeader, payload: token.slice(first + 1, second), signatureBytes }
}

function readHeader(encoded: string): Header | Fault {
  const header = readEncodedObject(encoded)
  if (header === null) return 'malformed'
  // Keys come from the options and nowhere else (RFC 8725 §3.10); no extension is understood (RFC 7515 §4.1.11).
  for (const member of REFUSED_MEMBERS) if (Object.hasOwn(header, member)) return 'header'
  const { alg, typ, kid } = header
  if (kid !== undefined && !isName(kid)) return 'header'
  if (typeof alg !== 'string') return 'algorithm'
  if (typ !== undefined && typeof typ !== 'string') return 'type'
  return { algorithm: alg, keyId: kid, type: typ === undefined ? null : typeName(typ) }
}

/** What else there is to go by while a token is read. */
export interface Reading {
  readonly headers?: KnownHeaders | undefined
  /** Reads the claims from their text, or gives what somebody else has read of it. Default: `JSON.parse`. */
  readonly parse?: ((text: string) => unknown) | undefined
}

/**
 * Reads a token strictly, without checking its signature or its times.
 * @returns what it says, or why it is refused.
 */
export function readToken(
  token: string,
  { issuers, maxBytes }: TokenRules,
  { headers, parse }: Reading = {},
): ReadToken | Fault {
  // Header fields reach us as latin-1: one character is one byte.
  if (token.length > maxBytes) return 'too-large'
  const form = readForm(token, headers)
  if (typeof form === 'string') return form
  const claims = readEncodedObject(form.payload, parse)
  if (claims === null) return 'malformed'

  // Which issuer's rules and keys apply is all that an unverified claim decides; an unknown one has neither.
  const rules = issuers.get(claims['iss'] as string)
  if (rules === undefined) return 'issuer'
  const { header, encodedHeader } = form
  const bytes = rules.signatureBytes.get(header.algorithm)
  if (bytes === undefined) return 'algorithm'
  // RFC 8725 §3.11.
  if (header.type !== rules.type) return 'type'
  // An ES256 signature is exactly 64 bytes (RFC 7518 §3.4): a shorter one makes verifiers throw.
  if (bytes !== 0 && form.signatureBytes !== bytes) return 'signature'
  const fault = faultOfClaims(claims, rules)
  if (fault !== null) return fault
  const subject = Object.hasOwn(claims, rules.subjectClaim) ? claims[rules.subjectClaim] : undefined
  const scopes = scopesOf(claims, rules.scopesClaim)
  if (!isName(subject) || scopes === null) return 'claims'
  return { header, encodedHeader, claims: claims as Claims, subject, scopes, rules }
}

const REFUSED_MEMBERS = ['crit', 'b64', 'zip', 'enc', 'jwk', 'jku', 'x5u', 'x5c'] as const

function faultOfClaims(claims: Readonly<Record<string, unknown>>, rules: IssuerRules): Fault | null {
  const { sub, aud, exp, nbf, iat, jti } = claims
  if ((sub !== undefined && !isName(sub)) || !isDate(exp)) return 'claims'
  if ((nbf !== undefined && !isDate(nbf)) || (iat !== undefined && !isDate(iat))) return 'claims'
  if (jti !== undefined && !isName(jti)) return 'claims'
  // A token that is bound to a key (RFC 7800, RFC 9449, RFC 8705) is no bearer token: nothing here proves the key.
  if (claims['cnf'] !== undefined) return 'claims'
  for (const [name, value] of rules.claims) if (!Object.hasOwn(claims, name) || claims[name] !== value) return 'claims'
  if (aud !== undefined && !isAudience(aud)) return 'audience'
  const named = Object.hasOwn(claims, rules.audienceClaim) ? claims[rules.audienceClaim] : undefined
  if (!isAudience(named)) return 'audience'
  if (typeof named === 'string' ? named !== rules.audience : !named.includes(rules.audience)) return 'audience'
  return null
}

/** RFC 7519 §4.1.3: a string, or a list of strings. */
export function isAudience(value: unknown): value is string | readonly string[] {
  return typeof value === 'string' || (Array.isArray(value) && value.every((entry) => typeof entry === 'string'))
}

/** Why a token is refused at this time, or null. `now` in seconds; checked at every use, cached or not. */
export function faultOfTimes(
  expires: number,
  notBefore: number,
  now: number,
  clockTolerance: number,
): 'expired' | 'not-yet-valid' | null {
  // RFC 7519 §4.1.4: on or after `exp` it must not be accepted.
  if (now >= expires + clockTolerance) return 'expired'
  if (now < notBefore - clockTolerance) return 'not-yet-valid'
  return null
}

/** Makes the identity of a verified token. */
export function identityOfToken({ claims, subject, scopes, rules }: ReadToken): SecurityIdentity {
  const { roles, authenticatedAt } = describedBy(claims, rules.rolesClaim)
  // Read from text just now: nobody else has any of it, and no copies are needed.
  return freezeDeeply({
    subject,
    scheme: 'jwt',
    scopes,
    ...(roles === undefined ? {} : { roles }),
    ...(authenticatedAt === undefined ? {} : { authenticatedAt }),
    credentialId: claims.jti ?? null,
    claims,
  })
}

/** Freezes data: what is remembered of one request is handed to others. */
export function freezeDeeply<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const name of Object.keys(value)) {
      const member = (value as Record<string, unknown>)[name]
      if (typeof member === 'object') freezeDeeply(member)
    }
    Object.freeze(value)
  }
  return value
}
