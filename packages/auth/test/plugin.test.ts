import auth, { createApiKey, type FindApiKey, type VerifyBasic } from '../src/index.ts'
import Fastify from 'fastify'
import { describe, expect, it, vi } from 'vitest'
import { apiKey, apiKeys, get, guarded, jwt } from './apps.ts'
import { ed25519, hmacToken, claims, rsa, secret, signed, token, withEdDsa, withRs256 } from './forge.ts'

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

describe('a route', () => {
  it('that says false answers anybody', async () => {
    const { app } = await guarded({ jwt })
    expect((await get(app, '/open')).json()).toEqual({ open: true })
    expect((await get(app, '/open', 'Bearer nonsense')).statusCode).toBe(200)
  })

  it('that says {} answers any identity and nobody else', async () => {
    const { app } = await guarded({ jwt })
    expect((await get(app, '/any', `Bearer ${token()}`)).json()).toEqual({
      identity: { subject: 'user-101', scheme: 'jwt', scopes: ['profile:read'], credentialId: 'token-1', claims },
    })
    const refused = await get(app, '/any')
    expect(refused.statusCode).toBe(401)
    expect(refused.headers['www-authenticate']).toBe('Bearer realm="api"')
    expect(refused.json()).toEqual({
      code: 'PTC_AUTH_CREDENTIAL_MISSING',
      status: 401,
      title: 'Unauthorized',
      error: 'Authentication is required.',
    })
  })

  it('with scopes answers 403 and names them to a token that lacks one', async () => {
    const { app, events } = await guarded({ jwt })
    expect((await get(app, '/profile', `Bearer ${token()}`)).statusCode).toBe(200)
    const refused = await get(app, '/profile', `Bearer ${token({ scope: 'profile:write' })}`)
    expect(refused.statusCode).toBe(403)
    expect(refused.headers['www-authenticate']).toBe(
      'Bearer realm="api", error="insufficient_scope", scope="profile:read"',
    )
    expect(events.at(-1)).toMatchObject({ type: 'auth.forbidden', outcome: 'denied', detail: { subject: 'user-101' } })
  })

  it('without a policy admits nobody: 401 to strangers, 403 to the known', async () => {
    const { app } = await guarded({ jwt })
    const stranger = await get(app, '/closed')
    expect([stranger.statusCode, stranger.headers['www-authenticate']]).toEqual([401, 'Bearer realm="api"'])
    const known = await get(app, '/closed', `Bearer ${token()}`)
    expect([known.statusCode, known.json().code]).toEqual([403, 'PTC_AUTH_ROUTE_CLOSED'])
  })

  it('without a policy is listed at boot, once for GET and HEAD', async () => {
    const { lines } = await guarded({ jwt })
    expect(lines.filter(({ routes }) => routes !== undefined)).toMatchObject([{ level: 40, routes: ['GET /closed'] }])
  })

  it('without a policy stops the boot when strict', async () => {
    const app = Fastify()
    await app.register(auth, { jwt, strict: true })
    app.get('/closed', async () => '')
    app.get('/open', { config: { security: { auth: false } } }, async () => '')
    await expect(app.ready()).rejects.toMatchObject({
      code: 'PTC_AUTH_ROUTES_UNDECLARED',
      message: expect.stringContaining('do not: GET /closed. Write'),
    })
  })

  it('nobody declared is 401 to strangers and 404 to the known', async () => {
    const { app } = await guarded({ jwt })
    expect((await get(app, '/nowhere')).statusCode).toBe(401)
    expect((await get(app, '/nowhere', 'Bearer x.y.z')).statusCode).toBe(401)
    expect((await get(app, '/nowhere', `Bearer ${token()}`)).statusCode).toBe(404)
  })

  it('answers HEAD as it answers GET', async () => {
    const { app } = await guarded({ jwt })
    const codes = async (url: string, authorization?: string) =>
      (await app.inject({ method: 'HEAD', url, headers: authorization === undefined ? {} : { authorization } }))
        .statusCode
    expect([
      await codes('/any'),
      await codes('/any', `Bearer ${token()}`),
      await codes('/closed', `Bearer ${token()}`),
    ]).toEqual([401, 200, 403])
  })
})

