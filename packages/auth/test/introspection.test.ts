import type { ServerResponse } from 'node:http'
import fc from 'fast-check'
import { jwtVerify } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { JwtOptions } from '../src/index.ts'
import { get, guarded, jwt } from './apps.ts'
import { AuthorizationServer } from './authorization-server.ts'
import { introspectionStrategy } from '../src/introspection/strategy.ts'
import type { IntrospectionOptions } from '../src/introspection/options.ts'
import { Outage } from '../src/remote/outage.ts'
import { audience, es256, issuer, token } from './forge.ts'

let server: AuthorizationServer
let introspection: IntrospectionOptions
beforeAll(async () => {
  server = await AuthorizationServer.start()
  introspection = {
    endpoint: server.endpoint,
    ca: server.ca,
    clientId: 'orders api',
    clientSecret: 's3cret:%',
    audience,
  }
})
afterAll(() => server.stop())
beforeEach(() => {
  server.asked.length = 0
  server.instead = undefined
  server.tokens = { opaque }
})

const opaque = {
  active: true,
  sub: 'user-101',
  aud: audience,
  iss: issuer,
  exp: 4_000_000_000,
  scope: 'profile:read other',
  token_type: 'Bearer',
  auth_time: 1_700_000_000,
  roles: ['support'],
}
const codeOf = (answer: { json(): { code?: string } }): string | undefined => answer.json().code

