import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import gateway, { type GatewayOptions, type GatewayRoute } from '../src/index.ts'
import { startKeeper } from './keeper.ts'
import { optionsFor, startBackend } from './stage.ts'
import { watchingRoom } from './watched-room.ts'

const BOUNDARY = '----portcullis-0a1b2c3d4e5f6789'
const FORM = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
const form = (name: string): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\nx\r\n--${BOUNDARY}--\r\n`

const routes: GatewayRoute[] = [
  { match: { method: 'POST', path: '/forms' }, upstream: 'user-service' },
  { match: { path: '/colours/:names' }, upstream: 'user-service' },
]
/** A document whose form has one field of that name, and whose path has a label of so many names at most. */
const documentOf = (field: string, maxItems: number): object => ({
  openapi: '3.1.1',
  paths: {
    '/forms': {
      post: {
        requestBody: {
          content: {
            'multipart/form-data': {
              schema: { type: 'object', additionalProperties: false, properties: { [field]: { type: 'string' } } },
            },
          },
        },
      },
    },
    '/colours/{names}': {
      get: {
        parameters: [
          {
            name: 'names',
            in: 'path',
            required: true,
            style: 'label',
            schema: { type: 'array', maxItems, items: { type: 'string' } },
          },
        ],
      },
    },
  },
})

function started(): FastifyInstance {
  const app = Fastify()
  onTestFinished(() => app.close())
  return app
}

describe('gateways in scopes of their own', () => {
  it('hold their requests each to its own document, and nobody else’s to either', async () => {
    const { backend, bodies } = await startKeeper()
    const app = started()
    app.post('/forms', async ({ body }) => body)
    for (const [prefix, field, most] of [
      ['/one', 'a', 1],
      ['/two', 'b', 2],
    ] as const) {
      const options = await optionsFor(backend.port, { routes, options: { openapi: documentOf(field, most) } })
      await app.register(async (scope) => scope.register(gateway, options), { prefix })
    }
    await app.register(
      async (scope) => {
        scope.addContentTypeParser('multipart/form-data', { parseAs: 'string' }, (_request, body, done) =>
          done(null, { length: body.length }),
        )
        scope.post('/forms', async ({ body }) => body)
      },
      { prefix: '/three' },
    )
    const statusOf = async (url: string, field: string): Promise<number> =>
      (await app.inject({ method: 'POST', url, headers: FORM, payload: form(field) })).statusCode
    expect([await statusOf('/one/forms', 'a'), await statusOf('/one/forms', 'b')]).toEqual([200, 400])
    expect([await statusOf('/two/forms', 'a'), await statusOf('/two/forms', 'b')]).toEqual([400, 200])
    expect(bodies.map(String)).toEqual([form('a'), form('b')])
    // The root has no parser of forms, the third scope one of its own; JSON is parsed as ever.
    expect([await statusOf('/forms', 'c'), await statusOf('/three/forms', 'c')]).toEqual([415, 200])
    expect((await app.inject({ method: 'POST', url: '/forms', payload: { a: 1 } })).json()).toEqual({ a: 1 })
    const labels = ['/one/colours/.a', '/one/colours/.a,b', '/two/colours/.a,b', '/two/colours/.a,b,c', '/colours/.a']
    expect(await Promise.all(labels.map(async (url) => (await app.inject(url)).statusCode))).toEqual([
      200, 400, 200, 400, 404,
    ])
  })

  it('end what one of their rooms no longer admits, and not what those of another do', async () => {
    const { port } = await startBackend((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n')
    })
    const app = started()
    const rooms = [watchingRoom(), watchingRoom()] as const
    for (const [place, { room }] of rooms.entries()) {
      const options = await optionsFor(port, { routes: [{ match: { path: '/events' }, upstream: 'user-service' }] })
      await app.register(
        async (scope) => {
          await scope.register(room)
          await scope.register(gateway, options)
        },
        { prefix: `/${place}` },
      )
    }
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port: open } = app.server.address() as AddressInfo
    const answers: IncomingMessage[] = []
    for (const place of [0, 1]) {
      const request = get({ port: open, host: '127.0.0.1', path: `/${place}/events`, agent: false })
      onTestFinished(() => void request.destroy())
      const [answer] = (await once(request, 'response')) as [IncomingMessage]
      answers.push(answer)
      await once(answer, 'data')
    }
    const [ended, other] = answers as [IncomingMessage, IncomingMessage]
    const ending = once(ended, 'end')
    rooms[0].end('revoked')
    await expect(ending).rejects.toMatchObject({ code: 'ECONNRESET' })
    await vi.waitFor(() => expect(rooms.map(({ watched }) => watched())).toEqual([0, 1]))
    expect(other.destroyed).toBe(false)
  })

  it('time their services out each by its own options', async () => {
    const { port } = await startBackend(() => {})
    const app = started()
    for (const [prefix, headersMs] of [
      ['/quick', 50],
      ['/patient', 60_000],
    ] as const) {
      const options = await optionsFor(port, {
        routes: [{ match: { path: '/a' }, upstream: 'user-service', timeouts: { headersMs } }],
      })
      await app.register(async (scope) => scope.register(gateway, options), { prefix })
    }
    const patient = app.inject('/patient/a')
    expect((await app.inject('/quick/a')).statusCode).toBe(504)
    await expect(Promise.race([patient, Promise.resolve('waits')])).resolves.toBe('waits')
  })

  it('refuse with problems of their own, whatever the scopes around them make of errors', async () => {
    const { backend } = await startKeeper()
    const app = started()
    app.setErrorHandler((_error, _request, reply) => reply.code(418).send('mine'))
    app.get('/fails', async () => {
      throw new Error('no')
    })
    const options = await optionsFor(backend.port, { routes, options: { openapi: documentOf('a', 1) } })
    await app.register(async (scope) => scope.register(gateway, options), { prefix: '/one' })
    const refused = await app.inject({ method: 'POST', url: '/one/forms', headers: FORM, payload: form('b') })
    expect([refused.statusCode, refused.json()]).toMatchObject([400, { code: 'PTC_GATEWAY_REQUEST_INVALID' }])
    const fails = await app.inject('/fails')
    expect([fails.statusCode, fails.body]).toEqual([418, 'mine'])
  })
})

describe('a gateway that is registered twice', () => {
  it('in one scope is refused', async () => {
    const app = started()
    const { routes: _routes, ...rest } = await optionsFor(1)
    const route = (path: string): GatewayRoute => ({ match: { path }, upstream: 'user-service' })
    await app.register(gateway, { ...rest, routes: [route('/a')] })
    await expect(app.register(gateway, { ...rest, routes: [route('/b')] })).rejects.toMatchObject({
      code: 'PTC_ROOM_DUPLICATE',
    })
  })

  it('around another one serves its own routes, as that one does', async () => {
    const keepers = [await startKeeper(), await startKeeper()] as const
    const app = started()
    const at = (port: number): Promise<GatewayOptions> => optionsFor(port, { routes })
    await app.register(gateway, await at(keepers[0].backend.port))
    const inner = await at(keepers[1].backend.port)
    await app.register(async (scope) => scope.register(gateway, inner), { prefix: '/inner' })
    for (const url of ['/forms', '/inner/forms', '/inner/forms']) {
      expect((await app.inject({ method: 'POST', url, headers: FORM, payload: form('a') })).statusCode).toBe(200)
    }
    expect(keepers.map(({ bodies }) => bodies.length)).toEqual([1, 2])
  })
})

describe('a mistake within a scope', () => {
  it.each<[string, Partial<GatewayOptions>, string]>([
    ['a misspelt option', { routes, opanapi: documentOf('a', 1) } as object, 'opanapi'],
    [
      'a misspelt time-out',
      { routes: [{ match: { path: '/a' }, upstream: 'user-service', timeouts: { header: 1 } as object }] },
      'routes[0].timeouts.header',
    ],
    [
      'a schema that is none',
      {
        routes: [
          { match: { path: '/a' }, upstream: 'user-service', schema: { querystring: { properties: { a: 'text' } } } },
        ],
      },
      'routes[0].schema.querystring.properties.a',
    ],
    [
      'a mistaken document',
      { routes, openapi: documentOf('a b', 1) },
      'openapi.paths["/forms"].post.requestBody.content["multipart/form-data"].schema.properties["a b"]',
    ],
  ])('is told with its place: %s', async (_what, more, path) => {
    const app = Fastify()
    const options = { ...(await optionsFor(1)), ...more } as GatewayOptions
    app.register(async (scope) => scope.register(gateway, options), { prefix: '/v1' })
    await expect(app.ready()).rejects.toMatchObject({ mistakes: [{ path }] })
  })
})
