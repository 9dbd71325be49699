import { createPrivateKey, createPublicKey, generateKeyPairSync, KeyObject, X509Certificate } from 'node:crypto'
import { isRoca } from './roca.ts'

/** Signature algorithms (RFC 7518 §3.1, RFC 8037 §3.1) that a token may carry. `none` is not one. */
export const ALGORITHMS = ['HS256', 'RS256', 'PS256', 'ES256', 'EdDSA'] as const

/** A signature algorithm. */
export type Algorithm = (typeof ALGORITHMS)[number]

/** The kind of key that an algorithm needs. A verifier pins one (RFC 8725 §3.1). */
export type Family = 'HMAC' | 'RSA' | 'EC' | 'OKP'

const FAMILIES: Readonly<Record<Algorithm, Family>> = {
  HS256: 'HMAC',
  RS256: 'RSA',
  PS256: 'RSA',
  ES256: 'EC',
  EdDSA: 'OKP',
}

/** The family of an algorithm. */
export function familyOf(algorithm: Algorithm): Family {
  return FAMILIES[algorithm]
}

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

/** Keys that were looked at last: every route's policy is checked with the same ones. */
const recent: { readonly material: KeyMaterial; readonly key: VerificationKey | KeyFault }[] = []

/** As many issuers as options may list. */
const RECENT = 64

/**
 * Tells what a key is by its material alone, never by what a token asks for: a public key can so never become an HMAC
 * secret (algorithm confusion, RFC 8725 §2.1).
 */
export function readKey(material: KeyMaterial): VerificationKey | KeyFault {
  // Bytes may be written over and given again: a copy tells.
  const isKnown = Buffer.isBuffer(material)
    ? (one: (typeof recent)[number]) => Buffer.isBuffer(one.material) && one.material.equals(material)
    : (one: (typeof recent)[number]) => one.material === material
  const known = recent.find(isKnown)
  if (known !== undefined) return known.key
  const kept = Buffer.isBuffer(material) ? Buffer.from(material) : material
  const key = classify(kept)
  recent.unshift({ material: kept, key })
  recent.length = Math.min(recent.length, RECENT)
  return key
}

function classify(material: KeyMaterial): VerificationKey | KeyFault {
  if (material instanceof KeyObject) {
    // A PEM can be made a secret KeyObject too.
    if (material.type === 'secret') return classify(material.export())
    return material.type === 'private' ? privateKey(material) : publicKey(material)
  }
  const bytes = Buffer.from(material as string)
  // UTF-16 has a NUL at every other byte.
  const text = bytes.toString('latin1').replaceAll('\0', '')
  const pem = text.indexOf(PEM)
  try {
    if (pem !== -1) return asymmetric(text.slice(pem))
    const key = derKey(bytes)
    if (key !== null) return key.type === 'private' ? privateKey(key) : publicKey(key)
  } catch {
    return { kind: 'unusable', why: 'is not a readable PEM key' }
  }
  const why = strangeForm(text)
  return why === null ? secretKey(bytes) : { kind: 'unusable', why }
}

const PEM = '-----BEGIN '

/** What a key is that is written in a form we do not read. A public one is public: whoever reads it could sign with it. */
function strangeForm(text: string): string | null {
  if (isJwk(text)) return 'is a JWK; write the key as PEM'
  if (/^\s*(?:sk-)?(?:ssh|ecdsa)-\S+ AAAA/.test(text)) return 'is an SSH key; write the key as PEM'
  const packed = text.replaceAll(/\s/g, '')
  for (const [encoding, form] of [
    ['hex', /^(?:[0-9A-Fa-f]{2})+$/],
    ['base64', /^[A-Za-z0-9+/_-]+={0,2}$/],
  ] as const) {
    if (!form.test(packed)) continue
    const bytes = Buffer.from(packed, encoding)
    const inner = bytes.toString('latin1')
    if (inner.includes(PEM) || isJwk(inner) || derKey(bytes) !== null)
      return `is a key in ${encoding}; write the key as PEM`
  }
  return null
}