describe('an opaque token', () => {
  it('is asked about once, and its identity is what the server says', async () => {
    const { app } = await guarded({ introspection })
    for (let time = 0; time < 3; time++) {
      expect((await get(app, '/profile', 'Bearer opaque')).statusCode).toBe(200)
    }
    expect((await get(app, '/any', 'Bearer opaque')).json()).toEqual({
      identity: {
        subject: 'user-101',
        scheme: 'introspection',
        scopes: ['profile:read', 'other'],
        roles: ['support'],
        authenticatedAt: 1_700_000_000,
        credentialId: null,
        claims: opaque,
      },
    })
    expect(server.asked).toEqual([
      {
        method: 'POST',
        type: 'application/x-www-form-urlencoded',
        // RFC 6749 §2.3.1: form-encoded, then base64.
        authorization: `Basic ${Buffer.from('orders+api:s3cret%3A%25').toString('base64')}`,
        form: { token: 'opaque', token_type_hint: 'access_token' },
      },
    ])
  })

  it('is asked about with credentials in the form where the server wants that', async () => {
    const { app } = await guarded({ introspection: { ...introspection, clientAuthentication: 'client_secret_post' } })
    expect((await get(app, '/any', 'Bearer opaque')).statusCode).toBe(200)
    expect(server.asked).toMatchObject([
      { authorization: undefined, form: { token: 'opaque', client_id: 'orders api', client_secret: 's3cret:%' } },
    ])
  })

  it('is asked about with a signed assertion, another one each time, where this API has a key and no secret', async () => {
    const { privateKey, publicKey } = es256
    const { app } = await guarded({
      introspection: {
        endpoint: introspection.endpoint,
        ca: server.ca,
        clientId: 'orders api',
        clientAuthentication: 'private_key_jwt',
        clientKey: privateKey,
        clientKeyId: 'orders-1',
        issuer,
        audience,
        cacheFor: 0,
      },
    })
    for (let time = 0; time < 2; time++) expect((await get(app, '/any', 'Bearer opaque')).statusCode).toBe(200)
    const ids = new Set<unknown>()
    for (const { authorization, form } of server.asked) {
      expect(authorization).toBeUndefined()
      expect(Object.keys(form).toSorted()).toEqual([
        'client_assertion',
        'client_assertion_type',
        'client_id',
        'token',
        'token_type_hint',
      ])
      expect(form['client_assertion_type']).toBe('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
      const checks = { issuer: 'orders api', subject: 'orders api', audience: issuer, maxTokenAge: '1m' }
      const { payload, protectedHeader } = await jwtVerify(form['client_assertion'] ?? '', publicKey, checks)
      expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'JWT', kid: 'orders-1' })
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60)
      ids.add(payload.jti)
    }
    expect(ids.size).toBe(2)
  })

  it('is asked about at an endpoint that is spelt in capitals', async () => {
    const endpoint = ` ${introspection.endpoint.replace('https:', 'HTTPS:')}`
    const { app } = await guarded({ introspection: { ...introspection, endpoint } })
    expect((await get(app, '/profile', 'Bearer opaque')).statusCode).toBe(200)
  })

  it('is asked about once by many requests at once', async () => {
    const { app } = await guarded({ introspection })
    const all = await Promise.all(Array.from({ length: 20 }, () => get(app, '/any', 'Bearer opaque')))
    expect(new Set(all.map(({ statusCode }) => statusCode))).toEqual(new Set([200]))
    expect(server.asked).toHaveLength(1)
  })

  it('is remembered no longer than it lives, nor than cacheFor, and its end is seen at once', async () => {
    let now = 1_800_000_000_000
    // The clock of the registration stands with the tokens.
    const timed: JwtOptions = { ...jwt, clock: () => now }
    const { app } = await guarded({ introspection, jwt: timed })
    server.tokens = { opaque: { ...opaque, exp: 1_800_000_010 }, long: opaque }
    const codes = async () => [
      (await get(app, '/any', 'Bearer opaque')).statusCode,
      (await get(app, '/any', 'Bearer long')).statusCode,
    ]
    expect(await codes()).toEqual([200, 200])
    now += 9_000
    expect(await codes()).toEqual([200, 200])
    expect(server.asked).toHaveLength(2)
    now += 1_000
    server.tokens['long'] = { active: false }
    expect(await codes()).toEqual([401, 200])
    now += 20_000
    expect(await codes()).toEqual([401, 401])
  })

  it.each<[string, Record<string, unknown>]>([
    ['is not active', { active: false }],
    ['is for another API', { aud: 'https://other.example.com' }],
    ['is for nobody', { aud: undefined }],
    ['is of another issuer', { iss: 'https://evil.example.com' }],
    ['names no subject', { sub: undefined }],
    ['has a query operator for a subject', { sub: { $gt: '' } }],
    ['is over', { exp: 1_700_000_000 }],
    ['has its end in words', { exp: 'never' }],
    ['is not valid yet', { nbf: 3_999_999_999 }],
    ['is bound to a key', { cnf: { jkt: 'x' } }],
    ['is bound by its type', { token_type: 'DPoP' }],
    ['has scopes with quotes', { scope: 'a"b' }],
    ['has scopes as a number', { scope: 7 }],
  ])('that %s gets 401 with a challenge', async (_name, differs) => {
    server.tokens = { opaque: { ...opaque, ...differs } }
    const { app, events } = await guarded({ introspection: { ...introspection, issuer } })
    const refused = await get(app, '/any', 'Bearer opaque')
    expect(refused.statusCode).toBe(401)
    expect(refused.headers['www-authenticate']).toMatch(/^Bearer realm="api", error="invalid_token"/)
    expect(refused.headers['cache-control']).toBe('no-store')
    expect(events).toMatchObject([{ type: 'auth.failed', detail: { scheme: 'introspection' } }])
    // Not asked about again soon.
    await get(app, '/any', 'Bearer opaque')
    expect(server.asked).toHaveLength(1)
  })

  it.each(['', 'a b', 'a"b', 'a,b', 'ä', 'x'.repeat(5000)])(
    'that is none is asked about by nobody: %s',
    async (given) => {
      const { app } = await guarded({ introspection })
      const authorization = Buffer.from(`Bearer ${given}`).toString('latin1')
      expect((await get(app, '/any', authorization)).statusCode).toBe(401)
      expect(server.asked).toHaveLength(0)
    },
  )
})

