import { createHmac, createPublicKey, createSecretKey, randomBytes, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readKey } from '../src/jwt/verification-key.ts'
import { get, guarded, jwt, official } from './apps.ts'
import { claims, es256, hmacToken, pem, rsa, secret, signed, token, withHs256 } from './forge.ts'

const der = es256.publicKey.export({ type: 'spki', format: 'der' })
const jwk = JSON.stringify(es256.publicKey.export({ format: 'jwk' }))
const bearer = (given: string): string => `Bearer ${given}`
const hs256 = { alg: 'HS256', typ: 'at+jwt' }

describe('a public key in disguise', () => {
  // Whoever configures HS256 with one of these lets everybody sign: the key is public.
  it.each<[name: string, key: string | Buffer]>([
    ['as base64 of DER', der.toString('base64')],
    ['as base64url of DER', der.toString('base64url')],
    ['as wrapped base64 of DER', der.toString('base64').replaceAll(/(.{64})/g, '$1\n')],
    ['as hexadecimal DER', der.toString('hex')],
    ['as PKCS#1 in DER', rsa.publicKey.export({ type: 'pkcs1', format: 'der' })],
    ['as base64 of PEM', Buffer.from(pem).toString('base64')],
    ['as PEM in UTF-16', Buffer.from(pem, 'utf16le')],
    ['as base64 of a JWK', Buffer.from(jwk).toString('base64')],
    ['as a JWK behind a byte order mark', `\ufeff${jwk}`],
    ['as a line of SSH', `ssh-ed25519 ${randomBytes(51).toString('base64').replace(/^..../, 'AAAA')} me@host`],
  ])('%s signs for everybody under @fastify/jwt, and does not boot here', async (_name, key) => {
    const forged = signed(hs256, { ...claims, sub: 'admin' }, withHs256(key))
    const bare = await official({ public: key }, { algorithms: ['HS256'] })
    expect((await get(bare, '/any', bearer(forged))).statusCode).toBe(200)
    await expect(guarded({ jwt: { ...jwt, key, algorithms: ['HS256'] } })).rejects.toMatchObject({
      mistakes: [{ rule: expect.stringMatching(/^(unusable-key|algorithm-key-mismatch)$/) }],
    })
  })

  it('as a secret KeyObject is what it is made of', () => {
    expect(readKey(createSecretKey(Buffer.from(pem)))).toMatchObject({ kind: 'public', algorithms: ['ES256'] })
  })

  it('as a DER certificate is the key of that certificate', () => {
    const certificate = new X509Certificate(CERTIFICATE)
    expect(readKey(certificate.raw)).toMatchObject({
      kind: 'public',
      pem: certificate.publicKey.export({ type: 'spki', format: 'pem' }),
    })
  })
})

describe('a private key', () => {
  it.each<[name: string, key: string | Buffer]>([
    ['in DER', es256.privateKey.export({ type: 'pkcs8', format: 'der' })],
    ['in DER of SEC1', es256.privateKey.export({ type: 'sec1', format: 'der' })],
    ['in DER of PKCS#1', rsa.privateKey.export({ type: 'pkcs1', format: 'der' })],
    ['behind its public half', `${pem}${String(es256.privateKey.export({ type: 'pkcs8', format: 'pem' }))}`],
  ])('%s is not left with a verifier', (_name, key) => {
    expect(readKey(key).kind).toBe('private')
  })
})

describe('an RSA key of exponent 1', () => {
  it('verifies what anybody writes, and does not boot here', () => {
    const { n } = rsa.publicKey.export({ format: 'jwk' })
    const key = createPublicKey({ key: { kty: 'RSA', n: n as string, e: 'AQ' }, format: 'jwk' })
    expect(readKey(key)).toMatchObject({ kind: 'unusable', why: 'is an RSA key with a trivial exponent' })
  })
})

describe('a secret', () => {
  const printed = 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow'

  it.each<[name: string, key: string | Buffer]>([
    ['of jwt.io', 'a-string-secret-at-least-256-bits-long'],
    ['of RFC 7515', printed],
    ['of RFC 7515, decoded', Buffer.from(printed, 'base64url')],
    ['of the alphabet', 'abcdefghijklmnopqrstuvwxyz0123456789'],
    ['of a keyboard', 'qwertyuiopasdfghjklzxcvbnm123456'],
    ['of counting bytes', Buffer.from(Array.from({ length: 48 }, (_, at) => at))],
  ])('%s signs tokens under @fastify/jwt, and does not boot here', async (_name, key) => {
    const forged = signed(hs256, { ...claims, sub: 'admin' }, withHs256(key))
    const bare = await official(key as string, { algorithms: ['HS256'] })
    expect((await get(bare, '/any', bearer(forged))).statusCode).toBe(200)
    await expect(guarded({ jwt: { ...jwt, key, algorithms: ['HS256'] } })).rejects.toMatchObject({
      mistakes: [{ rule: 'weak-secret' }],
    })
  })

  it('that is random boots, in every usual spelling', () => {
    const random = fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map((salt) => createHmac('sha384', Buffer.from(salt)).digest())
    fc.assert(
      fc.property(random, fc.constantFrom('base64', 'base64url', 'hex', 'bytes'), (bytes, encoding) => {
        const key = readKey(encoding === 'bytes' ? bytes : bytes.toString(encoding as 'hex'))
        expect(key.kind).toBe('secret')
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  it('in a Buffer that is written over does not become the secret of the next registration', async () => {
    const buffer = Buffer.from(secret)
    const first = await guarded({ jwt: { ...jwt, key: buffer, algorithms: ['HS256'] } })
    const other = randomBytes(24).toString('base64url')
    buffer.write(other)
    const second = await guarded({ jwt: { ...jwt, key: buffer, algorithms: ['HS256'] } })
    const ofSecond = signed(hs256, claims, withHs256(other))
    const codes = []
    for (const { app } of [first, second]) {
      for (const given of [hmacToken(), ofSecond]) codes.push((await get(app, '/any', bearer(given))).statusCode)
    }
    expect(codes).toEqual([200, 401, 401, 200])
  })
})

describe('a token', () => {
  it('remembered by one registration is unknown to another', async () => {
    const one = await guarded({ jwt })
    const given = bearer(token())
    expect((await get(one.app, '/any', given)).statusCode).toBe(200)
    for (const changed of [{ issuer: 'https://other' }, { audience: 'https://other' }, { tokenType: 'JWT' }]) {
      const other = await guarded({ jwt: { ...jwt, ...changed } })
      expect((await get(other.app, '/any', given)).statusCode).toBe(401)
    }
  })
})

/** Self-signed for the test, P-256. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIUfKQYBWVQFTAV084co0KES3xgsAUwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGaXNzdWVyMCAXDTI2MTEyNTE1MDY0NVoYDzIxMjYxMTAxMTUw
NjQ1WjARMQ8wDQYDVQQDDAZpc3N1ZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AATFO6I+w+qfYhd7BvLNgQgAO8SLxkFlU8ETBCCvC0uwoP94rLHg+4tzJGAPWGC0
wvZML5U4XJnYRaF3EOoV7w34o1MwUTAdBgNVHQ4EFgQUOUh7Gv4LnledqOY7Wl63
lmPdXu0wHwYDVR0jBBgwFoAUOUh7Gv4LnledqOY7Wl63lmPdXu0wDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAw2fJI1wvOOHYAzzpObnCq6Y7RY/b
SclmtoX7B4nRmfgCICNksA3RiQmIX1QKe4EvC/vLHftYTcPX5kafGl8wCX/x
-----END CERTIFICATE-----`
