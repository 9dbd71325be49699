import { createPublicKey, generateKeyPairSync, KeyObject } from 'node:crypto'

/** Signature algorithms (RFC 7518 §3.1, RFC 8037 §3.1) that a token may carry. `none` is not one. */
export const ALGORITHMS = ['HS256', 'RS256', 'PS256', 'ES256', 'EdDSA'] as const

/** A signature algorithm. */
export type Algorithm = (typeof ALGORITHMS)[number]

/**
 * Stands in examples and fixes: made afresh in every process, its private half thrown away. A fixed one, as in RFC 7515,
 * would be a back door once pasted.
 */
export const EXAMPLE_PUBLIC_KEY: string = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ type: 'spki', format: 'pem' })
  .toString()

/** A key as options carry it. */
export type KeyMaterial = string | Buffer | KeyObject

/** A key that was looked at: good for these algorithms and no others (RFC 8725 §3.1). */
export type VerificationKey =
  | { readonly kind: 'secret'; readonly algorithms: readonly Algorithm[]; readonly secret: Buffer }
  | {
      readonly kind: 'public'
      readonly algorithms: readonly Algorithm[]
      /** SubjectPublicKeyInfo. */
      readonly pem: string
      readonly signatureBytes: number
    }

/** What is wrong with a key. */
export type KeyFault =
  | { readonly kind: 'private'; /** The public half, as PEM. */ readonly pem: string }
  | { readonly kind: 'weak'; readonly why: string }
  | { readonly kind: 'unusable'; readonly why: string }

let last: { readonly material: KeyMaterial; readonly key: VerificationKey | KeyFault } | undefined

/**
 * Tells what a key is by its material alone, never by what a token asks for: a public key can so never become an HMAC
 * secret (algorithm confusion, RFC 8725 §2.1).
 */
export function readKey(material: KeyMaterial): VerificationKey | KeyFault {
  // Every route's policy is checked with the same key.
  if (last?.material !== material) last = { material, key: classify(material) }
  return last.key
}

function classify(material: KeyMaterial): VerificationKey | KeyFault {
  if (material instanceof KeyObject) {
    if (material.type === 'secret') return secretKey(material.export())
    return material.type === 'private' ? privateKey(material) : publicKey(material)
  }
  const text = typeof material === 'string' ? material : material.toString('latin1')
  const pem = text.indexOf('-----BEGIN ')
  try {
    if (pem !== -1) return asymmetric(text.slice(pem))
    if (Buffer.isBuffer(material)) {
      const der = derKey(material)
      if (der !== null) return publicKey(der)
    }
  } catch {
    return { kind: 'unusable', why: 'is not a readable PEM key' }
  }
  // A public JWK is public: whoever reads it could sign with it.
  if (/^\s*[[{]/.test(text) && text.includes('"kty"'))
    return { kind: 'unusable', why: 'is a JWK; write the key as PEM' }
  return secretKey(Buffer.from(material as string))
}

function asymmetric(pem: string): VerificationKey | KeyFault {
  // createPublicKey takes certificates, SPKI and PKCS#1, and derives the public half of private keys.
  const key = createPublicKey(pem)
  return /^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem) ? privateKey(key) : publicKey(key)
}

function derKey(bytes: Buffer): KeyObject | null {
  try {
    return createPublicKey({ key: bytes, format: 'der', type: 'spki' })
  } catch {
    return null
  }
}

function privateKey(key: KeyObject): KeyFault {
  return { kind: 'private', pem: pemOf(key.type === 'private' ? createPublicKey(key) : key) }
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }) as string
}

function publicKey(key: KeyObject): VerificationKey | KeyFault {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  const made = (algorithms: Algorithm[], signatureBytes: number): VerificationKey => ({
    kind: 'public',
    algorithms,
    pem: pemOf(key),
    signatureBytes,
  })
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return made(['ES256'], 64)
  if (type === 'ed25519') return made(['EdDSA'], 64)
  if (type === 'rsa') {
    const bits = details?.modulusLength ?? 0
    // RFC 7518 §3.3: 2048 bits or more.
    return bits < 2048
      ? { kind: 'unusable', why: `is an RSA key of ${bits} bits; 2048 is the least` }
      : made(['RS256', 'PS256'], Math.ceil(bits / 8))
  }
  return { kind: 'unusable', why: 'is neither a P-256, an Ed25519 nor an RSA key' }
}

/** Placeholders that outlive the tutorials they come from, and what unset variables become. */
const PLACEHOLDER =
  /change-?_?me|your[-_ ]|undefined|\[object|placeholder|example|super-?_?secret|password|my[-_]?secret/i

function secretKey(secret: Buffer): VerificationKey | KeyFault {
  const weak = (why: string): KeyFault => ({ kind: 'weak', why })
  const text = secret.toString('latin1')
  // RFC 7518 §3.2: as long as the hash, 32 bytes for HS256.
  if (secret.length < 32) return weak(`has ${secret.length} bytes; 32 is the least`)
  if (PLACEHOLDER.test(text)) return weak('is a placeholder')
  if (new Set(secret).size < 10) return weak('has too few different characters')
  // A text is a repetition if and only if it occurs inside itself doubled.
  if (`${text}${text}`.indexOf(text, 1) < text.length) return weak('is a repetition')
  return { kind: 'secret', algorithms: ['HS256'], secret }
}
