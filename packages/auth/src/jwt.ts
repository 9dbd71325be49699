import { hash } from 'node:crypto'
import { credentialsOf } from './authorization.ts'
import type { Outcome, Strategy } from './identity.ts'
import { faultOfTimes, identityOfClaims, readToken, type TokenRules } from './token.ts'
import { VerifiedTokens } from './verified-tokens.ts'

/** What the JWT strategy is made of. */
export interface JwtParts {
  readonly rules: TokenRules
  /** Verified tokens remembered; 0 remembers none. */
  readonly cacheSize: number
  /** Throws unless the signature (and whatever else the engine checks) is good. */
  readonly engine: (token: string) => unknown
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

/** Bearer tokens (RFC 6750 §2.1) that are JWTs. */
export function jwtStrategy({ rules, cacheSize, engine, clock }: JwtParts): Strategy {
  const verified = new VerifiedTokens(cacheSize)
  const { clockTolerance, maxBytes } = rules

  function verify(token: string): Outcome {
    if (token.length > maxBytes) return 'too-large'
    const now = Math.floor(clock() / 1000)
    // The hash covers the signature too, so that a re-encoded or re-signed token is another entry.
    // One character a byte makes the shortest string.
    const key = hash('sha256', token, 'binary')
    const known = verified.get(key)
    if (known !== undefined) {
      const fault = faultOfTimes(known.expires, known.notBefore, now, clockTolerance)
      if (fault === null) return known.identity
      if (fault === 'expired') verified.delete(key)
      return fault
    }

    const claims = readToken(token, rules)
    if (typeof claims === 'string') return claims
    try {
      engine(token)
    } catch {
      // What the engine says may quote the token.
      return 'signature'
    }
    const entry = { identity: identityOfClaims(claims), expires: claims.exp, notBefore: claims.nbf ?? 0 }
    const fault = faultOfTimes(entry.expires, entry.notBefore, now, clockTolerance)
    if (fault !== null) return fault
    verified.set(key, entry)
    return entry.identity
  }

  return { scheme: 'jwt', find: (fields) => credentialsOf(fields, 'bearer'), verify }
}