function isJwk(text: string): boolean {
  return /^[^A-Za-z0-9]*[[{]/.test(text) && text.includes('"kty"')
}

function asymmetric(pem: string): VerificationKey | KeyFault {
  // createPublicKey takes certificates, SPKI and PKCS#1, and derives the public half of private keys.
  const key = createPublicKey(pem)
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem) ? privateKey(key) : publicKey(key)
}

/** A key or a certificate in DER, or null for anything else. */
function derKey(bytes: Buffer): KeyObject | null {
  // All of them are an ASN.1 SEQUENCE.
  if (bytes[0] !== 0x30) return null
  const readers = [
    // First, for createPublicKey reads private keys too.
    () => createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' }),
    () => createPrivateKey({ key: bytes, format: 'der', type: 'pkcs1' }),
    () => createPrivateKey({ key: bytes, format: 'der', type: 'sec1' }),
    () => createPublicKey({ key: bytes, format: 'der', type: 'spki' }),
    () => createPublicKey({ key: bytes, format: 'der', type: 'pkcs1' }),
    () => new X509Certificate(bytes).publicKey,
  ]
  for (const read of readers) {
    try {
      return read()
    } catch {
      // Not of this form.
    }
  }
  return null
}

function privateKey(key: KeyObject): KeyFault {
  return { kind: 'private', pem: pemOf(key.type === 'private' ? createPublicKey(key) : key) }
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }) as string
}

/** Tells what a public key is good for. */
export function publicKey(key: KeyObject): VerificationKey | KeyFault {
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
    // With an exponent of 1 a signature is the padded message itself: anybody writes it.
    if ((details?.publicExponent ?? 0n) < 3n) return { kind: 'unusable', why: 'is an RSA key with a trivial exponent' }
    const modulus = BigInt(`0x${Buffer.from(String(key.export({ format: 'jwk' }).n), 'base64url').toString('hex')}`)
    if (isRoca(modulus)) return { kind: 'unusable', why: 'is an RSA key of a broken generator (CVE-2017-15361)' }
    // RFC 7518 §3.3: 2048 bits or more.
    return bits < 2048
      ? { kind: 'unusable', why: `is an RSA key of ${bits} bits; 2048 is the least` }
      : made(['RS256', 'PS256'], Math.ceil(bits / 8))
  }
  return { kind: 'unusable', why: 'is neither a P-256, an Ed25519 nor an RSA key' }
}

/** Placeholders that outlive the tutorials they come from (jwt.io's too), and what unset variables become. */
const PLACEHOLDER =
  /change-?_?me|your[-_ ]|undefined|\[object|placeholder|example|secret|passw[o0]rd|qwerty|asdfgh|256-?_?bit/i

/** The key that RFC 7515 appendix A.1 signs with, and half of all tutorials after it. */
const PRINTED = 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow'

function secretKey(secret: Buffer): VerificationKey | KeyFault {
  const weak = (why: string): KeyFault => ({ kind: 'weak', why })
  const text = secret.toString('latin1')
  // RFC 7518 §3.2: as long as the hash, 32 bytes for HS256.
  if (secret.length < 32) return weak(`has ${secret.length} bytes; 32 is the least`)
  if (PLACEHOLDER.test(text) || text === PRINTED || secret.toString('base64url') === PRINTED)
    return weak('is a placeholder')
  if (new Set(secret).size < 10) return weak('has too few different characters')
  // A text is a repetition if and only if it occurs inside itself doubled.
  if (`${text}${text}`.indexOf(text, 1) < text.length) return weak('is a repetition')
  // Of random text a twentieth follows its neighbour, of 'abcdefgh…' all.
  const steps = secret.subarray(1).filter((byte, at) => Math.abs(byte - (secret[at] as number)) <= 1).length
  if (steps > secret.length / 2) return weak('is a sequence')
  return { kind: 'secret', algorithms: ['HS256'], secret }
}
