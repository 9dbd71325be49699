import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import auth, { type AuthOptions, type AuthRoute, createApiKey, setDefaultPolicy } from '../src/index.ts'
import { get, jwt } from './apps.ts'
import { audience, es256, issuer, signed, token, withEs256 } from './forge.ts'

async function appOf(routes: Readonly<Record<string, AuthRoute | false>>, options: AuthOptions = { jwt }) {
  const app = Fastify()
  await app.register(auth, options)
  for (const [url, policy] of Object.entries(routes))
    app.get(url, { config: { security: { auth: policy } } }, async () => 'ok')
  await app.ready()
  return app
}
const statusOf = async (app: FastifyInstance, url: string, members: object = {}): Promise<number> =>
  (await get(app, url, `Bearer ${token(members as never)}`)).statusCode

describe('scopes', () => {
  it('that are missing are named in the answer, once the caller is known', async () => {
    const app = await appOf({ '/': { scopes: ['profile:read', 'profile:write'] } })
    const refused = await get(app, '/', `Bearer ${token({ scope: 'profile:read' })}`)
    expect(refused.json()).toMatchObject({
      status: 403,
      code: 'PTC_AUTH_SCOPE_INSUFFICIENT',
      error: 'The credential does not grant the scopes that this route needs: profile:read, profile:write.',
    })
    expect((await get(app, '/')).body).not.toContain('profile')
  })
})

describe('roles', () => {
  it('admit whoever has one of them', async () => {
    const app = await appOf({ '/': { roles: ['admin', 'support'] } })
    expect(await statusOf(app, '/', { roles: ['support'] })).toBe(200)
    expect(await statusOf(app, '/', { roles: ['admin', 'x'] })).toBe(200)
    for (const roles of [undefined, [], ['Admin'], 'admin', ['admin', 7], { admin: true }, [['admin']]])
      expect(await statusOf(app, '/', { roles })).toBe(403)
  })

  it('stand in another claim where the issuer writes them there', async () => {
    const rolesClaim = 'https://example.com/roles'
    const app = await appOf({ '/': { roles: ['admin'] } }, { jwt: { ...jwt, rolesClaim } })
    expect(await statusOf(app, '/', { [rolesClaim]: ['admin'] })).toBe(200)
    expect(await statusOf(app, '/', { roles: ['admin'] })).toBe(403)
  })

  it('stand in the entry of an API key', async () => {
    const { key, entry } = createApiKey({ subject: 's', roles: ['service'] })
    const app = await appOf(
      { '/': { roles: ['service'] }, '/admin': { roles: ['admin'] } },
      { apiKeys: { keys: [entry] } },
    )
    expect((await get(app, '/', undefined, { 'x-api-key': key })).statusCode).toBe(200)
    const refused = await get(app, '/admin', undefined, { 'x-api-key': key })
    expect(refused.json()).toMatchObject({ status: 403, code: 'PTC_AUTH_ROLE_INSUFFICIENT' })
    expect(refused.body).not.toContain('admin')
  })
})

