import Fastify from 'fastify'
import { once } from 'node:events'
import { connect as connectHttp2, constants, type ClientHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, expect, it, vi } from 'vitest'
import { defineRoom, onSecurityEvent, refuse, serverOptions, type SecurityEvent } from '../src/index.ts'
import { errors, marking, policy, refusing } from './rooms.ts'

const headers = marking('headers')

async function* endlessly() {
  for (;;) yield await new Promise((resolve) => setTimeout(resolve, 5, 'x'))
}

const problem = '{"error":"No.","code":"PTC_TEST_REFUSED","status":401,"title":"Unauthorized"}'
const room = (steps: object) =>
  defineRoom({
    concern: 'auth',
    optionsSchema: { type: 'object', additionalProperties: false },
    setup: () => ({ compile: () => steps }),
  })

describe('a refusal', () => {
  it("passes no error handler, serializer or response schema of the user's, and every onSend and onResponse", async () => {
    const seen: string[] = []
    const app = Fastify()
    app.setErrorHandler(async (_error, _request, reply) => reply.code(500).send('mine'))
    app.setReplySerializer(() => 'serialized')
    app.addHook('onSend', async () => void seen.push('onSend'))
    app.addHook('onResponse', async () => void seen.push('onResponse'))
    app.register(refusing('auth'))
    app.get('/', { schema: { response: { '4xx': { type: 'object', properties: {} } } } }, async () => 'x')
    const response = await app.inject('/')
    expect([response.statusCode, response.body, response.headers['content-type']]).toEqual([
      401,
      problem,
      'application/json',
    ])
    expect(seen).toEqual(['onSend', 'onResponse'])
  })

  it.each([
    ['*/*', 'application/json'],
    ['application/problem+json, */*;q=0.1', 'application/problem+json'],
  ])('is labelled for Accept %s as %s', async (accept, type) => {
    const app = Fastify()
    app.register(refusing('auth'))
    expect((await app.inject({ url: '/', headers: { accept } })).headers['content-type']).toBe(type)
  })

  it('carries fields, Retry-After and its own sentence', async () => {
    const app = Fastify()
    const refusal = errors.PTC_TEST_LIMITED.with({
      retryAfter: 30,
      sentence: 'Try again in 30 seconds.',
      fields: { 'x-extra': '1' },
    })
    app.register(refusing('rate-limit', refusal))
    const response = await app.inject('/')
    expect(response.headers).toMatchObject({ 'retry-after': '30', 'x-extra': '1' })
    expect(response.json()).toEqual({
      error: 'Try again in 30 seconds.',
      code: 'PTC_TEST_LIMITED',
      status: 429,
      title: 'Too Many Requests',
      retryAfter: 30,
    })
  })

  it('takes the form that formatProblem gives it, and its own if that throws', async () => {
    const app = Fastify(serverOptions({ formatProblem: ({ code, error }) => ({ fault: { code, error } }) }))
    app.register(refusing('auth'))
    expect((await app.inject('/')).body).toBe('{"fault":{"code":"PTC_TEST_REFUSED","error":"No."}}')
    const broken = Fastify(
      serverOptions({
        formatProblem: () => {
          throw new Error('x')
        },
      }),
    )
    broken.register(refusing('auth'))
    expect((await broken.inject('/')).body).toBe(problem)
  })

  it.each(['onRequest', 'preParsing', 'preValidation', 'preHandler'])('stops a request in %s', async (phase) => {
    let handled = false
    const app = Fastify()
    app.register(
      defineRoom({
        concern: phase === 'preValidation' ? 'csrf' : 'rate-limit',
        optionsSchema: { type: 'object', additionalProperties: false },
        setup: () => ({ compile: () => ({ [phase]: () => errors.PTC_TEST_REFUSED }) }),
      }),
    )
    app.post('/', async () => void (handled = true))
    expect((await app.inject({ method: 'POST', url: '/', payload: { a: 1 } })).body).toBe(problem)
    expect(handled).toBe(false)
  })

  it('in onSend replaces the payload, destroys a stream, and enters no hook twice', async () => {
    let sent = 0
    const stream = new Readable({ read() {} })
    const app = Fastify()
    app.addHook('onSend', async () => void sent++)
    app.register(
      defineRoom({
        concern: 'xss',
        optionsSchema: { type: 'object', additionalProperties: false },
        setup: () => ({ compile: () => ({ onSend: () => errors.PTC_TEST_REFUSED }) }),
      }),
    )
    app.get('/', (_request, reply) => reply.send(stream))
    app.get('/json', async () => ({ secret: 1 }))
    expect((await app.inject('/')).body).toBe(problem)
    expect((await app.inject('/json')).body).toBe(problem)
    expect([stream.destroyed, sent]).toEqual([true, 2])
  })

  it('is never kept by caches, whatever the route allows of its answers', async () => {
    const app = Fastify()
    app.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'public, max-age=60'))
    app.register(room({ preHandler: () => errors.PTC_TEST_REFUSED }))
    app.get('/', async () => 'x')
    app.get('/off', policy({ auth: false }), async () => 'x')
    app.get('/throws', policy({ auth: false }), async () => {
      throw new Error('x')
    })
    const caching = async (url: string) => (await app.inject(url)).headers['cache-control']
    expect([await caching('/'), await caching('/throws')]).toEqual(['no-store', 'no-store'])
    expect(await caching('/off')).toBe('public, max-age=60')
  })

  it('can be given by a handler', async () => {
    const app = Fastify()
    app.register(headers)
    app.get('/', async (request, reply) => refuse(request, reply, errors.PTC_TEST_REFUSED))
    expect((await app.inject('/')).body).toBe(problem)
  })

  it('is only told under reportOnly', async () => {
    const told: SecurityEvent[] = []
    const app = Fastify()
    onSecurityEvent(app, (event) => told.push(event))
    app.register(refusing('auth'), { reportOnly: true })
    app.get('/', async () => 'through')
    expect((await app.inject('/')).body).toBe('through')
    expect(told.map(({ type, outcome, code }) => [type, outcome, code])).toEqual([
      ['auth.failed', 'observed', 'PTC_TEST_REFUSED'],
    ])
  })

  it('replaces what a throwing or rejecting step would let pass', async () => {
    for (const onRequest of [
      () => {
        throw new Error('secret')
      },
      async () => Promise.reject(new Error('secret')),
    ]) {
      const app = Fastify()
      app.register(room({ onRequest }))
      app.get('/', async () => 'through')
      const response = await app.inject('/')
      expect([response.statusCode, response.body.includes('secret')]).toEqual([500, false])
    }
  })
})

