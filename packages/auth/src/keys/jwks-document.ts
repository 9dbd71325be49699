import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { isUtf8 } from 'node:buffer'
import { isName } from '../identity.ts'
import { isShallow } from '../jwt/json-object.ts'
import { type Algorithm, publicKey } from '../jwt/verification-key.ts'

/** A key of an issuer that tokens may be signed with. */
export interface PublishedKey {
  /** `kid`, or undefined. */
  readonly id: string | undefined
  readonly algorithms: readonly Algorithm[]
  readonly signatureBytes: number
  readonly key: KeyObject
  /** SubjectPublicKeyInfo: tells a key from another that took over its `kid`. */
  readonly pem: string
}

/** More keys than any issuer has. */
const MAX_KEYS = 100

/**
 * Reads a JWK Set (RFC 7517 §5): the keys that are public, for signatures, of an admitted algorithm and strong enough.
 * Whatever else it holds is passed over, as §5 asks.
 * @param admitted algorithms of one family
 * @throws if it is no JWK Set at all.
 */
export function readJwks(body: Buffer, admitted: readonly Algorithm[]): readonly PublishedKey[] {
  const keys = readRemoteObject(body)?.['keys']
  if (!Array.isArray(keys)) throw new Error('is no JWK Set')
  if (keys.length > MAX_KEYS) throw new Error(`has more than ${MAX_KEYS} keys`)
  const read: PublishedKey[] = []
  for (const entry of keys as unknown[]) {
    const key = readJwk(entry, admitted)
    if (key !== null) read.push(key)
  }
  return read
}

/** Members that only private and symmetric keys have (RFC 7518 §6). */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const

function readJwk(entry: unknown, admitted: readonly Algorithm[]): PublishedKey | null {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return null
  const jwk = entry as Readonly<Record<string, unknown>>
  const { kty, use, key_ops: operations, alg, kid } = jwk
  if (typeof kty !== 'string' || kty === 'oct') return null
  // A private key that is published is everybody's.
  if (PRIVATE.some((member) => Object.hasOwn(jwk, member))) return null
  if (use !== undefined && use !== 'sig') return null
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return null
  if (kid !== undefined && !isName(kid)) return null
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
    const found = publicKey(key)
    if (found.kind !== 'public') return null
    const algorithms = found.algorithms.filter(
      (one) => admitted.includes(one) && (alg === undefined || namesIt(alg, one)),
    )
    if (algorithms.length === 0) return null
    return { id: kid, algorithms, signatureBytes: found.signatureBytes, key, pem: found.pem }
  } catch {
    return null
  }
}

/** RFC 9864 gives Ed25519 a name of its own. */
function namesIt(alg: unknown, algorithm: Algorithm): boolean {
  return alg === algorithm || (algorithm === 'EdDSA' && alg === 'Ed25519')
}

/** Reads a JSON object that somebody else wrote: UTF-8, not nested deeply. Null for anything else. */
export function readRemoteObject(body: Buffer): Readonly<Record<string, unknown>> | null {
  if (!isUtf8(body)) return null
  const text = body.toString('utf8')
  if (!isShallow(text)) return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null
  } catch {
    return null
  }
}