describe('a server that does not answer as it should', () => {
  const chunk = Buffer.alloc(65_536, ' ')
  it.each<[string, (response: ServerResponse) => void]>([
    ['refuses our credentials', (response) => response.writeHead(401).end('{}')],
    ['fails', (response) => response.writeHead(500).end('{"active":true}')],
    ['refuses our form', (response) => response.writeHead(400).end('{"error":"invalid_client","active":false}')],
    ['redirects', (response) => response.writeHead(307, { location: '/elsewhere' }).end()],
    ['answers HTML', (response) => response.end('<p>')],
    ['answers a list', (response) => response.end('[{"active":true}]')],
    ['answers twice', (response) => response.end('{"active":false,"active":true}')],
    ['is active in words', (response) => response.end('{"active":"true","sub":"a"}')],
    ['says nothing', (response) => response.end('{}')],
    ['hangs', () => {}],
    ['breaks off', (response) => response.write('{"active":', () => response.destroy())],
    [
      'never ends',
      (response) => {
        const more = (): void => void (response.destroyed || response.write(chunk, () => setImmediate(more)))
        more()
      },
    ],
  ])('%s: 503, never 401 and never 200, and the next request asks again', async (_name, answer) => {
    const { app, events, lines } = await guarded({ introspection, lookUpTimeout: 1 })
    server.instead = (_request, response) => answer(response)
    const refused = await get(app, '/any', 'Bearer opaque')
    expect([refused.statusCode, codeOf(refused), refused.headers['retry-after']]).toEqual([
      503,
      'PTC_AUTH_UNAVAILABLE',
      '5',
    ])
    expect(refused.headers['cache-control']).toBe('no-store')
    expect(events).toMatchObject([{ type: 'auth.interrupted' }])
    expect(JSON.stringify(lines)).not.toContain('s3cret')
    server.instead = undefined
    expect((await get(app, '/any', 'Bearer opaque')).statusCode).toBe(200)
  })

  it('has closed the connection that was kept: the next token is asked about on a new one', async () => {
    const { app } = await guarded({ introspection })
    const sockets = new Set<unknown>()
    server.instead = (request, response) => {
      sockets.add(request.socket)
      response.end(JSON.stringify(opaque))
    }
    for (const token of ['a', 'b']) expect((await get(app, '/any', `Bearer ${token}`)).statusCode).toBe(200)
    expect(sockets.size).toBe(1)
    // The server hangs up while it is asked.
    server.instead = (request, response) => {
      if (sockets.has(request.socket)) request.socket.destroy()
      else response.end(JSON.stringify(opaque))
    }
    expect((await get(app, '/any', 'Bearer c')).statusCode).toBe(200)
    await app.close()
  })

  it('says anything at all: 200 with a subject, 401 or 503', async () => {
    let said: unknown
    const strategy = introspectionStrategy({
      endpoint: 'https://id.example.com/introspect',
      ca: undefined,
      client: { method: 'client_secret_basic', id: 'a', secret: 'b' },
      rules: { issuer: undefined, audience, subjectClaim: 'sub' },
      cacheFor: 0,
      maxTokenBytes: 100,
      fetch: async () => ({ body: Buffer.from(JSON.stringify(said) ?? ''), etag: undefined, maxAge: null }),
      now: Date.now,
      timeoutMs: 1000,
      onFailure: () => {},
      outage: new Outage(Date.now),
    })
    const names = [
      'active',
      'sub',
      'aud',
      'exp',
      'nbf',
      'scope',
      'scp',
      'jti',
      'cnf',
      'token_type',
      'roles',
      'auth_time',
    ]
    const member = fc.oneof(fc.constantFrom(true, 'a', audience, 4_000_000_000, [audience], 'Bearer'), fc.jsonValue())
    const answer = fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom(...names, '__proto__'), member))
    await fc.assert(
      fc.asyncProperty(answer, async (value) => {
        said = value
        const outcome = await strategy.verify('token')
        if (typeof outcome === 'string') return
        expect(value).toMatchObject({ active: true, sub: outcome.subject })
        expect([(value as { aud: unknown }).aud].flat()).toContain(audience)
      }),
      { numRuns: 2_000 },
    )
  })

  it('is another, by its certificate: 503', async () => {
    const { ca: _ca, ...stranger } = introspection
    const { app } = await guarded({ introspection: stranger })
    expect((await get(app, '/any', 'Bearer opaque')).statusCode).toBe(503)
    expect(server.asked).toHaveLength(0)
  })
})

it('a token of a kind that the server is not asked about gets 401', async () => {
  const { app } = await guarded({ introspection })
  server.instead = (_request, response) => response.writeHead(400).end('{"error":"unsupported_token_type"}')
  expect((await get(app, '/any', `Bearer ${token()}`)).statusCode).toBe(401)
})

describe('tokens of both kinds', () => {
  it('are told apart by their form, and asked for in one challenge', async () => {
    const { app } = await guarded({ introspection, jwt })
    expect((await get(app, '/any', `Bearer ${token()}`)).json()).toMatchObject({ identity: { scheme: 'jwt' } })
    expect((await get(app, '/any', 'Bearer opaque')).json()).toMatchObject({ identity: { scheme: 'introspection' } })
    expect(server.asked.map(({ form }) => form['token'])).toEqual(['opaque'])
    expect((await get(app, '/any')).headers['www-authenticate']).toBe('Bearer realm="api"')
    // A forged JWT is never handed to anybody.
    for (const forged of [`${token().slice(0, -4)}AAAA`, token().slice(token().indexOf('.'))])
      expect((await get(app, '/any', `Bearer ${forged}`)).statusCode).toBe(401)
    expect(server.asked).toHaveLength(1)
  })
})