describe("Fastify's default answers", () => {
  const make = () => {
    const app = Fastify(serverOptions())
    app.register(headers)
    app.post(
      '/json',
      {
        schema: {
          body: {
            type: 'object',
            required: ['n'],
            properties: { n: { type: 'integer' } },
            additionalProperties: false,
          },
        },
      },
      async () => 'x',
    )
    app.get('/boom', async () => {
      throw new Error('password=hunter2')
    })
    app.get('/teapot', async () => {
      throw Object.assign(new Error('I am yours'), { statusCode: 418 })
    })
    app.get(
      '/schema',
      { schema: { response: { 500: { type: 'object', properties: { message: { type: 'string' } } } } } },
      async () => {
        throw new Error('hunter2')
      },
    )
    return app
  }

  it.each([
    ['an unknown URL', { url: '/<script>' }, 404, 'PTC_NOT_FOUND', 'script'],
    [
      'a body that is no JSON',
      { method: 'POST', url: '/json', headers: { 'content-type': 'application/json' }, payload: '{"hunter2' },
      400,
      'PTC_REQUEST_MALFORMED',
      'hunter2',
    ],
    [
      'an unknown media type',
      { method: 'POST', url: '/json', headers: { 'content-type': 'text/hunter2' }, payload: 'x' },
      415,
      'PTC_MEDIA_TYPE_UNSUPPORTED',
      'hunter2',
    ],
    [
      'an unknown member',
      { method: 'POST', url: '/json', payload: { n: 1, hunter2: 1 } },
      400,
      'PTC_REQUEST_INVALID',
      'hunter2',
    ],
    ['a thrown error', { url: '/boom' }, 500, 'PTC_INTERNAL', 'hunter2'],
    ['a thrown error on a route with its own schema', { url: '/schema' }, 500, 'PTC_INTERNAL', 'hunter2'],
    [
      'a body over the limit',
      { method: 'POST', url: '/json', payload: { n: 'hunter2'.repeat(200_000) } },
      413,
      'PTC_BODY_TOO_LARGE',
      'hunter2',
    ],
    ['a malformed URL', { url: '/%zz-hunter2' }, 400, 'PTC_REQUEST_MALFORMED', 'hunter2'],
  ] as const)('to %s become problems without echo', async (_what, request, status, code, secret) => {
    const response = await make().inject(request as never)
    expect([response.statusCode, response.json().code, response.headers['x-headers']]).toEqual([
      status,
      code,
      'default',
    ])
    expect(response.headers['content-length']).toBe(String(Buffer.byteLength(response.body)))
    expect(response.body).not.toContain(secret)
  })

  it("keep their status where the route's own schema cannot write them", async () => {
    const app = Fastify(serverOptions())
    app.register(headers)
    const response = { '4xx': { type: 'object', required: ['mine'], properties: { mine: { type: 'string' } } } }
    app.post('/', { schema: { response } }, async () => 'x')
    const request = {
      method: 'POST',
      url: '/',
      headers: { 'content-type': 'application/json' },
      payload: '{"a',
    } as const
    const { statusCode, body } = await app.inject(request)
    expect([statusCode, JSON.parse(body).code]).toEqual([400, 'PTC_REQUEST_MALFORMED'])
  })

  it('say what the schema asks, in its own words', async () => {
    expect((await make().inject({ method: 'POST', url: '/json', payload: { n: 'x' } })).json().error).toBe(
      'Invalid request: body.n must be integer.',
    )
  })

  it("leave messages that the app's author wrote for the client", async () => {
    expect((await make().inject('/teapot')).json()).toEqual({
      statusCode: 418,
      error: "I'm a Teapot",
      message: 'I am yours',
    })
  })

  it("leave the user's own handlers alone, in child scopes and on routes too", async () => {
    const app = Fastify()
    app.register(headers)
    app.setErrorHandler(async (_error, _request, reply) => reply.code(500).send({ mine: 'root' }))
    app.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ mine: 'not found' }))
    app.get('/root', async () => {
      throw new Error('x')
    })
    app.register(async (child) => {
      child.setErrorHandler(async (_error, _request, reply) => reply.code(502).send({ mine: 'child' }))
      child.get('/child', async () => {
        throw new Error('x')
      })
    })
    app.get(
      '/route',
      { errorHandler: async (_error, _request, reply) => reply.code(503).send({ mine: 'route' }) },
      async () => {
        throw new Error('x')
      },
    )
    const bodies = await Promise.all(
      ['/root', '/child', '/route', '/unknown'].map(async (url) => (await app.inject(url)).json()),
    )
    expect(bodies).toEqual([{ mine: 'root' }, { mine: 'child' }, { mine: 'route' }, { mine: 'not found' }])
  })

  it("leave a route's own handler alone where the scope has none", async () => {
    const app = Fastify()
    app.register(headers)
    const errorHandler = async (
      _error: unknown,
      _request: unknown,
      reply: { code(status: number): { send(body: object): void } },
    ) => reply.code(500).send({ mine: true })
    app.get('/', { errorHandler: errorHandler as never }, async () => {
      throw new Error('x')
    })
    expect((await app.inject('/')).json()).toEqual({ mine: true })
  })

  it("replace the message of an error that the user's own handler throws", async () => {
    const app = Fastify()
    app.register(headers)
    app.setErrorHandler(async () => {
      throw new Error('hunter2')
    })
    app.get('/', async () => {
      throw new Error('x')
    })
    const response = await app.inject('/')
    expect([response.statusCode, response.json().code]).toEqual([500, 'PTC_INTERNAL'])
  })
})

