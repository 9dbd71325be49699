import { compactVerify } from 'jose'
import type { Clock } from '../clock.ts'
import { discoverKeys } from './discovery.ts'
import type { TrustedIssuer } from '../jwt/issuers.ts'
import { type Found, RemoteKeys } from './remote-keys.ts'
import type { FetchRemote } from '../remote/json.ts'
import type { ReadToken } from '../jwt/token.ts'

/** What vouches for a verified token. */
export interface Voucher {
  /** False once its tokens are no longer accepted. */
  readonly trusted: boolean
  /** Calls back when that comes; absent: it never does. @returns a function that stops */
  watch?(distrusted: () => void): () => void
}

/** What checking a signature yields: who vouches for it, or why nobody does. */
export type Vouched = Voucher | 'signature' | 'unknown-key' | 'unavailable'

/** Checks the signatures of one issuer. */
export interface KeySource {
  /** @param mayAsk false: not worth asking the issuer about an unknown key */
  verify(token: string, read: ReadToken, mayAsk: boolean): Vouched | Promise<Vouched>
  /** Checks a signature and gives the claims as they were read for it; throws if it is not good. */
  readonly open?: (token: string) => unknown
}

/** Vouches for tokens of a key that stands in the options. */
export const GIVEN: Voucher = Object.freeze({ trusted: true })

/**
 * A key that stands in the options.
 * @param engine gives the claims; throws unless the signature is good
 * @param opens whether a signature is checked before the claims are looked at: a MAC costs less than reading them twice
 */
export function givenKey(engine: (token: string) => unknown, opens = false): KeySource {
  return {
    ...(opens ? { open: engine } : {}),
    verify(token) {
      try {
        engine(token)
        return GIVEN
      } catch {
        // What the engine says may quote the token.
        return 'signature'
      }
    },
  }
}

/** Where the keys are that an issuer publishes. */
export interface Keys {
  /** @param mayAsk false: an unknown key is not worth asking the issuer about (the token has expired anyway) */
  find(id: string | undefined, algorithm: string, mayAsk: boolean): Found | Promise<Found>
}

/** Keys that an issuer publishes; jose checks signatures with them. */
export function publishedKeys(keys: Keys): KeySource {
  return {
    verify(token, { header: { algorithm, keyId } }, mayAsk) {
      const found = keys.find(keyId, algorithm, mayAsk)
      return found instanceof Promise
        ? found.then((settled) => verified(token, algorithm, settled))
        : verified(token, algorithm, found)
    },
  }
}

function verified(token: string, algorithm: string, key: Found): Vouched | Promise<Vouched> {
  if (typeof key === 'string') return key
  // A signature is as long as the modulus (RFC 8017 §8.2.2); base64url has no padding.
  if (token.length - token.lastIndexOf('.') - 1 !== Math.ceil((key.signatureBytes * 4) / 3)) return 'signature'
  return compactVerify(token, key.key, { algorithms: [algorithm] }).then(
    (): Vouched => (key.trusted ? key : 'unknown-key'),
    (): Vouched => 'signature',
  )
}

/** What fetching keys needs. */
export interface RemoteParts {
  readonly clock: Clock
  readonly fetch: FetchRemote
  /** Milliseconds for one fetch. */
  readonly timeoutMs: number
  /** Seconds. */
  readonly maxAge: number
  /** Seconds. */
  readonly maxStale: number
  readonly onFailure: (issuer: string, error: unknown) => void
  readonly onRecovery: (issuer: string) => void
}

/** A JWK Set is at most this long: a hundred keys of RSA 4096 take a tenth of it. */
const MAX_BYTES = 1_048_576

/** Where an issuer keeps its keys is asked again after an hour. */
const DESCRIBED_MS = 3_600_000

/** The keys of an issuer that publishes them. */
export function remoteKeys({ rules, algorithms, place, ca }: TrustedIssuer, parts: RemoteParts): RemoteKeys {
  const { clock, fetch, timeoutMs } = parts
  let url = place.kind === 'jwks' ? place.url : undefined
  let describedAt = -Infinity
  let fetched: string | undefined

  async function locate(): Promise<string> {
    if (url !== undefined && (place.kind === 'jwks' || clock.now() - describedAt < DESCRIBED_MS)) return url
    const allowHttp = rules.issuer.startsWith('http:')
    url = await discoverKeys(rules.issuer, fetch, { ca, timeoutMs, allowHttp })
    describedAt = clock.now()
    return url
  }

  return new RemoteKeys({
    async fetch(etag) {
      const target = await locate()
      try {
        const same = target === fetched
        const answer = await fetch({ url: target, ca, etag: same ? etag : undefined, timeoutMs, maxBytes: MAX_BYTES })
        fetched = target
        return answer
      } catch (error) {
        // Perhaps they have moved.
        describedAt = -Infinity
        throw error
      }
    },
    algorithms,
    clock,
    maxAge: parts.maxAge,
    maxStale: parts.maxStale,
    onFailure: (error) => parts.onFailure(rules.issuer, error),
    onRecovery: () => parts.onRecovery(rules.issuer),
  })
}
