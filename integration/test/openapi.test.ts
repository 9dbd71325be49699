import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import auth, { type AuthRoute, createApiKey, documentSecurity } from '@portcullis/auth'
import { withIdentity } from '@portcullis/auth/testing'
import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'

const { key, entry } = createApiKey({ subject: 'billing', scopes: ['orders:read'] })
const basic = `Basic ${Buffer.from('masum:right').toString('base64')}`

interface Operation {
  readonly security?: readonly Record<string, readonly string[]>[]
}
interface Described {
  readonly paths: Readonly<Record<string, Record<string, Operation>>>
  readonly components: { readonly securitySchemes: Readonly<Record<string, object>> }
}

async function documented(openapi: string): Promise<{ app: FastifyInstance; described: Described }> {
  const app = Fastify()
  await app.register(swagger, {
    openapi: { openapi, info: { title: 'Orders', version: '1' } },
    ...documentSecurity(app),
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })
  await app.register(auth, {
    apiKeys: { header: 'x-shop-key', keys: [entry] },
    basic: { verify: (subject, password) => (password === 'right' ? { subject } : null) },
    routes: [{ prefix: '/docs', policy: false }],
  })
  const policies: Readonly<Record<string, AuthRoute | false | undefined>> = {
    '/open': false,
    '/any': {},
    '/orders/:id': { scopes: ['orders:read' as never] },
    '/keys': { anyOf: ['api-key'] },
    '/people': { anyOf: ['basic'] },
    '/closed': undefined,
  }
  for (const [url, policy] of Object.entries(policies))
    app.get(url, policy === undefined ? {} : { config: { security: { auth: policy } } }, async () => 'ok')
  await app.ready()
  return { app, described: app.swagger() as unknown as Described }
}

describe('the OpenAPI document', () => {
  it('says of each operation what its policy says', async () => {
    const { described } = await documented('3.1.0')
    expect(described.components.securitySchemes).toEqual({
      apiKey: { type: 'apiKey', in: 'header', name: 'x-shop-key' },
      basic: { type: 'http', scheme: 'basic' },
    })
    const said = Object.fromEntries(Object.entries(described.paths).map(([path, { get }]) => [path, get?.security]))
    expect(said).toEqual({
      '/open': [],
      '/any': [{ apiKey: [] }, { basic: [] }],
      '/orders/{id}': [{ apiKey: ['orders:read'] }, { basic: ['orders:read'] }],
      '/keys': [{ apiKey: [] }],
      '/people': [{ basic: [] }],
    })
  })

  it('of version 3.0 names no scopes, which it has for OAuth alone', async () => {
    const { described } = await documented('3.0.3')
    expect(described.paths['/orders/{id}']?.['get']?.security).toEqual([{ apiKey: [] }, { basic: [] }])
  })

  it('equals what the app does: with each credential, with none, with both', async () => {
    const { app, described } = await documented('3.1.0')
    const credentials: Readonly<Record<string, Record<string, string>>> = {
      apiKey: { 'x-shop-key': key },
      basic: { authorization: basic },
    }
    for (const [path, { get }] of Object.entries(described.paths)) {
      const url = path.replace('{id}', '7')
      const security = get?.security ?? []
      const open = security.length === 0
      expect([path, (await app.inject(url)).statusCode]).toEqual([path, open ? 200 : 401])
      for (const [name, headers] of Object.entries(credentials)) {
        const wanted = security.find((one) => name in one)?.[name]
        // The key has the scope, the password has none.
        const status = open ? 200 : wanted === undefined ? 401 : name === 'basic' && wanted.length > 0 ? 403 : 200
        expect([path, name, (await app.inject({ url, headers })).statusCode]).toEqual([path, name, status])
      }
      const both = await app.inject({ url, headers: { ...credentials['apiKey'], ...credentials['basic'] } })
      expect([path, both.statusCode]).toEqual([path, security.length > 1 ? 400 : 200])
    }
    const known = withIdentity(app, { subject: 'anybody', scopes: ['orders:read'], scheme: 'basic' })
    expect((await known.inject('/closed')).statusCode).toBe(403)
  })

  it('and its page are opened by their prefix', async () => {
    const { app } = await documented('3.1.0')
    expect((await app.inject('/docs/json')).statusCode).toBe(200)
    expect((await app.inject('/docs')).statusCode).toBeLessThan(400)
  })

  it('calls no operation open that asks for a credential in one of its versions', async () => {
    const app = Fastify()
    await app.register(swagger, {
      openapi: { openapi: '3.1.0', info: { title: '', version: '1' } },
      ...documentSecurity(app),
    })
    await app.register(auth, { apiKeys: { keys: [entry] } })
    for (const [version, policy] of Object.entries<AuthRoute | false>({ '1.0.0': {}, '2.0.0': false }))
      app.get('/orders', { constraints: { version }, config: { security: { auth: policy } } }, async () => version)
    await app.ready()
    const { paths } = app.swagger() as unknown as Described
    expect(paths['/orders']?.['get']?.security).toEqual([{ apiKey: [] }])
  })
})