describe('step-up', () => {
  const now = 1_800_000_000
  const options = { jwt: { ...jwt, clock: () => now * 1000 } }

  it('asks for a new authentication once the last is too old, and says how recent it must be (RFC 9470)', async () => {
    const app = await appOf({ '/': { stepUp: { maxAge: 300 } } }, options)
    expect(await statusOf(app, '/', { auth_time: now - 300 })).toBe(200)
    const refused = await get(app, '/', `Bearer ${token({ auth_time: now - 301 })}`)
    expect(refused.json()).toMatchObject({ status: 401, code: 'PTC_AUTH_STEP_UP_REQUIRED' })
    expect(refused.headers['www-authenticate']).toBe(
      'Bearer realm="api", error="insufficient_user_authentication", ' +
        'error_description="A more recent or stronger authentication is required", max_age="300"',
    )
  })

  it.each([undefined, null, '1800000000', now + 3600, -1, 1e300, { $gt: 0 }])(
    'is not met by auth_time %j',
    async (authTime) => {
      const app = await appOf({ '/': { stepUp: { maxAge: 300 } } }, options)
      expect(await statusOf(app, '/', { auth_time: authTime, iat: now })).toBe(401)
    },
  )

  it('asks for an authentication context', async () => {
    const app = await appOf({ '/': { stepUp: { acr: ['phr', 'phrh'] } } }, options)
    expect(await statusOf(app, '/', { acr: 'phrh' })).toBe(200)
    const refused = await get(app, '/', `Bearer ${token({ acr: 'pwd' })}`)
    expect([refused.statusCode, refused.headers['www-authenticate']]).toEqual([
      401,
      expect.stringMatching(/acr_values="phr phrh"$/),
    ])
  })

  it('is looked at after the scopes, and of strangers not at all', async () => {
    const app = await appOf({ '/': { scopes: ['profile:write'], stepUp: { maxAge: 300 } } }, options)
    expect(await statusOf(app, '/', { scope: 'other', auth_time: now })).toBe(403)
    expect((await get(app, '/')).headers['www-authenticate']).toBe('Bearer realm="api"')
  })
})

describe('an owner', () => {
  const orders: Readonly<Record<string, string>> = { 1: 'user-101', 2: 'user-102' }
  async function ownedBy(owner: AuthRoute['owner'], options: AuthOptions = { jwt }, reached: unknown[] = []) {
    const app = Fastify()
    await app.register(auth, options)
    const schema = { params: { type: 'object', properties: { id: { type: 'integer' } } } }
    app.get('/orders/:id', { schema, config: { security: { auth: { owner: owner as never } } } }, async () => {
      reached.push(1)
      return 'ok'
    })
    await app.ready()
    return app
  }
  const find = ({ params }: { params: unknown }) => orders[String((params as { id: number }).id)] ?? null

  it.each<[string, AuthRoute['owner']]>([
    ['at once', find],
    ['later', async (request) => find(request)],
  ])('that is found %s may use its object, and nobody else', async (_name, owner) => {
    const reached: unknown[] = []
    const app = await ownedBy(owner, { jwt }, reached)
    expect(await statusOf(app, '/orders/1')).toBe(200)
    const answers = []
    for (const id of [2, 3]) answers.push(await get(app, `/orders/${id}`, `Bearer ${token()}`))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([403, 403])
    // Somebody else's and nobody's: one answer.
    expect(answers[0]?.body).toBe(answers[1]?.body)
    expect(answers[0]?.json()).toMatchObject({ code: 'PTC_AUTH_NOT_OWNER' })
    expect(reached).toHaveLength(1)
  })

  it('is asked for after validation', async () => {
    const seen: unknown[] = []
    const app = await ownedBy((request) => {
      seen.push((request.params as { id: unknown }).id)
      return 'user-101'
    })
    expect(await statusOf(app, '/orders/x')).toBe(400)
    expect(await statusOf(app, '/orders/7')).toBe(200)
    expect((await get(app, '/orders/7')).statusCode).toBe(401)
    expect(seen).toEqual([7])
  })

  it.each<[string, AuthRoute['owner']]>([
    [
      'throws',
      () => {
        throw new Error('the database is away')
      },
    ],
    ['rejects', () => Promise.reject(new Error('the database is away'))],
    ['says nothing', () => undefined as never],
    ['says true', () => true as never],
    ['says nobody by an empty name', () => ''],
    ['gives a row', () => ({ owner: 'user-101' }) as never],
    ['gives a list', () => ['user-101'] as never],
  ])('that cannot be told refuses: %s', async (_name, owner) => {
    const reached: unknown[] = []
    const app = await ownedBy(owner, { jwt }, reached)
    const refused = await get(app, '/orders/1', `Bearer ${token()}`)
    expect(refused.json()).toMatchObject({ status: 503, code: 'PTC_AUTH_UNAVAILABLE' })
    expect(refused.body).not.toContain('database')
    expect(reached).toEqual([])
  })

  it('is a subject of one issuer where several are trusted: another’s user of that name is a stranger', async () => {
    const other = 'https://other.example.com'
    const options = { jwt: { audience, issuers: [jwt, { ...jwt, issuer: other }] } }
    const foreign = signed(
      { alg: 'ES256', typ: 'at+jwt' },
      { iss: other, aud: audience, sub: 'user-101', exp: 4_000_000_000 },
      withEs256(es256.privateKey),
    )
    const codes = async (owner: AuthRoute['owner']) => {
      const app = await ownedBy(owner, options)
      return [await statusOf(app, '/orders/1'), (await get(app, '/orders/1', `Bearer ${foreign}`)).statusCode]
    }
    expect(await codes(() => ({ subject: 'user-101', issuer }))).toEqual([200, 403])
    expect(await codes(() => 'user-101')).toEqual([503, 503])
  })
})