describe('a token', () => {
  it.each(['Bearer', 'bearer', 'BEARER', 'bEaReR '])('is found after %s', async (scheme) => {
    const { app } = await guarded({ jwt })
    expect((await get(app, '/any', `${scheme} ${token()}`)).statusCode).toBe(200)
  })

  it('that has expired is told so in the challenge', async () => {
    const { app } = await guarded({ jwt })
    const refused = await get(app, '/any', `Bearer ${token({ exp: 1_000_000_000 })}`)
    expect(refused.json()).toMatchObject({ status: 401, code: 'PTC_AUTH_CREDENTIAL_INVALID' })
    expect(refused.headers['www-authenticate']).toBe(
      'Bearer realm="api", error="invalid_token", error_description="The access token expired"',
    )
  })

  it.each([['Bearer'], ['Bearer x'], ['Bearer a b'], [`Bearer ${token()} x`], [`Bearer ${token()},`]])(
    'that is none is invalid: %s',
    async (field) => {
      const { app, events } = await guarded({ jwt })
      const refused = await get(app, '/any', field)
      expect(refused.json()).toMatchObject({ status: 401, code: 'PTC_AUTH_CREDENTIAL_INVALID' })
      expect(refused.headers['www-authenticate']).toBe('Bearer realm="api", error="invalid_token"')
      expect(events).toMatchObject([{ type: 'auth.failed', detail: { scheme: 'jwt', reason: 'malformed' } }])
    },
  )

  it.each([
    ['HS256', secret, hmacToken()],
    ['HS256', Buffer.from(secret), hmacToken()],
    ['RS256', rsa.publicKey, signed({ alg: 'RS256', typ: 'at+jwt' }, claims, withRs256(rsa.privateKey))],
    ['EdDSA', ed25519.publicKey, signed({ alg: 'EdDSA', typ: 'at+jwt' }, claims, withEdDsa(ed25519.privateKey))],
    ['ES256', jwt.key, token({}, { typ: 'application/AT+JWT' })],
    [
      'ES256',
      (jwt.key as typeof rsa.publicKey).export({ type: 'spki', format: 'der' }),
      token({ aud: ['x', jwt.audience] }),
    ],
  ] as const)('signed with %s is verified', async (algorithm, key, given) => {
    const { app } = await guarded({ jwt: { ...jwt, key, algorithms: [algorithm] } })
    expect((await get(app, '/any', `Bearer ${given}`)).statusCode).toBe(200)
  })

  it('is an access token (RFC 9068) unless the options say otherwise', async () => {
    const strict = await guarded({ jwt })
    const lax = await guarded({ jwt: { ...jwt, tokenType: 'JWT' } })
    const none = await guarded({ jwt: { ...jwt, tokenType: 'absent' } })
    const codes = []
    for (const { app } of [strict, lax, none]) {
      for (const typ of ['at+jwt', 'JWT', undefined])
        codes.push((await get(app, '/any', `Bearer ${token({}, { typ })}`)).statusCode)
    }
    expect(codes).toEqual([200, 401, 401, 401, 200, 401, 401, 401, 200])
  })
})

describe('an API key', () => {
  it('admits its owner', async () => {
    const { app } = await guarded({ apiKeys })
    expect((await get(app, '/any', undefined, { 'x-api-key': apiKey })).json()).toEqual({
      identity: {
        subject: 'billing',
        scheme: 'api-key',
        scopes: ['invoices:read'],
        credentialId: 'k0k0k0k0k0k0',
        claims: {},
      },
    })
  })

  it.each(['', 'short', `${apiKey}x`, `${apiKey} `.padEnd(300, 'x'), `${apiKey},${apiKey}`, 'ключ-ключ-ключ-ключ'])(
    'that is unknown or none is refused with a challenge: %s',
    async (key) => {
      const { app } = await guarded({ apiKeys })
      const refused = await get(app, '/any', undefined, { 'x-api-key': Buffer.from(key).toString('latin1') })
      expect([refused.statusCode, refused.headers['www-authenticate']]).toEqual([
        401,
        'ApiKey realm="api", header="x-api-key"',
      ])
    },
  )

  it('is never looked for in the query', async () => {
    const { app } = await guarded({ apiKeys })
    expect((await get(app, `/any?x-api-key=${apiKey}&api_key=${apiKey}`)).json()).toMatchObject({
      code: 'PTC_AUTH_CREDENTIAL_MISSING',
    })
  })

  it('is found by a function that is given its id and knows its hash', async () => {
    const { key, entry } = createApiKey({ subject: 'db' })
    const find = vi.fn<FindApiKey>(async (id) => (id === entry.id ? entry : null))
    const { app } = await guarded({ apiKeys: { header: 'x-key', find } })
    expect((await get(app, '/any', undefined, { 'x-key': key })).json()).toMatchObject({ identity: { subject: 'db' } })
    expect((await get(app, '/any', undefined, { 'x-key': apiKey })).statusCode).toBe(401)
    expect((await get(app, '/any', undefined, { 'x-key': `${key.slice(0, -1)}?` })).statusCode).toBe(401)
    expect(find.mock.calls).toEqual([[entry.id], ['k0k0k0k0k0k0']])
  })

  it('of another secret is refused', async () => {
    const { entry } = createApiKey({ id: 'k0k0k0k0k0k0', subject: 'db' })
    const { app } = await guarded({ apiKeys: { find: () => entry } })
    expect((await get(app, '/any', undefined, { 'x-api-key': apiKey })).statusCode).toBe(401)
  })
})

