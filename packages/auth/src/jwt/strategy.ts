import { hash } from 'node:crypto'
import { credentialsOf } from '../access/authorization.ts'
import type { Fault, Outcome, Strategy } from '../identity.ts'
import { GIVEN, type KeySource, type Vouched } from '../keys/sources.ts'
import {
  type Claims,
  faultOfTimes,
  type Header,
  identityOfToken,
  type ReadToken,
  readToken,
  type TokenRules,
} from './token.ts'
import { type VerifiedToken, VerifiedTokens } from './verified-tokens.ts'

/** What is no longer accepted although it verifies. */
export interface RevocationList {
  /** Another number whenever something was added. */
  readonly version: number
  /** False while the list may lack something and the policy is to refuse then. */
  readonly certain: boolean
  /** Seconds after `iat` for which a revocation is certain to be remembered: older tokens are refused. */
  readonly maxTokenAge: number
  covers(subject: string, claims: Readonly<Record<string, unknown>>): boolean
  /**
   * Calls back when it comes to cover them, at once where it does already, or has not been certain for too long.
   * @returns a function that stops
   */
  watch(
    subject: string,
    claims: Readonly<Record<string, unknown>>,
    told: (why: 'revoked' | 'unavailable') => void,
  ): () => void
}

/** What the JWT strategy is made of. */
export interface JwtParts {
  readonly rules: TokenRules
  /** Where the keys are, by issuer. */
  readonly sources: ReadonlyMap<string, KeySource>
  /** Verified tokens remembered; 0 remembers none. */
  readonly cacheSize: number
  readonly revocations?: RevocationList | undefined
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

/** As many headers as an issuer with some keys writes. */
const HEADERS = 64

/** Bearer tokens (RFC 6750 §2.1) that are JWTs. */
export function jwtStrategy({ rules, sources, cacheSize, revocations, clock }: JwtParts): Strategy {
  const remembered = new VerifiedTokens(cacheSize)
  /** Headers of verified tokens alone: strangers add none. */
  const headers = new Map<string, Header>()
  const { clockTolerance, maxBytes } = rules
  // Of several issuers the claims tell whose key it is.
  const [sole] = sources.size === 1 ? sources.values() : []
  const open = sole?.open

  function verify(token: string): Outcome | Promise<Outcome> {
    if (token.length > maxBytes) return 'too-large'
    if (revocations?.certain === false) return 'unavailable'
    const checked = check(token)
    return checked instanceof Promise ? checked.then(outcomeOf) : outcomeOf(checked)
  }

  /** @param asks whether an unknown key is worth asking the issuer about */
  function check(token: string, asks = true): Checked | Promise<Checked> {
    const now = Math.floor(clock() / 1000)
    // The hash covers the signature too, so that a re-encoded or re-signed token is another entry.
    // One character a byte makes the shortest string.
    const key = cacheSize === 0 ? '' : hash('sha256', token, 'binary')
    const known = remembered.get(key)
    if (known !== undefined) {
      if (known.voucher.trusted) return recall(key, known, now)
      remembered.delete(key)
    }

    const read = open === undefined ? readToken(token, rules, { headers }) : readOpened(token, open)
    if (typeof read === 'string') return read
    const { iss, exp, nbf = 0, iat } = read.claims
    // Without `iat` nobody knows whether it was issued before its subject was revoked.
    if (revocations !== undefined && (iat === undefined || iat > now + clockTolerance)) return 'claims'
    if (open !== undefined) return admit(key, read, GIVEN)
    const mayAsk = asks && faultOfTimes(exp, nbf, now, clockTolerance) === null
    const vouched = (sources.get(iss) as KeySource).verify(token, read, mayAsk)
    return vouched instanceof Promise ? vouched.then((settled) => admit(key, read, settled)) : admit(key, read, vouched)
  }

  /** Reads a token by what was read while its signature was checked; a bad one again, to tell what else is wrong. */
  function readOpened(token: string, opens: (token: string) => unknown): ReadToken | Fault {
    let good = false
    const parse = (): unknown => {
      const claims = opens(token)
      good = true
      return claims
    }
    const read = readToken(token, rules, { headers, parse })
    if (good) return read
    const unsigned = readToken(token, rules, { headers })
    return typeof unsigned === 'string' ? unsigned : 'signature'
  }

  function recall(key: string, known: VerifiedToken, now: number): Checked {
    const { identity } = known
    const fault = faultOfTimes(known.expires, known.notBefore, now, clockTolerance)
    if (fault !== null) {
      if (fault === 'expired') remembered.delete(key)
      return fault
    }
    if (revocations !== undefined && known.compared !== revocations.version) {
      const { version } = revocations
      if (revocations.covers(identity.subject, identity.claims)) {
        remembered.delete(key)
        return 'revoked'
      }
      known.compared = version
    }
    return known
  }

  function admit(key: string, read: ReadToken, vouched: Vouched): Checked {
    if (typeof vouched === 'string') return vouched
    if (!headers.has(read.encodedHeader)) {
      if (headers.size === HEADERS) headers.clear()
      headers.set(read.encodedHeader, read.header)
    }
    const { nbf: notBefore = 0 } = read.claims
    const expires = endOf(read.claims)
    const entry: VerifiedToken = { identity: identityOfToken(read), voucher: vouched, expires, notBefore, compared: -1 }
    // Time has passed, and revocations may have come, while somebody was asked.
    const checked = recall(key, entry, Math.floor(clock() / 1000))
    if (checked === entry) remembered.set(key, entry)
    return checked
  }

  /** What is revoked is remembered for `maxTokenAge` alone: no token lives longer. */
  function endOf({ exp, iat = 0 }: Pick<Claims, 'exp' | 'iat'>): number {
    return revocations === undefined ? exp : Math.min(exp, iat + revocations.maxTokenAge)
  }

  /** Tells when the key that verified a token is taken away, and no other verifies it. */
  function watchKey(token: string, told: (fault: Fault) => void): () => void {
    let stop: (() => void) | undefined
    let stopped = false
    const settle = (checked: Checked): void => {
      if (stopped) return
      if (typeof checked === 'string') told(checked)
      else stop = checked.voucher.watch?.(look)
    }
    const look = (): void => {
      stop?.()
      const checked = check(token, false)
      if (checked instanceof Promise) void checked.then(settle)
      else settle(checked)
    }
    look()
    return () => {
      stopped = true
      stop?.()
    }
  }

  return {
    scheme: 'jwt',
    find: (fields) => credentialsOf(fields, 'bearer'),
    verify,
    until: ({ claims }) => endOf(claims as Claims),
    watch(token, { subject, claims }, told) {
      const stopKey = watchKey(token, told)
      const stopRevocations = revocations?.watch(subject, claims, told)
      return () => {
        stopKey()
        stopRevocations?.()
      }
    },
  }
}

/** A token that is good now, or what is wrong with it. */
type Checked = VerifiedToken | Fault

function outcomeOf(checked: Checked): Outcome {
  return typeof checked === 'string' ? checked : checked.identity
}