describe('a default policy of a scope', () => {
  it('holds for its routes and inner scopes, the innermost first, and gives way to what a route says', async () => {
    const app = Fastify()
    await app.register(auth, { jwt })
    app.get('/outside', async () => 'ok')
    await app.register(
      async (admin) => {
        setDefaultPolicy(admin, { roles: ['admin'] })
        admin.get('/users', async () => 'ok')
        admin.get('/any', { config: { security: { auth: {} } } }, async () => 'ok')
        await admin.register(
          async (pages) => {
            setDefaultPolicy(pages, false)
            pages.get('/index', { config: { security: {} } }, async () => 'ok')
          },
          { prefix: '/pages' },
        )
        await admin.register(async (inner) => void inner.get('/inner', async () => 'ok'))
      },
      { prefix: '/admin' },
    )
    const codes = async (authorization?: string) =>
      Promise.all(
        ['/outside', '/admin/users', '/admin/inner', '/admin/any', '/admin/pages/index'].map(
          async (url) => (await get(app, url, authorization)).statusCode,
        ),
      )
    expect(await codes()).toEqual([401, 401, 401, 401, 200])
    expect(await codes(`Bearer ${token()}`)).toEqual([403, 403, 403, 200, 200])
    expect(await codes(`Bearer ${token({ roles: ['admin'] })}`)).toEqual([403, 200, 200, 200, 200])
    expect((await app.inject({ method: 'HEAD', url: '/admin/users' })).statusCode).toBe(401)
  })
})

describe('policies by prefix', () => {
  it('cover the routes of other plugins, whenever they are registered', async () => {
    const app = Fastify()
    app.get('/docs/json', async () => 'ok')
    const routes = [
      { prefix: '/docs', policy: false as const },
      { prefix: '/docs/internal', policy: { roles: ['staff'] } },
    ]
    await app.register(auth, { jwt, routes, strict: true })
    app.get('/docs/static/*', async () => 'ok')
    app.get('/docs/internal/keys', async () => 'ok')
    app.get('/docs/mine', { config: { security: { auth: {} } } }, async () => 'ok')
    await app.ready()
    const codes = []
    for (const url of ['/docs/json', '/docs/static/a.js', '/docs/internal/keys', '/docs/mine', '/docs', '/docs/no'])
      codes.push((await get(app, url)).statusCode)
    expect(codes).toEqual([200, 200, 401, 401, 401, 401])
    expect(await statusOf(app, '/docs/internal/keys', { roles: ['staff'] })).toBe(200)
    expect(await statusOf(app, '/docs/internal/keys')).toBe(403)
  })

  it('are compared with routes, so that no spelling of a URL reaches further', async () => {
    const app = Fastify()
    await app.register(auth, { jwt, routes: [{ prefix: '/docs', policy: false }] })
    app.get('/docs/*', async () => 'docs')
    app.get('/users', { config: { security: { auth: {} } } }, async () => 'users')
    for (const url of ['/docs/../users', '/docs/..%2fusers', '/docs/%2e%2e/users', '//docs/../users'])
      expect((await get(app, url)).body).not.toBe('users')
  })
})
