import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { connect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { defineRoom, onSecurityEvent, serverOptions } from '../src/index.ts'
import { errors, marking, policy, refusing } from './rooms.ts'

const open: FastifyInstance[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

/** A room whose steps are given as they are. */
const room = (concern: string, steps: object) =>
  defineRoom({
    concern,
    optionsSchema: { type: 'object', additionalProperties: false },
    setup: () => ({ compile: () => steps }),
  })

const preflight = { origin: 'https://evil.example', 'access-control-request-method': 'POST' }

describe('a caller cannot choose the chain of another route', () => {
  it('by fields of a preflight on a request that is none', async () => {
    const app = Fastify()
    app.register(refusing('auth'))
    app.route({ method: ['GET', 'OPTIONS'], url: '/admin', handler: async () => 'secret' })
    app.post('/admin', policy({ auth: false }), async () => 'public')
    expect((await app.inject({ url: '/admin', headers: preflight })).statusCode).toBe(401)
  })

  it('by a preflight to a route of its own that serves OPTIONS', async () => {
    const app = Fastify()
    app.register(refusing('auth'))
    app.options('/admin', async () => 'secret')
    app.post('/admin', policy({ auth: false }), async () => 'public')
    expect((await app.inject({ method: 'OPTIONS', url: '/admin', headers: preflight })).statusCode).toBe(401)
  })

  it('by a preflight through a catch-all', async () => {
    const app = Fastify()
    app.register(refusing('auth'))
    app.all('/*', async () => 'secret')
    app
      .post('/login', { ...policy({ auth: false }), exposeHeadRoute: false }, async () => 'public')
      .delete('/x', async () => 1)
    expect((await app.inject({ url: '/login', headers: preflight })).statusCode).toBe(401)
  })

  it('by a preflight to a not-found handler that serves content', async () => {
    const app = Fastify()
    app.register(refusing('auth'))
    app.setNotFoundHandler(async () => 'secret')
    app.post('/login', policy({ auth: false }), async () => 'public')
    expect((await app.inject({ method: 'OPTIONS', url: '/login', headers: preflight })).statusCode).toBe(401)
  })
})

describe('a policy cannot get lost', () => {
  it('when a later onRoute hook writes it', async () => {
    const app = Fastify()
    app.register(refusing('auth'), { enabled: true })
    app.register(async (child) => {
      child.addHook('onRoute', (route) => {
        route.config = { ...route.config, security: { auth: false } } as never
      })
      child.get('/open', async () => 'x')
    })
    app.get('/closed', async () => 'x')
    expect((await app.inject('/open')).statusCode).toBe(200)
    expect((await app.inject('/closed')).statusCode).toBe(401)
  })

  it('when a later onRoute hook lets routes share one config', async () => {
    const app = Fastify()
    const shared = {}
    app.register(refusing('auth'))
    app.addHook('onRoute', (route) => {
      route.config = Object.assign(shared, route.config) as never
    })
    app.get('/admin', async () => 'secret')
    app.get('/public', policy({ auth: false }), async () => 'x')
    await expect(app.ready()).rejects.toMatchObject({ code: 'PTC_ROUTE_RECORD_LOST' })
  })

  it('when a registration fails and somebody swallows the error', async () => {
    const app = Fastify()
    app.register(refusing('auth'))
    app.register(async (child) => {
      const broken = defineRoom({
        concern: 'auth',
        optionsSchema: { type: 'object', additionalProperties: false },
        setup: async () => Promise.reject(new Error('no key store')),
      })
      child.register(broken).after((error) => void error)
      child.get('/admin', async () => 'secret')
    })
    await expect(app.ready()).rejects.toThrow('no key store')
  })

  it('when mistaken options are swallowed', async () => {
    const app = Fastify()
    app.register(refusing('auth'), { typo: true } as never).after((error) => void error)
    app.get('/admin', async () => 'secret')
    await expect(app.ready()).rejects.toMatchObject({ code: 'PTC_OPTIONS_INVALID' })
  })
})

describe('nobody outside can end the process', () => {
  it('by making an asynchronous listener reject', async () => {
    const app = Fastify({ logger: { level: 'silent' } })
    onSecurityEvent(app, async () => Promise.reject(new Error('no database')))
    app.register(refusing('auth'))
    expect((await app.inject('/')).statusCode).toBe(401)
    await new Promise((resolve) => setImmediate(resolve))
  })

  it('by a field that cannot be written, refused after waiting', async () => {
    const app = Fastify()
    app.register(room('auth', { onRequest: async () => errors.PTC_TEST_REFUSED.with({ fields: { 'x-a': 'a\nb' } }) }))
    app.get('/', async () => 'x')
    await app.listen({ port: 0, host: '127.0.0.1' })
    open.push(app)
    expect((await fetch(app.listeningOrigin)).status).toBeGreaterThanOrEqual(400)
  })

  it('by an asynchronous formatProblem that rejects', async () => {
    const app = Fastify(serverOptions({ formatProblem: (async () => Promise.reject(new Error('x'))) as never }))
    app.register(refusing('auth'))
    expect((await app.inject('/')).json().code).toBe('PTC_TEST_REFUSED')
  })

  it('by asking for an upgrade that is refused', async () => {
    const app = Fastify()
    app.register(refusing('auth'))
    const response = await app.inject({ url: '/', headers: { connection: 'upgrade', upgrade: 'websocket' } })
    expect(response.statusCode).toBe(401)
  })

  it.each([
    ['null', null],
    ['undefined', undefined],
    ['a string', 'hunter2'],
    ['a bare object', { statusCode: 500, message: 'hunter2' }],
    ['an object without a prototype', Object.assign(Object.create(null), { hunter2: 1 })],
  ])('by making a handler throw %s', async (_what, thrown) => {
    const app = Fastify()
    app.register(marking('headers'))
    app.get('/', async () => {
      throw thrown
    })
    app.get('/sync', () => {
      throw thrown
    })
    for (const url of ['/', '/sync']) {
      const response = await app.inject(url)
      expect(response.statusCode).toBeGreaterThanOrEqual(400)
      expect(response.headers['x-headers']).toBe('default')
      expect(response.body).not.toContain('hunter2')
    }
  })

  it.each([
    ['null', null],
    ['true', true],
    ['an object', {}],
    ['a number', 0],
  ])('through a step that says %s: the request is refused', async (_what, verdict) => {
    const app = Fastify()
    app.register(room('auth', { onRequest: () => verdict }))
    app.get('/', async () => 'x')
    const response = await app.inject('/')
    expect([response.statusCode, response.json().code]).toEqual([500, 'PTC_STEP_FAILED'])
  })

  it('by leaving while an asynchronous step waits', async () => {
    let release: () => void = () => undefined
    const waiting = new Promise<void>((resolve) => (release = resolve))
    const closed: boolean[] = []
    const app = Fastify()
    app.register(room('auth', { onRequest: () => waiting.then(() => errors.PTC_TEST_REFUSED) }))
    app.register(room('audit', { close: (_q: unknown, _r: unknown, aborted: boolean) => void closed.push(aborted) }))
    app.get('/', async () => 'x')
    await app.listen({ port: 0, host: '127.0.0.1' })
    open.push(app)
    const { port } = app.server.address() as { port: number }
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await new Promise((resolve) => setTimeout(resolve, 50))
    socket.destroy()
    await vi.waitFor(() => expect(closed).toEqual([true]))
    release()
    await new Promise((resolve) => setImmediate(resolve))
    expect((await fetch(app.listeningOrigin)).status).toBe(401)
  })
})

describe('an answer tells nothing that the client wrote', () => {
  it('when a validator of another make puts the value into its message', async () => {
    const app = Fastify()
    app.register(marking('headers'))
    app.setValidatorCompiler(() => (value) => ({
      error: Object.assign(new Error('x'), {
        validation: [{ message: `unrecognized key ${JSON.stringify(value)}`, schemaPath: 7 }],
      }) as never,
    }))
    app.post('/', { schema: { body: { type: 'object' } } }, async () => 'x')
    const response = await app.inject({ method: 'POST', url: '/', payload: { hunter2: 1 } })
    expect(response.statusCode).toBe(400)
    expect(response.json().code).toBe('PTC_REQUEST_INVALID')
    expect(response.body).not.toContain('hunter2')
  })

  it.each(['{"__proto__":{"hunter2":1}}', '{"constructor":{"prototype":{"hunter2":1}}}', 'hunter2', ''])(
    'when the body is %s',
    async (payload) => {
      const app = Fastify(serverOptions())
      app.register(marking('headers'))
      app.post('/', async () => 'x')
      const response = await app.inject({
        method: 'POST',
        url: '/',
        payload,
        headers: { 'content-type': 'application/json' },
      })
      expect(response.statusCode).toBe(400)
      expect(response.json().code).toBe('PTC_REQUEST_MALFORMED')
      expect(response.body).not.toContain('hunter2')
    },
  )

  it('when the chain refuses a payload that was encoded', async () => {
    const app = Fastify()
    app.register(room('xss', { onSend: () => errors.PTC_TEST_REFUSED }))
    app.get('/', async (_request, reply) =>
      reply.headers({ 'content-encoding': 'br', etag: '"a"', 'content-range': 'bytes 0-1/2' }).send(Buffer.from('x')),
    )
    const { headers } = await app.inject('/')
    expect([headers['content-encoding'], headers['etag'], headers['content-range']]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it.each([
    ['an answer', 200, () => undefined],
    ['an unknown URL', 404, () => undefined],
    ['a refusal', 401, (app: FastifyInstance) => app.register(refusing('auth'))],
    ['a failure', 500, (app: FastifyInstance) => app.addHook('preHandler', async () => Promise.reject(new Error('x')))],
  ] as const)('when an onSend hook throws on %s', async (_what, status, prepare) => {
    const app = Fastify()
    app.register(marking('headers'))
    prepare(app)
    app.addHook('onSend', async () => {
      throw new Error('hunter2')
    })
    app.get('/', async () => 'x')
    await app.listen({ port: 0, host: '127.0.0.1' })
    open.push(app)
    const response = await fetch(app.listeningOrigin + (status === 404 ? '/unknown' : '/'))
    expect([response.status, response.headers.get('x-headers')]).toEqual([status === 200 ? 500 : status, 'default'])
    expect(await response.json()).toMatchObject({ code: expect.stringMatching(/^PTC_/) as string })
  })

  it('when a handler writes into a field what no field can hold: the other fields stay', async () => {
    const make = () => {
      const app = Fastify()
      app.get<{ Querystring: { to: string } }>('/', async (request, reply) =>
        reply.header('x-to', request.query.to).send('x'),
      )
      open.push(app)
      return app
    }
    const guarded = make()
    guarded.register(marking('headers'))
    await guarded.listen({ port: 0, host: '127.0.0.1' })
    const response = await fetch(`${guarded.listeningOrigin}/?to=%0d%0ahunter2`)
    expect(response.status).toBe(500)
    expect(response.headers.get('x-headers')).toBe('default')
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toMatchObject({ code: 'PTC_INTERNAL' })
    expect((await fetch(`${guarded.listeningOrigin}/?to=a`)).status).toBe(200)
  })
})

it('lets onSend steps see the fields of a web Response', async () => {
  const seen: unknown[] = []
  const app = Fastify()
  app.register(
    room('xss', {
      onSend: (_request: unknown, reply: FastifyReply) => {
        seen.push(reply.getHeader('content-type'), reply.statusCode)
        reply.header('x-a', 'ours')
      },
    }),
  )
  app.get(
    '/',
    async () => new Response('hi', { status: 201, headers: { 'x-a': 'theirs', 'content-type': 'text/html' } }),
  )
  app.get('/none', async () => new Response(null, { status: 204 }))
  const response = await app.inject('/')
  expect([response.statusCode, response.body, response.headers['x-a']]).toEqual([201, 'hi', 'ours'])
  expect(seen).toEqual(['text/html', 201])
  expect((await app.inject('/none')).statusCode).toBe(204)
})
