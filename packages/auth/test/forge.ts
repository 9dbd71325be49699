import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** What an issuer, and an attacker, needs to make tokens: any header, any payload, any signature. */

export const issuer = 'https://id.example.com'
export const audience = 'https://api.example.com'
export const secret = 'kD93hs!0xPq7_Zm4Vb2Lw8Yt6Rn1Cf5J'
export const es256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const ed25519 = generateKeyPairSync('ed25519')

export type Members = Readonly<Record<string, unknown>>

/** Claims that are accepted. */
export const claims: Members = {
  iss: issuer,
  aud: audience,
  sub: 'user-101',
  exp: 4_000_000_000,
  jti: 'token-1',
  scope: 'profile:read',
}

/** base64url of a text, of bytes, or of a value as JSON. */
export function encode(value: unknown): string {
  if (Buffer.isBuffer(value)) return value.toString('base64url')
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

/** Signs a header and a payload, whatever they are. */
export function signed(header: unknown, payload: unknown, signer: (input: string) => Buffer): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${signer(input).toString('base64url')}`
}

export const withEs256 =
  (key: KeyObject) =>
  (input: string): Buffer =>
    sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })

export const withHs256 =
  (key: string | Buffer) =>
  (input: string): Buffer =>
    createHmac('sha256', key).update(input).digest()

export const withRs256 =
  (key: KeyObject) =>
  (input: string): Buffer =>
    sign('sha256', Buffer.from(input), key)

export const withEdDsa =
  (key: KeyObject) =>
  (input: string): Buffer =>
    sign(null, Buffer.from(input), key)

/** A good ES256 token but for the given members. */
export function token(payload: Members = {}, header: Members = {}): string {
  return signed({ alg: 'ES256', typ: 'at+jwt', ...header }, { ...claims, ...payload }, withEs256(es256.privateKey))
}

/** A good HS256 token but for the given members. */
export function hmacToken(payload: Members = {}, header: Members = {}): string {
  return signed({ alg: 'HS256', typ: 'at+jwt', ...header }, { ...claims, ...payload }, withHs256(secret))
}

export const pem = es256.publicKey.export({ type: 'spki', format: 'pem' }) as string

export const withPs256 =
  (key: KeyObject) =>
  (input: string): Buffer =>
    sign('sha256', Buffer.from(input), { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })

/** How the holder of each key signs. */
export const signers = {
  HS256: withHs256(secret),
  RS256: withRs256(rsa.privateKey),
  PS256: withPs256(rsa.privateKey),
  ES256: withEs256(es256.privateKey),
  EdDSA: withEdDsa(ed25519.privateKey),
} as const

/** What a server verifies each with. */
export const verifiers = {
  HS256: secret,
  RS256: rsa.publicKey,
  PS256: rsa.publicKey,
  ES256: es256.publicKey,
  EdDSA: ed25519.publicKey,
} as const

/** A good token but for the given members, signed with any algorithm. */
export function tokenOf(algorithm: keyof typeof signers, payload: Members = {}, header: Members = {}): string {
  return signed({ alg: algorithm, typ: 'at+jwt', ...header }, { ...claims, ...payload }, signers[algorithm])
}