it('gives hijacked replies the fields of the chain', async () => {
  const app = Fastify()
  app.register(headers)
  app.get('/', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { 'x-own': '1' })
    reply.raw.end('raw')
  })
  const { headers: fields, body } = await app.inject('/')
  expect([fields['x-headers'], fields['x-own'], body]).toEqual(['default', '1', 'raw'])
})

it('refuses a route that the kernel never saw', async () => {
  const app = Fastify()
  app.register(headers)
  app.get('/', policy({}), async (request) => {
    return { config: Object.keys(request.routeOptions.config) }
  })
  app.addHook('onRoute', () => undefined)
  await app.ready()
  const { STATE } = await import('../src/state.ts')
  const state = (app as never as Record<symbol, { records: { chain: unknown }[] }>)[STATE]
  for (const record of state?.records ?? []) record.chain = null
  const response = await app.inject('/')
  expect([response.statusCode, response.json().code]).toEqual([500, 'PTC_ROUTE_UNRECORDED'])
})

it('tells close steps whether the answer arrived, injected ones included', async () => {
  const seen: boolean[] = []
  const app = Fastify()
  app.register(marking('audit', () => ({ close: (_request, _reply, aborted) => void seen.push(aborted) })))
  app.get('/', async () => 'x')
  app.get('/never', () => new Promise(() => undefined))
  await app.inject('/')
  await app.listen({ port: 0, host: '127.0.0.1' })
  await (await fetch(app.listeningOrigin)).text()
  await fetch(`${app.listeningOrigin}/never`, { signal: AbortSignal.timeout(200) }).catch(() => undefined)
  await vi.waitFor(() => expect(seen).toEqual([false, false, true]))
  await app.close()
})

it('tells close steps of clients that reset an HTTP/2 stream, before the answer and within it', async () => {
  const seen: string[] = []
  const app = Fastify({ http2: true })
  app.register(marking('audit', () => ({ close: ({ url }, _reply, aborted) => void seen.push(`${url} ${aborted}`) })))
  app.get('/whole', async () => 'x')
  app.get('/never', () => new Promise(() => undefined))
  app.get('/endless', async () => Readable.from(endlessly()))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = connectHttp2(app.listeningOrigin)
  const ask = (path: string): ClientHttp2Stream => client.request({ ':path': path }).on('error', () => undefined)
  await text(ask('/whole'))
  const never = ask('/never')
  setTimeout(() => never.close(constants.NGHTTP2_CANCEL), 50)
  const endless = ask('/endless')
  await once(endless, 'response')
  endless.close(constants.NGHTTP2_CANCEL)
  await vi.waitFor(() => expect(seen.toSorted()).toEqual(['/endless true', '/never true', '/whole false']))
  client.close()
  await app.close()
})
