import { copied, patched } from '@portcullis/testing/patch'
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import { type AuthOptions, createApiKey } from '../src/index.ts'
import { apiKeys, jwt } from './apps.ts'
import { boot, type Refused, refusalOf } from './booting.ts'
import { audience, es256, issuer, pem, rsa, secret } from './forge.ts'

// No test asks a real issuer.
vi.mock('../src/remote/json.ts', async (original) => ({
  ...(await original<object>()),
  fetchRemote: () => Promise.reject(new Error('away')),
}))

const entry = apiKeys.keys[0] as (typeof apiKeys.keys)[number]
const another = () => createApiKey({ id: entry.id, subject: 'billing' }).entry
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey
const rsa1024 = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey
const der64 = es256.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
const docs = { prefix: '/docs', policy: false }
const opaque = (differs: object) => ({
  endpoint: 'https://id.example.com/introspect',
  clientId: 'a',
  clientSecret: 'b',
  audience,
  ...differs,
})
const jwks = 'https://127.0.0.1:1/jwks'
const remote = { issuer, audience, jwks }
const hs = { ...jwt, algorithms: ['HS256'] }

/** Places and rules that were told. */
const distinct = new Set<string>()

describe('options that are refused, with a fix that boots', () => {
  it.each<[name: string, path: string, rule: string, options: unknown]>([
    ['nothing', '', 'no-credential', {}],
    ['an unknown name', 'jwd', 'additionalProperties', { jwd: jwt }],
    ['a jwt of nothing', 'jwt.key', 'required', { jwt: {} }],
    ['no key', 'jwt.key', 'required', { jwt: { issuer, audience, algorithms: ['ES256'] } }],
    ['no key for HS256', 'jwt.key', 'required', { jwt: { issuer, audience, algorithms: ['HS256'] } }],
    ['no issuer', 'jwt.issuer', 'required', { jwt: { ...jwt, issuer: undefined, key: pem } }],
    ['no algorithms', 'jwt.algorithms', 'required', { jwt: { key: secret, issuer, audience } }],
    ['an issuer that switches the check off', 'jwt.issuer', 'minLength', { jwt: { ...jwt, issuer: '' } }],
    ['an audience list', 'jwt.audience', 'type', { jwt: { ...jwt, audience: [audience] } }],
    ['algorithm none', 'jwt.algorithms[0]', 'enum', { jwt: { ...jwt, algorithms: ['none'] } }],
    ['an algorithm in lower case', 'jwt.algorithms[0]', 'enum', { jwt: { ...jwt, algorithms: ['es256'] } }],
    ['no algorithm', 'jwt.algorithms', 'minItems', { jwt: { ...jwt, algorithms: [] } }],
    ['two families', 'jwt.algorithms', 'algorithm-key-mismatch', { jwt: { ...jwt, algorithms: ['ES256', 'HS256'] } }],
    ['a public key as a secret', 'jwt.algorithms', 'algorithm-key-mismatch', { jwt: { ...hs, key: pem } }],
    [
      'a public key behind a space as a secret',
      'jwt.algorithms',
      'algorithm-key-mismatch',
      { jwt: { ...hs, key: `\n ${pem}` } },
    ],
    [
      'a public key in a Buffer as a secret',
      'jwt.algorithms',
      'algorithm-key-mismatch',
      { jwt: { ...hs, key: Buffer.from(pem) } },
    ],
    [
      'a public KeyObject as a secret',
      'jwt.algorithms',
      'algorithm-key-mismatch',
      { jwt: { ...hs, key: es256.publicKey } },
    ],
    [
      'a public key in DER as a secret',
      'jwt.algorithms',
      'algorithm-key-mismatch',
      { jwt: { ...hs, key: es256.publicKey.export({ type: 'spki', format: 'der' }) } },
    ],
    [
      'a JWK as a secret',
      'jwt.key',
      'unusable-key',
      { jwt: { ...hs, key: JSON.stringify(es256.publicKey.export({ format: 'jwk' })) } },
    ],
    ['a secret for ES256', 'jwt.algorithms', 'algorithm-key-mismatch', { jwt: { ...jwt, key: secret } }],
    ['an RSA key for ES256', 'jwt.algorithms', 'algorithm-key-mismatch', { jwt: { ...jwt, key: rsa.publicKey } }],
    ['a private KeyObject', 'jwt.key', 'private-key', { jwt: { ...jwt, key: es256.privateKey } }],
    [
      'a private PEM',
      'jwt.key',
      'private-key',
      { jwt: { ...jwt, key: es256.privateKey.export({ type: 'pkcs8', format: 'pem' }) } },
    ],
    [
      'a SEC1 PEM',
      'jwt.key',
      'private-key',
      { jwt: { ...jwt, key: es256.privateKey.export({ type: 'sec1', format: 'pem' }) } },
    ],
    ['a curve that ES256 is not made for', 'jwt.key', 'unusable-key', { jwt: { ...jwt, key: p384 } }],
    ['a short RSA key', 'jwt.key', 'unusable-key', { jwt: { ...jwt, algorithms: ['RS256'], key: rsa1024 } }],
    ['a damaged PEM', 'jwt.key', 'unusable-key', { jwt: { ...jwt, key: pem.replace('A', '!') } }],
    ['a public key in base64', 'jwt.key', 'unusable-key', { jwt: { ...jwt, key: der64 } }],
    ['a short secret', 'jwt.key', 'weak-secret', { jwt: { ...hs, key: 'a' } }],
    ['a secret of one byte too few', 'jwt.key', 'weak-secret', { jwt: { ...hs, key: secret.slice(1) } }],
    ['an unset secret', 'jwt.key', 'weak-secret', { jwt: { ...hs, key: 'undefined' } }],
    [
      'unset variables in a template',
      'jwt.key',
      'weak-secret',
      { jwt: { ...hs, key: 'undefined-undefined-undefined-undefined' } },
    ],
    ['one character many times', 'jwt.key', 'weak-secret', { jwt: { ...hs, key: 'x'.repeat(64) } }],
    ['a repetition', 'jwt.key', 'weak-secret', { jwt: { ...hs, key: 'correct-horse!'.repeat(4) } }],
    ['a placeholder', 'jwt.key', 'weak-secret', { jwt: { ...hs, key: 'your-256-bit-secret-goes-right-here' } }],
    ['a weak secret in a Buffer', 'jwt.key', 'weak-secret', { jwt: { ...hs, key: Buffer.alloc(64) } }],
    ['a number for a key', 'jwt.key', 'accepts', { jwt: { ...jwt, key: 42 } }],
    ['a tolerance of hours', 'jwt.clockTolerance', 'maximum', { jwt: { ...jwt, clockTolerance: 7200 } }],
    ['a tolerance in words', 'jwt.clockTolerance', 'type', { jwt: { ...jwt, clockTolerance: '5s' } }],
    ['a type that is none', 'jwt.tokenType', 'pattern', { jwt: { ...jwt, tokenType: '' } }],
    ['no source of keys for an issuer', 'jwt.issuers[0].key', 'required', { jwt: { issuers: [{ issuer, audience }] } }],
    ['no audience anywhere', 'jwt.issuers[0].audience', 'required', { jwt: { issuers: [{ issuer, jwks }] } }],
    ['no issuers', 'jwt.issuers', 'minItems', { jwt: { issuers: [] } }],
    ['one issuer twice', 'jwt.issuers[1].issuer', 'repeated-issuer', { jwt: { issuers: [jwt, { ...jwt }] } }],
    [
      'an issuer beside the list',
      'jwt.issuer',
      'one-issuer-or-several',
      { jwt: { issuer: 'https://other.example.com', issuers: [jwt] } },
    ],
    ['a key and a URL of keys', 'jwt.jwks', 'two-key-sources', { jwt: { ...jwt, jwks } }],
    ['a key and discovery', 'jwt.discovery', 'two-key-sources', { jwt: { ...jwt, discovery: true } }],
    ['keys over plain http', 'jwt.jwks', 'unsafe-url', { jwt: { ...remote, jwks: 'http://id.example.com/jwks' } }],
    [
      'keys over plain http from another machine',
      'jwt.jwks',
      'unsafe-url',
      { jwt: { ...remote, jwks: 'http://127.0.0.1.evil.test/jwks', dangerouslyAllowHttp: true } },
    ],
    ['keys from a file', 'jwt.jwks', 'unsafe-url', { jwt: { ...remote, jwks: 'file:///etc/passwd' } }],
    ['credentials in the URL', 'jwt.jwks', 'unsafe-url', { jwt: { ...remote, jwks: 'https://a:b@id.example.com/' } }],
    ['no URL', 'jwt.jwks', 'unsafe-url', { jwt: { ...remote, jwks: '/jwks' } }],
    [
      'discovery of an issuer that is no URL',
      'jwt.issuer',
      'unsafe-url',
      { jwt: { issuer: 'my-issuer', audience, discovery: true } },
    ],
    [
      'discovery of an issuer with a query',
      'jwt.issuer',
      'unsafe-url',
      { jwt: { issuer: `${issuer}?a=b`, audience, discovery: true } },
    ],
    ['HS256 with fetched keys', 'jwt.algorithms', 'secret-from-jwks', { jwt: { ...remote, algorithms: ['HS256'] } }],
    [
      'two families of fetched keys',
      'jwt.algorithms',
      'mixed-families',
      { jwt: { ...remote, algorithms: ['RS256', 'ES256'] } },
    ],
    ['a revocation of nothing', 'revocation', 'nothing-to-revoke', { apiKeys, revocation: {} }],
    ['a policy in other words', 'revocation.onStoreError', 'enum', { jwt, revocation: { onStoreError: 'close' } }],
    ['tokens as old as one likes', 'revocation.maxTokenAge', 'maximum', { jwt, revocation: { maxTokenAge: 1e9 } }],
    ['keys that never grow old', 'jwt.jwksMaxAge', 'maximum', { jwt: { ...remote, jwksMaxAge: 1e9 } }],
    ['a claim that is no text', 'jwt.claims.token_use', 'type', { jwt: { ...jwt, claims: { token_use: true } } }],
    ['a negative cache', 'jwt.cacheSize', 'minimum', { jwt: { ...jwt, cacheSize: -1 } }],
    ['a token without bound', 'jwt.maxTokenBytes', 'maximum', { jwt: { ...jwt, maxTokenBytes: 1e9 } }],
    ['an option of @fastify/jwt', 'jwt.allowedIss', 'additionalProperties', { jwt: { ...jwt, allowedIss: issuer } }],
    ['no API key at all', 'apiKeys', 'no-key', { apiKeys: {} }],
    [
      'an API key in the clear',
      'apiKeys.keys[0].key',
      'additionalProperties',
      { apiKeys: { keys: [{ ...entry, key: 'x' }] } },
    ],
    [
      'a hash that is none',
      'apiKeys.keys[0].hash',
      'pattern',
      { apiKeys: { keys: [{ ...entry, hash: 'ptc_secret' }] } },
    ],
    ['one key twice', 'apiKeys.keys[1].hash', 'repeated-key', { apiKeys: { keys: [entry, entry] } }],
    ['a rotation without an end', 'apiKeys.keys[1].id', 'endless-rotation', { apiKeys: { keys: [entry, another()] } }],
    [
      'three generations',
      'apiKeys.keys[2].id',
      'third-generation',
      { apiKeys: { keys: [entry, { ...another(), expires: 1 }, another()] } },
    ],
    [
      'an id of its own making',
      'apiKeys.keys[0].id',
      'pattern',
      { apiKeys: { keys: [{ ...entry, id: 'billing-1' }] } },
    ],
    [
      'an expiry in milliseconds',
      'apiKeys.keys[0].expires',
      'not-in-seconds',
      { apiKeys: { keys: [{ ...entry, expires: 1_893_456_000_000 }] } },
    ],
    ['an expiry as a date', 'apiKeys.keys[0].expires', 'type', { apiKeys: { keys: [{ ...entry, expires: '2030' }] } }],
    ['a short pepper', 'apiKeys.pepper', 'weak-secret', { apiKeys: { ...apiKeys, pepper: 'pepper' } }],
    ['a prefix with a blank', 'apiKeys.prefix', 'pattern', { apiKeys: { ...apiKeys, prefix: 'my shop' } }],
    ['keys remembered for a day', 'apiKeys.cacheFor', 'maximum', { apiKeys: { ...apiKeys, cacheFor: 86_400 } }],
    ['a header with capitals', 'apiKeys.header', 'pattern', { apiKeys: { ...apiKeys, header: 'X-Api-Key' } }],
    [
      'a field of which Node keeps the first',
      'apiKeys.header',
      'header-taken',
      { apiKeys: { ...apiKeys, header: 'user-agent' } },
    ],
    ['the Authorization field', 'apiKeys.header', 'header-taken', { apiKeys: { ...apiKeys, header: 'authorization' } }],
    [
      'a scope with a space',
      'apiKeys.keys[0].scopes[0]',
      'pattern',
      { apiKeys: { keys: [{ ...entry, scopes: ['a b'] }] } },
    ],
    ['Basic without verify', 'basic.verify', 'required', { basic: {} }],
    [
      'introspection without an audience',
      'introspection.audience',
      'required',
      { introspection: opaque({ audience: undefined }) },
    ],
    ['introspection of nothing', 'introspection.endpoint', 'required', { introspection: {} }],
    [
      'introspection over plain http',
      'introspection.endpoint',
      'unsafe-url',
      { introspection: opaque({ endpoint: 'http://id.example.com/introspect' }) },
    ],
    [
      'introspection with its secret in the URL',
      'introspection.endpoint',
      'unsafe-url',
      { introspection: opaque({ endpoint: 'https://a:b@id.example.com/introspect' }) },
    ],
    [
      'an audience and any audience',
      'introspection.dangerouslyAnyAudience',
      'audience-or-any',
      { introspection: opaque({ dangerouslyAnyAudience: true }) },
    ],
    [
      'a client that proves nothing',
      'introspection.clientAuthentication',
      'enum',
      { introspection: opaque({ clientAuthentication: 'none' }) },
    ],
    [
      'a secret that is not set',
      'introspection.clientSecret',
      'minLength',
      { introspection: opaque({ clientSecret: '' }) },
    ],
    ['answers kept for a day', 'introspection.cacheFor', 'maximum', { introspection: opaque({ cacheFor: 86_400 }) }],
    [
      'two policies of one prefix',
      'routes[1].prefix',
      'repeated-prefix',
      { jwt, routes: [docs, { ...docs, prefix: '/docs/' }] },
    ],
    ['a prefix without a slash', 'routes[0].prefix', 'pattern', { jwt, routes: [{ ...docs, prefix: 'docs' }] }],
    [
      'a prefix that no route has',
      'routes[0].prefix',
      'prefix-without-route',
      { jwt, routes: [{ ...docs, prefix: '/dosc' }] },
    ],
    ['a policy that says true', 'routes[0].policy', 'type', { jwt, routes: [{ ...docs, policy: true }] }],
    [
      'a misspelt policy of a prefix',
      'routes[0].policy.scope',
      'additionalProperties',
      { jwt, routes: [{ ...docs, policy: { scope: ['a'] } }] },
    ],
    [
      'a kind that is not accepted, for a prefix',
      'routes[0].policy.anyOf[0]',
      'scheme-not-accepted',
      { jwt, routes: [{ ...docs, policy: { anyOf: ['session'] } }] },
    ],
    [
      'a step-up that no key can meet, for a prefix',
      'routes[0].policy.stepUp',
      'step-up-impossible',
      { apiKeys, routes: [{ ...docs, policy: { stepUp: { maxAge: 60 } } }] },
    ],
    [
      'a resource that is no URL',
      'resourceMetadata.resource',
      'unsafe-url',
      { jwt, resourceMetadata: { resource: 'api' } },
    ],
    [
      'a resource with a quote',
      'resourceMetadata.resource',
      'unsafe-url',
      { jwt, resourceMetadata: { resource: 'https://api.example.com/"' } },
    ],
    [
      'a resource whose path is a pattern',
      'resourceMetadata.resource',
      'unsafe-url',
      { jwt, resourceMetadata: { resource: 'https://api.example.com/:tenant' } },
    ],
    ['metadata of nothing', 'resourceMetadata.resource', 'required', { jwt, resourceMetadata: {} }],
    ['a realm that leaves its quotes', 'realm', 'pattern', { jwt, realm: 'x", error="y' }],
    ['an endless look-up', 'lookUpTimeout', 'minimum', { jwt, lookUpTimeout: 0 }],
    ['strict in words', 'strict', 'type', { jwt, strict: 'true', routes: [docs] }],
  ])('%s', async (_name, path, rule, options) => {
    const given = copied(options)
    if (_name === 'no issuer') delete (given as { jwt: { issuer?: string } }).jwt.issuer
    const refused = await refusalOf(given)
    for (const mistake of refused.mistakes) distinct.add(`${mistake.path.replaceAll(/\d+/g, '0')} ${mistake.rule}`)
    expect(refused.mistakes.map((mistake) => [mistake.path, mistake.rule])).toContainEqual([path, rule])
    await boot(refused.mistakes.reduce<unknown>((document, { fix }) => patched(document, fix), given))
  })

  it.each<[name: string, path: string, rule: string, route: unknown]>([
    ['an unknown name', 'scope', 'additionalProperties', { scope: ['a'] }],
    ['a scope with a quote', 'scopes[0]', 'pattern', { scopes: ['a"b'] }],
    ['scopes as a string', 'scopes', 'type', { scopes: 'a b' }],
    ['an unknown kind', 'anyOf[0]', 'enum', { anyOf: ['cookie'] }],
    ['a kind that is not accepted', 'anyOf[0]', 'scheme-not-accepted', { anyOf: ['basic'] }],
    ['no kind', 'anyOf', 'minItems', { anyOf: [] }],
    ['roles as a string', 'roles', 'type', { roles: 'admin' }],
    ['no role', 'roles', 'minItems', { roles: [] }],
    ['a step-up of nothing', 'stepUp', 'minProperties', { stepUp: {} }],
    ['a step-up of no time', 'stepUp.maxAge', 'minimum', { stepUp: { maxAge: 0 } }],
    ['an owner by name', 'owner', 'accepts', { owner: 'user-1' }],
  ])('of a route: %s', async (_name, path, rule, route) => {
    const { mistakes } = await refusalOf({ jwt }, route)
    expect(mistakes).toMatchObject([{ rule, route: expect.stringContaining('/') }])
    expect(mistakes[0]?.path).toContain(path)
    const within = (pointer: string): string => pointer.replace(/^.*\/auth(?=\/)/, '')
    const fix = (mistakes[0]?.fix ?? []).map((one) => ({
      ...one,
      path: within(one.path),
      ...('from' in one ? { from: within(one.from) } : {}),
    }))
    await boot({ jwt }, patched(route, fix))
  })

  it('in more than 70 distinct ways', () => {
    expect(distinct.size).toBeGreaterThan(70)
  })

  it('with all mistakes at once and no secret in the message', async () => {
    const refused = (await refusalOf({
      jwt: { ...hs, key: 'hunter2-hunter2', clockTolerance: -1 },
      realm: '"',
    })) as Refused & Error
    expect(refused.mistakes.map(({ path }) => path).toSorted()).toEqual(['jwt.clockTolerance', 'jwt.key', 'realm'])
    expect(refused.message).not.toContain('hunter2')
  })
})