describe('a user name and a password', () => {
  const verify = async (user: string, password: string) =>
    user === 'masum' && password === 'naïve: pass' ? { subject: user, scopes: ['profile:read'] } : null

  it('are checked by the function', async () => {
    const { app } = await guarded({ basic: { verify } })
    expect((await get(app, '/any', basic('masum', 'naïve: pass'))).json()).toEqual({
      identity: { subject: 'masum', scheme: 'basic', scopes: ['profile:read'], credentialId: null, claims: {} },
    })
    const refused = await get(app, '/any', basic('masum', 'wrong'))
    expect([refused.statusCode, refused.headers['www-authenticate']]).toEqual([
      401,
      'Basic realm="api", charset="UTF-8"',
    ])
  })

  it.each([
    ['no base64', '!!!!'],
    ['base64url', Buffer.from('masum:>>>???').toString('base64url')],
    ['no padding', Buffer.from('a:bcd').toString('base64').replaceAll('=', '')],
    ['no colon', Buffer.from('masum').toString('base64')],
    ['no user', Buffer.from(':x').toString('base64')],
    ['a control character', Buffer.from('masum:a\nb').toString('base64')],
    ['a NUL', Buffer.from('ma\0sum:x').toString('base64')],
    ['invalid UTF-8', Buffer.from([0x61, 0x3a, 0xff]).toString('base64')],
    ['nothing', ''],
    ['too much', Buffer.from(`a:${'x'.repeat(2000)}`).toString('base64')],
  ])('that are malformed never reach the function: %s', async (_name, credentials) => {
    const asked = vi.fn<VerifyBasic>((subject) => ({ subject }))
    const { app } = await guarded({ basic: { verify: asked } })
    expect((await get(app, '/any', `Basic ${credentials}`)).statusCode).toBe(401)
    expect(asked).not.toHaveBeenCalled()
  })
})

describe('several kinds of credential', () => {
  it('are challenged for in one field each', async () => {
    const { app } = await guarded({ jwt, apiKeys, basic: { verify: () => null }, realm: 'shop' })
    expect((await get(app, '/any')).headers['www-authenticate']).toEqual([
      'Bearer realm="shop"',
      'ApiKey realm="shop", header="x-api-key"',
      'Basic realm="shop", charset="UTF-8"',
    ])
  })

  it('at once are refused', async () => {
    const { app } = await guarded({ jwt, apiKeys })
    const refused = await get(app, '/any', `Bearer ${token()}`, { 'x-api-key': apiKey })
    expect(refused.json()).toMatchObject({ status: 400, code: 'PTC_AUTH_CREDENTIALS_AMBIGUOUS' })
    expect(refused.headers['www-authenticate']).toBe('Bearer realm="api", error="invalid_request"')
  })

  it('count only as far as the route admits them', async () => {
    const app = Fastify()
    await app.register(auth, { jwt, apiKeys })
    app.get(
      '/jwt',
      { config: { security: { auth: { anyOf: ['jwt'] } } } },
      async ({ security }) => security.identity?.scheme,
    )
    const both = await get(app, '/jwt', `Bearer ${token()}`, { 'x-api-key': apiKey })
    expect([both.statusCode, both.body]).toEqual([200, 'jwt'])
    const key = await get(app, '/jwt', undefined, { 'x-api-key': apiKey })
    expect([key.statusCode, key.headers['www-authenticate']]).toEqual([401, 'Bearer realm="api"'])
  })
})

describe('under reportOnly', () => {
  it('everything passes and is observed', async () => {
    const { app, events } = await guarded({ jwt, reportOnly: true })
    expect((await get(app, '/any')).json()).toEqual({ identity: null })
    expect((await get(app, '/closed', `Bearer ${token()}`)).statusCode).toBe(200)
    expect(events).toMatchObject([
      { type: 'auth.challenged', outcome: 'observed', code: 'PTC_AUTH_CREDENTIAL_MISSING' },
      { type: 'auth.forbidden', outcome: 'observed', code: 'PTC_AUTH_ROUTE_CLOSED' },
    ])
  })
})

describe('scopes of the app', () => {
  it('authenticate by their own registration', async () => {
    const app = Fastify()
    await app.register(auth, { jwt })
    app.get('/any', { config: { security: { auth: {} } } }, async () => 'outer')
    await app.register(async (inner) => {
      await inner.register(auth, { jwt: { ...jwt, key: secret, algorithms: ['HS256'] } })
      inner.get('/inner', { config: { security: { auth: {} } } }, async () => 'inner')
    })
    const codes = []
    for (const url of ['/any', '/inner']) {
      for (const given of [token(), hmacToken()]) codes.push((await get(app, url, `Bearer ${given}`)).statusCode)
    }
    expect(codes).toEqual([200, 401, 401, 200])
    await app.close()
  })
})

describe('the example', () => {
  it('boots and guards', async () => {
    const { app, key } = await import('../example.ts')
    const codes = []
    for (const url of ['/health', '/me', '/users/profile']) codes.push((await get(app, url)).statusCode)
    expect(codes).toEqual([200, 401, 401])
    expect((await get(app, '/me', undefined, { 'x-api-key': key })).json()).toEqual({
      id: 'billing',
    })
  })
})
