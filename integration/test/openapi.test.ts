import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import auth, { type AuthRoute, createApiKey, documentSecurity } from '@portcullis/auth'
import { withIdentity } from '@portcullis/auth/testing'
import csrf from '@portcullis/csrf'
import Fastify, { type FastifyInstance } from 'fastify'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, it } from 'vitest'

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const { key, entry } = createApiKey({ subject: 'billing', scopes: ['orders:read'] })
const basic = `Basic ${Buffer.from('masum:right').toString('base64')}`

interface Operation {
  readonly security?: readonly Record<string, readonly string[]>[]
  readonly responses: Readonly<Record<string, { readonly headers?: object; readonly content?: object }>>
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
      const told = Object.keys(get?.responses ?? {})
      expect([path, told.includes('401'), told.includes('400')]).toEqual([path, !open, security.length > 1])
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

/** A document for every kind of credential, and what real apps have beside it. */
async function everyKind(openapi: string, components: object = {}, jwt: object = {}): Promise<Described> {
  const app = Fastify()
  await app.register(swagger, {
    openapi: { openapi, info: { title: 'Orders', version: '1' }, components },
    ...documentSecurity(app),
  })
  await app.register(csrf, {
    origins: ['https://app.example.com'],
    secrets: [randomBytes(32)],
    session: '__Host-session',
  })
  await app.register(auth, {
    jwt: { issuer: 'https://id.example.com', audience: 'https://api.example.com', ...jwt },
    introspection: {
      endpoint: 'https://id.example.com/introspect',
      clientId: 'orders',
      clientSecret: 'from the configuration',
      audience: 'https://api.example.com',
    },
    apiKeys: { keys: [entry] },
    basic: { verify: () => null },
    session: { find: () => null },
  })
  const schema = {
    response: { 200: { type: 'string', description: 'The order.' }, '4xx': { type: 'string', description: 'No.' } },
  }
  const policies: Readonly<Record<string, AuthRoute>> = {
    '/any': {},
    '/tokens': { anyOf: ['jwt'], scopes: ['orders:read' as never, 'orders:write' as never] },
    '/opaque': { anyOf: ['introspection'], scopes: ['orders:read' as never] },
    '/keys': { anyOf: ['api-key'] },
    '/staff': { anyOf: ['basic'], roles: ['support', 'admin'], scopes: ['orders:read' as never] },
    '/mine/:id': { anyOf: ['api-key'], owner: () => null },
  }
  for (const [url, policy] of Object.entries(policies))
    app.get(url, { config: { security: { auth: policy } } }, async () => 'ok')
  app.get('/own', { schema, config: { security: { auth: { anyOf: ['jwt'] } } } }, async () => 'ok')
  await app.ready()
  const described = app.swagger() as unknown as Described
  await app.close()
  return described
}

describe('a document of every kind of credential', () => {
  const key = { key: publicKey, algorithms: ['ES256'] }
  const of = (described: Described, path: string) => described.paths[path]?.['get']
  const oauth2 = {
    securitySchemes: {
      oauth: {
        type: 'oauth2',
        flows: { clientCredentials: { tokenUrl: 'https://id.example.com/token', scopes: { 'orders:read': 'Read.' } } },
      },
    },
  }

  it.each([
    ['3.0.3', {}],
    ['3.1.0', {}],
    ['3.0.3', oauth2],
    ['3.1.0', oauth2],
  ])('is valid OpenAPI %s', async (version, components) => {
    const validator = new Validator()
    const document = JSON.parse(JSON.stringify(await everyKind(version, components, key))) as object
    const { valid, errors } = await validator.validate(document as never)
    expect([valid, errors]).toEqual([true, undefined])
    expect(validator.version).toBe(version.slice(0, 3))
    // The control: the same validator refuses what is none.
    expect(
      (await new Validator().validate({ ...document, paths: { '/': { get: { security: 'none' } } } } as never)).valid,
    ).toBe(false)
  })

  it('tells who is refused, and where somebody who may be away decides', async () => {
    const described = await everyKind('3.1.0', {}, key)
    const told = (path: string): string[] => Object.keys(of(described, path)?.responses ?? {})
    expect(Object.fromEntries(Object.keys(described.paths).map((path) => [path, told(path).join()]))).toEqual({
      '/any': '200,400,401,503',
      '/tokens': '200,401,403',
      '/opaque': '200,401,403,503',
      '/keys': '200,401',
      '/staff': '200,401,403,503',
      '/mine/{id}': '200,401,403,503',
      '/own': '200,4XX',
    })
    expect(of(described, '/keys')?.responses['401']).toMatchObject({
      headers: { 'WWW-Authenticate': { schema: { type: 'string' } } },
      content: { 'application/json': { schema: { required: ['error', 'code', 'status', 'title'] } } },
    })
    const remote = await everyKind('3.1.0', {}, { jwks: () => '{"keys":[]}' })
    expect(Object.keys(of(remote, '/tokens')?.responses ?? {})).toContain('503')
  })

  it('names scopes by the scheme that has them, and a requirement for each of several roles', async () => {
    const described = await everyKind('3.1.0', oauth2, key)
    expect(of(described, '/tokens')?.security).toEqual([{ oauth: ['orders:read', 'orders:write'] }])
    expect(of(described, '/opaque')?.security).toEqual([{ oauth: ['orders:read'] }])
    expect(of(described, '/staff')?.security).toEqual([
      { basic: ['orders:read', 'support'] },
      { basic: ['orders:read', 'admin'] },
    ])
    const old = await everyKind('3.0.3', oauth2, key)
    expect(of(old, '/tokens')?.security).toEqual([{ oauth: ['orders:read', 'orders:write'] }])
    expect(of(old, '/staff')?.security).toEqual([{ basic: [] }])
  })

  it('keeps the names of the schemes that it declares', async () => {
    const declared = { securitySchemes: { bearerAuth: { type: 'http', scheme: 'Bearer', bearerFormat: 'JWT' } } }
    const described = await everyKind('3.1.0', declared, key)
    expect(of(described, '/tokens')?.security).toEqual([{ bearerAuth: ['orders:read', 'orders:write'] }])
    expect(Object.keys(described.components.securitySchemes)).toEqual(['bearerAuth', 'apiKey', 'basic', 'session'])
  })
})