describe('the message', () => {
  const { key: _key, ...keyless } = jwt
  it.each<[string, object, string]>([
    ['asks for a secret where HS256 needs one', { jwt: { ...keyless, algorithms: ['HS256'] } }, 'give the secret'],
    ['asks for a client where a URL stands', { jwt, revocation: { redis: 'redis://a' } }, 'a connected ioredis client'],
    ['shows no key that might be pasted', { jwt: true }, "write jwt: { key: '…', algorithms: ['ES256']"],
    ['shows none in a list', { jwt: { audience, issuers: ['https://a.example'] } }, "write { key: '…', algorithms"],
    [
      'does not speak of keys where answers are asked for',
      { introspection: opaque({ endpoint: 'http://id.example.com/introspect' }) },
      'whoever is on the way could answer instead',
    ],
  ])('%s', async (_name, options, said) => {
    expect(((await refusalOf(options)) as Refused & Error).message).toContain(said)
  })

  it('counts what a step-up lacks', async () => {
    const refused = (await refusalOf({ jwt }, { stepUp: {} })) as Refused & Error
    expect(refused.message).toContain('auth.stepUp  needs at least 1 key; write stepUp: { maxAge: 300 }')
  })
})

describe('options that are accepted', () => {
  it.each<[string, AuthOptions]>([
    ['ES256', { jwt }],
    ['PEM', { jwt: { ...jwt, key: pem } }],
    ['a secret', { jwt: { ...jwt, algorithms: ['HS256'], key: secret } }],
    ['both RSA algorithms', { jwt: { ...jwt, algorithms: ['RS256', 'PS256'], key: rsa.publicKey } }],
    ['a laxer type', { jwt: { ...jwt, tokenType: 'JWT' } }],
    ['several issuers', { jwt: { audience, issuers: [{ ...jwt }, { ...jwt, issuer: 'https://other.example.com' }] } }],
    ['API keys', { apiKeys }],
    ['a look-up of API keys', { apiKeys: { find: () => null } }],
    ['Basic', { basic: { verify: () => null } }],
    ['all at once', { jwt, apiKeys, basic: { verify: () => null } }],
    ['nothing, switched off', { enabled: false }],
  ])('%s', async (_name, options) => {
    await boot(options)
  })
})
