import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readJwks } from '../src/keys/jwks-document.ts'
import { maxAgeOf } from '../src/remote/json.ts'
import { faultOfUrl } from '../src/remote/url.ts'
import { ed25519, es256, type Members, rsa } from './forge.ts'

const es = es256.publicKey.export({ format: 'jwk' })
const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })
const read = (...keys: unknown[]) => readJwks(Buffer.from(JSON.stringify({ keys })), ['ES256'])

describe('a JWK Set', () => {
  it.each<[name: string, members: Members]>([
    ['for encryption', { use: 'enc' }],
    ['for signing only', { key_ops: ['sign'] }],
    ['with operations that are none', { key_ops: 'verify' }],
    ['of another algorithm', { alg: 'ES384' }],
    ['with a name that is none', { kid: ['key-1'] }],
    ['of another type', { kty: 'EC2' }],
    ['without a type', { kty: undefined }],
    ['of another curve', { crv: 'P-384' }],
    ['that is no point of its curve', { y: es.x }],
    ['with its private half', es256.privateKey.export({ format: 'jwk' }) as Members],
    ['that is a secret', { kty: 'oct', k: 'c2VjcmV0', alg: 'HS256' }],
  ])('lends no key %s', (_name, members) => {
    expect(read({ ...es, kid: 'a', ...members })).toEqual([])
  })

  it('lends no key that is too weak, nor one of another family', () => {
    const keys = [short, p384, rsa.publicKey.export({ format: 'jwk' }), ed25519.publicKey.export({ format: 'jwk' })]
    expect(read(...keys)).toEqual([])
    const body = Buffer.from(JSON.stringify({ keys }))
    expect(readJwks(body, ['RS256']).map(({ signatureBytes }) => signatureBytes)).toEqual([256])
    expect(readJwks(body, ['EdDSA']).map(({ algorithms }) => algorithms)).toEqual([['EdDSA']])
  })

  it('lends its good keys among others, by whatever extra members they have', () => {
    const good = { ...es, kid: 'a', use: 'sig', alg: 'ES256', key_ops: ['verify'], x5c: ['MIIB'], ext: true }
    expect(read(null, 1, [], {}, { ...es, use: 'enc' }, good).map(({ id }) => id)).toEqual(['a'])
  })

  it.each(['', '[]', '{}', '{"keys":{}}', 'null', '{"keys":[]'])('is not %j', (text) => {
    expect(() => readJwks(Buffer.from(text), ['ES256'])).toThrow('is no JWK Set')
  })
})

describe('a URL to fetch from', () => {
  it.each([
    ['https://id.example.com/jwks', false, null],
    ['http://localhost:3000/jwks', true, null],
    ['http://127.0.0.1/jwks', true, null],
    ['http://[::1]/jwks', true, null],
    ['http://localhost/jwks', false, 'is not https'],
    ['http://id.example.com/jwks', true, 'plain http to another machine'],
    ['http://localhost.evil.test/jwks', true, 'plain http to another machine'],
    ['http://127.0.0.1.evil.test/', true, 'plain http to another machine'],
    ['http://169.254.169.254/latest/meta-data', true, 'plain http to another machine'],
    ['https://user@id.example.com/', false, 'holds credentials'],
    ['https://id.example.com/#x', false, 'has a fragment'],
    ['file:///etc/passwd', true, 'is not https'],
    ['data:application/json,{}', true, 'is not https'],
    ['//id.example.com', false, 'is not a URL'],
  ])('%s (http allowed: %s)', (url, allowHttp, fault) => {
    const found = faultOfUrl(url, allowHttp)
    if (fault === null) expect(found).toBeNull()
    else expect(found).toContain(fault)
  })
})

describe('how long an answer may be kept', () => {
  it.each([
    [undefined, undefined, null],
    ['max-age=60', undefined, 60],
    ['public, max-age=60, must-revalidate', undefined, 60],
    ['Max-Age=60', '20', 40],
    ['max-age=60', '100', 0],
    ['max-age=60', 'x', 60],
    ['no-store, max-age=60', undefined, 0],
    ['no-cache="set-cookie", max-age=60', undefined, 0],
    ['x-max-age=60', undefined, null],
    ['s-maxage=60', undefined, null],
    ['max-age="60"', undefined, null],
    ['max-age=-1', undefined, null],
  ])('by Cache-Control %s and Age %s is %s', (cacheControl, age, seconds) => {
    expect(maxAgeOf(cacheControl, age)).toBe(seconds)
  })
})
