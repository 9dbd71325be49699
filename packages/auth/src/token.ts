import type { SecurityIdentity } from 'fastify'
import { areScopes, type Fault, identityOf, isName } from './identity.ts'
import { decodeCanonical, readEncodedObject } from './json-object.ts'
import type { JwtOptions } from './options.ts'
import type { VerificationKey } from './verification-key.ts'

/** What a token must be before its signature is worth checking. */
export interface TokenRules {
  /** Bytes of a signature by admitted algorithm. */
  readonly signatureBytes: ReadonlyMap<string, number>
  readonly issuer: string
  readonly audience: string
  /** Admitted `typ` values, lower case, without `application/`. */
  readonly types: ReadonlySet<string>
  /** Seconds. */
  readonly clockTolerance: number
  readonly maxBytes: number
}

/** The rules that options and their key amount to. */
export function rulesOf(jwt: Required<JwtOptions>, key: VerificationKey): TokenRules {
  const bytes = key.kind === 'secret' ? 32 : key.signatureBytes
  return {
    signatureBytes: new Map(jwt.algorithms.map((algorithm) => [algorithm, bytes])),
    issuer: jwt.issuer,
    audience: jwt.audience,
    types: new Set(jwt.types.map(typeName)),
    clockTolerance: jwt.clockTolerance,
    maxBytes: jwt.maxTokenBytes,
  }
}

/** Case does not matter and `application/` may be left out (RFC 7515 §4.1.9). */
function typeName(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '')
}

/** The claims of a token whose form is good and whose signature is not checked yet. */
export interface Claims extends Readonly<Record<string, unknown>> {
  readonly iss: string
  readonly sub: string
  readonly aud: string | readonly string[]
  readonly exp: number
  readonly nbf?: number
  readonly iat?: number
  readonly jti?: string
}

/**
 * Reads a compact JWS (RFC 7515 §7.1) strictly, without checking its signature or its times.
 * @returns the claims, or why it is refused.
 */
export function readToken(token: string, rules: TokenRules): Claims | Fault {
  // Header fields reach us as latin-1: one character is one byte.
  if (token.length > rules.maxBytes) return 'too-large'
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first === -1 || second === -1 || token.indexOf('.', second + 1) !== -1) return 'malformed'

  const header = readEncodedObject(token.slice(0, first))
  if (header === null) return 'malformed'
  const fault = faultOfHeader(header, rules)
  if (fault !== null) return fault

  // An ES256 signature is exactly 64 bytes (RFC 7518 §3.4): a shorter one makes verifiers throw.
  const signature = decodeCanonical(token.slice(second + 1))
  if (signature === null) return 'malformed'
  if (signature.length !== rules.signatureBytes.get(header['alg'] as string)) return 'signature'

  const claims = readEncodedObject(token.slice(first + 1, second))
  if (claims === null) return 'malformed'
  return faultOfClaims(claims, rules) ?? (claims as Claims)
}

// Keys come from the options and nowhere else (RFC 8725 §3.10); no extension is understood (RFC 7515 §4.1.11).
const REFUSED_MEMBERS = ['crit', 'b64', 'zip', 'enc', 'jwk', 'jku', 'x5u', 'x5c'] as const

function faultOfHeader(header: Readonly<Record<string, unknown>>, rules: TokenRules): Fault | null {
  for (const member of REFUSED_MEMBERS) if (Object.hasOwn(header, member)) return 'header'
  const { alg, typ, kid } = header
  if (typeof alg !== 'string' || !rules.signatureBytes.has(alg)) return 'algorithm'
  // RFC 8725 §3.11.
  if (typeof typ !== 'string' || !rules.types.has(typeName(typ))) return 'type'
  if (kid !== undefined && typeof kid !== 'string') return 'header'
  return null
}

function faultOfClaims(claims: Readonly<Record<string, unknown>>, rules: TokenRules): Fault | null {
  const { iss, sub, aud, exp, nbf, iat, jti } = claims
  if (!isName(sub) || !isDate(exp)) return 'claims'
  if ((nbf !== undefined && !isDate(nbf)) || (iat !== undefined && !isDate(iat))) return 'claims'
  if (jti !== undefined && !isName(jti)) return 'claims'
  if (scopesOf(claims) === null) return 'claims'
  if (iss !== rules.issuer) return 'issuer'
  if (typeof aud !== 'string' && !(Array.isArray(aud) && aud.every((entry) => typeof entry === 'string')))
    return 'audience'
  if (typeof aud === 'string' ? aud !== rules.audience : !aud.includes(rules.audience)) return 'audience'
  return null
}

/** The end of the year 9999, in seconds. */
const LATEST = 253_402_300_799

/** NumericDate (RFC 7519 §2) in whole seconds: `1e400` is Infinity once parsed, and never expires. */
function isDate(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LATEST
}

/** Scope tokens (RFC 6749 §3.3) and spaces. */
const SCOPES = /^[\x20\x21\x23-\x5B\x5D-\x7E]*$/

/**
 * The scopes of a token: `scope` (RFC 9068 §2.2.3: names separated by spaces), else `scp`, else `scopes` (lists, or
 * names separated by spaces, as issuers write them). All that are present must be well formed; only the first counts.
 * @returns null if one is not.
 */
export function scopesOf(claims: Readonly<Record<string, unknown>>): readonly string[] | null {
  let found: readonly string[] | null = null
  for (const name of ['scope', 'scp', 'scopes'] as const) {
    const value = claims[name]
    if (value === undefined) continue
    if (typeof value === 'string') {
      // One look at the whole text: a token may spell thousands of scopes, and its signature is not checked yet.
      if (!SCOPES.test(value)) return null
      found ??= value.split(' ').filter((scope) => scope !== '')
    } else {
      if (name === 'scope' || !areScopes(value)) return null
      found ??= value
    }
  }
  return found ?? []
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
export function identityOfClaims(claims: Claims): SecurityIdentity {
  return identityOf({
    subject: claims.sub,
    scheme: 'jwt',
    scopes: scopesOf(claims) ?? [],
    credentialId: claims.jti,
    claims: freezeDeeply(claims),
  })
}

function freezeDeeply<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const member of Object.values(value)) freezeDeeply(member)
    Object.freeze(value)
  }
  return value
}
