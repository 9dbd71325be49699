import { createPrivateKey, type KeyObject, sign } from 'node:crypto'

/** How internal tokens are signed. No shared secrets: with one, each service could speak for the gateway. */
export type InternalAlgorithm = 'ES256' | 'EdDSA'

/** Who a token speaks for. */
export interface TokenIdentity {
  readonly subject: string
  readonly scopes: readonly string[]
  readonly claims: Readonly<Record<string, unknown>>
}

/** What every token of one gateway has in common. */
export interface TokenTerms {
  readonly issuer: string
  readonly key: KeyObject
  readonly keyId: string
  readonly algorithm: InternalAlgorithm
  /** Seconds. */
  readonly lifetime: number
  /** `sub` of tokens for anonymous callers; absent: such tokens have none. */
  readonly anonymousSubject?: string | undefined
  /** Names of the caller's claims that are copied. */
  readonly claims: readonly string[]
}

/** Reads a private key, and says in one sentence what is wrong with it. */
export function readKey(key: string | Buffer | KeyObject, algorithm: InternalAlgorithm): KeyObject | string {
  let read: KeyObject
  try {
    read = typeof key === 'string' || Buffer.isBuffer(key) ? createPrivateKey(key) : key
  } catch {
    return 'is not a private key in PEM (PKCS #8)'
  }
  if (read.type !== 'private') return `is a ${read.type} key; tokens are signed with a private one`
  const fits =
    algorithm === 'EdDSA'
      ? read.asymmetricKeyType === 'ed25519'
      : read.asymmetricKeyType === 'ec' && read.asymmetricKeyDetails?.namedCurve === 'prime256v1'
  return fits ? read : `does not fit ${algorithm}, which needs ${algorithm === 'EdDSA' ? 'Ed25519' : 'the curve P-256'}`
}

interface Minted {
  readonly field: string
  /** Milliseconds. */
  readonly renewAt: number
}

/** Tokens kept per audience. Each is a few hundred bytes. */
const CAPACITY = 10_000
/** A kept token is given out for this share of its lifetime, so that what a service receives has the rest to live. */
const REUSE = 0.75

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/**
 * The tokens for one service (RFC 7519, RFC 9068): short-lived, and signed once per identity for most of their life.
 * @param now milliseconds since the epoch.
 * @param newId a fresh `jti`.
 */
export class TokenMint {
  readonly #terms: TokenTerms
  readonly #audience: string
  readonly #head: string
  readonly #now: () => number
  readonly #newId: () => string
  readonly #kept = new Map<string, Minted>()

  constructor(terms: TokenTerms, audience: string, now: () => number, newId: () => string) {
    this.#terms = terms
    this.#audience = audience
    this.#now = now
    this.#newId = newId
    // RFC 8725 §3.11: explicit typing keeps one kind of token from passing for another.
    this.#head = encode({
      alg: terms.algorithm,
      typ: 'at+jwt',
      kid: terms.keyId,
    })
  }

  /** The Authorization field for a caller; null for an anonymous one. */
  field(identity: TokenIdentity | null): string {
    const now = this.#now()
    const key = identity === null ? '' : this.#keyOf(identity)
    const kept = this.#kept.get(key)
    if (kept !== undefined && now < kept.renewAt) return kept.field
    const field = `Bearer ${this.#sign(identity, now)}`
    // Deleted first, so that the map's order is the order of signing and its first entry the oldest.
    this.#kept.delete(key)
    this.#kept.set(key, { field, renewAt: now + this.#terms.lifetime * 1000 * REUSE })
    if (this.#kept.size > CAPACITY) this.#kept.delete(this.#kept.keys().next().value as string)
    return field
  }

  /** Two identities share a key only if their tokens would say the same. */
  #keyOf(identity: TokenIdentity): string {
    const { subject, scopes } = identity
    const key = `${subject.length}:${subject}${scopes.join(' ')}`
    return this.#terms.claims.length === 0 ? key : `${key}\n${JSON.stringify(this.#copied(identity))}`
  }

  #copied(identity: TokenIdentity): Record<string, unknown> {
    const copied: Record<string, unknown> = {}
    for (const name of this.#terms.claims) {
      if (Object.hasOwn(identity.claims, name)) copied[name] = identity.claims[name]
    }
    return copied
  }

  #sign(identity: TokenIdentity | null, now: number): string {
    const { issuer, lifetime, key, algorithm, anonymousSubject } = this.#terms
    const subject = identity === null ? anonymousSubject : identity.subject
    const iat = Math.floor(now / 1000)
    const text = `${this.#head}.${encode({
      ...(identity === null ? {} : this.#copied(identity)),
      iss: issuer,
      aud: this.#audience,
      ...(subject === undefined ? {} : { sub: subject }),
      iat,
      exp: iat + lifetime,
      jti: this.#newId(),
      scope: identity === null ? '' : identity.scopes.join(' '),
    })}`
    const data = Buffer.from(text)
    const signature =
      algorithm === 'EdDSA' ? sign(null, data, key) : sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' })
    return `${text}.${signature.toString('base64url')}`
  }
}
