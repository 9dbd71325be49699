import { createHash, createPrivateKey, createPublicKey, KeyObject } from 'node:crypto'
import type { InternalTokenOptions, KeyMaterial } from './options.ts'

/** The public half of a key; a sentence says what is wrong with it. */
export function readPublicHalf(key: KeyMaterial): KeyObject | string {
  let half: KeyObject
  try {
    half = publicHalf(key)
  } catch {
    return 'is neither a private nor a public key in PEM'
  }
  return algorithmOf(half) === null ? 'is of a kind that no internal token is signed with: P-256 or Ed25519' : half
}

function publicHalf(key: KeyMaterial): KeyObject {
  if (!(key instanceof KeyObject)) return createPublicKey(key)
  // Node takes a KeyObject only of a private key; a public one is what is wanted.
  return key.type === 'public' ? key : createPublicKey(createPrivateKey(key.export({ type: 'pkcs8', format: 'pem' })))
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): 'ES256' | 'EdDSA' | null {
  if (asymmetricKeyType === 'ed25519') return 'EdDSA'
  return asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ES256' : null
}

/** The thumbprint of a key (RFC 7638): a name that nobody has to think of, and that no two keys share. */
export function thumbprint(key: KeyMaterial): string {
  const { crv, kty, x, y } = publicHalf(key).export({ format: 'jwk' })
  // RFC 7638 §3.2: the required members in this order, and nothing else.
  const members = y === undefined ? { crv, kty, x } : { crv, kty, x, y }
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}

/**
 * The public keys that internal tokens are verified with, as a JWK Set (RFC 7517) in JSON text: what services fetch,
 * or take as `jwt.jwks` of @portcullis/auth. The key that signs is the first; `otherKeys` follow.
 * @param options the gateway's `internalToken`
 */
export function internalKeySet({ key, keyId, otherKeys = [] }: Readonly<InternalTokenOptions>): string {
  const keys = [{ key, keyId }, ...otherKeys].map((one) => {
    const half = publicHalf(one.key)
    return {
      ...half.export({ format: 'jwk' }),
      use: 'sig',
      alg: algorithmOf(half) as string,
      kid: one.keyId ?? thumbprint(half),
    }
  })
  return JSON.stringify({ keys: keys.filter(({ kid }, at) => keys.findIndex((one) => one.kid === kid) === at) })
}
