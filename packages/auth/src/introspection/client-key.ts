import { createPrivateKey, generateKeyPairSync, KeyObject, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import type { KeyMaterial } from '../jwt/verification-key.ts'

/** Stands in examples and fixes: made afresh in every process, and registered nowhere. */
export const EXAMPLE_CLIENT_KEY: string = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString()

/** A private key and the algorithm that it signs with. */
export interface ClientKey {
  readonly key: KeyObject
  readonly algorithm: 'ES256' | 'EdDSA' | 'RS256'
}

/** Tells what a key of a client is good for. @returns why it is good for nothing, else */
export function readClientKey(material: KeyMaterial): ClientKey | string {
  let key: KeyObject
  try {
    key = material instanceof KeyObject ? material : createPrivateKey(material)
  } catch {
    return 'is no private key in PEM'
  }
  if (key.type !== 'private') return `is a ${key.type} key, and only a private one signs`
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return { key, algorithm: 'ES256' }
  if (type === 'ed25519') return { key, algorithm: 'EdDSA' }
  if (type !== 'rsa') return 'is neither a P-256, an Ed25519 nor an RSA key'
  // RFC 7518 §3.3.
  const bits = details?.modulusLength ?? 0
  return bits < 2048 ? `is an RSA key of ${bits} bits; 2048 is the least` : { key, algorithm: 'RS256' }
}

/** What an assertion says. */
export interface AssertionParts extends ClientKey {
  readonly clientId: string
  /** `kid`; absent: the server knows one key of this client. */
  readonly keyId: string | undefined
  /** The authorization server's issuer identifier: no other server can use the assertion (RFC 7523 §3). */
  readonly audience: string
}

/** Seconds for which an assertion is good: it is used at once, and once. */
const LIFETIME = 60

/**
 * A JWT by which a client proves who it is (RFC 7523 §2.2, `private_key_jwt` of OpenID Connect Core §9).
 * @param now milliseconds since the epoch
 */
export function assertionOf(
  { key, algorithm, clientId, keyId, audience }: AssertionParts,
  now: number,
  id: string = randomUUID(),
): Promise<string> {
  const iat = Math.floor(now / 1000)
  return new SignJWT({ iss: clientId, sub: clientId, aud: audience, jti: id, iat, exp: iat + LIFETIME })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) })
    .sign(key)
}
