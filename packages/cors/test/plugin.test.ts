import cors, { type CorsOptions, type CorsRoute } from '@portcullis/cors'
import { defineRoom, onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { app as example } from '../example.ts'
import { decide } from '../src/policy.ts'
import { stepsOf } from '../src/steps.ts'

const origin = 'https://app.example.com'
const foreign = 'https://evil.test'
const open: FastifyInstance[] = []

afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

async function make(options: CorsOptions, routes: (app: FastifyInstance) => void = () => {}): Promise<FastifyInstance> {
  const app = Fastify()
  open.push(app)
  await app.register(cors, options)
  for (const method of ['GET', 'POST', 'PUT', 'DELETE'])
    app.route({ method, url: '/users', handler: async () => ({ method }) })
  routes(app)
  await app.ready()
  return app
}

const preflight = (url: string, method: string, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'OPTIONS',
  url,
  headers: { origin, 'access-control-request-method': method, ...headers },
})

/** The CORS fields of an answer. */
function fields(headers: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')))
}

describe('a preflight', () => {
  it('for a POST from an allowed origin is answered as in the textbooks', async () => {
    const app = await make({ origins: [origin], credentials: true })
    const asked = { 'access-control-request-headers': 'authorization,content-type' }
    const response = await app.inject(preflight('/users', 'POST', asked))
    expect(response.statusCode).toBe(204)
    expect(response.body).toBe('')
    expect(response.headers).not.toHaveProperty('content-length')
    expect(response.headers.vary).toBe('Origin, Access-Control-Request-Method, Access-Control-Request-Headers')
    expect(fields(response.headers)).toEqual({
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-allow-methods': 'GET, POST, PUT, DELETE',
      'access-control-allow-headers': 'Content-Type, Authorization',
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '60',
    })
  })

  it('is remembered for a minute with credentials, for ten without, and as long as the options say', async () => {
    const app = await make({ origins: [origin], credentials: true }, (server) => {
      const remembered = (url: string, cors: CorsRoute) =>
        server.get(url, { config: { security: { cors } } }, async () => '')
      remembered('/open', { origins: ['*'], credentials: false })
      remembered('/never', { maxAge: -1 })
      remembered('/day', { maxAge: 86_400 })
    })
    for (const [url, seconds] of [
      ['/users', '60'],
      ['/open', '600'],
      ['/never', '-1'],
      ['/day', '86400'],
    ] as const) {
      expect((await app.inject(preflight(url, 'GET'))).headers['access-control-max-age']).toBe(seconds)
    }
  })

  it.each([
    ['origin', preflight('/users', 'POST', { origin: foreign })],
    ['origin', preflight('/users', 'POST', { origin: 'null' })],
    ['origin', preflight('/nowhere', 'POST', { origin: foreign })],
    ['method', preflight('/users', 'PATCH')],
    ['method', preflight('/users', 'post')],
    ['method', preflight('/users', 'GET, POST')],
    ['method', preflight('/nowhere', 'PROPFIND')],
    ['header', preflight('/users', 'POST', { 'access-control-request-headers': 'content-type, x-evil' })],
  ])('with a refused %s is answered 403, tells the page nothing, and the event why', async (reason, request) => {
    const app = await make({ origins: [origin], credentials: true })
    const events: SecurityEvent[] = []
    onSecurityEvent(app, (event) => events.push(event))
    const response = await app.inject(request)
    expect(response.statusCode).toBe(403)
    expect(fields(response.headers)).toEqual({})
    expect(response.headers.vary).toContain('Origin')
    expect(response.json()).toMatchObject({
      code: 'PTC_CORS_PREFLIGHT_REFUSED',
      error: 'This cross-origin request is not allowed.',
    })
    expect(events).toMatchObject([{ type: 'cors.rejected', outcome: 'denied', detail: { reason } }])
  })

  it('gets as methods those that exist at the URL and allow the origin', async () => {
    const app = await make({ origins: [origin] }, (server) => {
      server.get('/mixed', async () => '')
      server.put(
        '/mixed',
        { config: { security: { cors: { origins: ['https://admin.example.com'] } } } },
        async () => '',
      )
      server.delete('/mixed', { config: { security: { cors: false } } }, async () => '')
      server.patch('/mixed', async () => '')
    })
    const response = await app.inject(preflight('/mixed', 'GET'))
    expect(response.headers['access-control-allow-methods']).toBe('GET, PATCH')
    expect((await app.inject(preflight('/mixed', 'PUT'))).statusCode).toBe(403)
    const refused = await app.inject(preflight('/mixed', 'DELETE'))
    expect(fields(refused.headers)).toEqual({})
    expect(refused.statusCode).toBeGreaterThanOrEqual(400)
  })

  it('gets no more methods than the options name', async () => {
    const app = await make({ origins: [origin], methods: ['GET', 'POST'] })
    expect((await app.inject(preflight('/users', 'POST'))).headers['access-control-allow-methods']).toBe('GET, POST')
    expect((await app.inject(preflight('/users', 'HEAD'))).statusCode).toBe(204)
    expect((await app.inject(preflight('/users', 'DELETE'))).statusCode).toBe(403)
    expect((await app.inject(preflight('/nowhere', 'DELETE'))).statusCode).toBe(403)
  })

  it('to an unknown URL lets the page read the real 404', async () => {
    const app = await make({ origins: [origin] })
    const response = await app.inject(preflight('/nowhere', 'DELETE'))
    expect(response.statusCode).toBe(204)
    expect(response.headers['access-control-allow-methods']).toBe('GET, POST, PUT, PATCH, DELETE')
    const actual = await app.inject({ method: 'DELETE', url: '/nowhere', headers: { origin } })
    expect(actual.statusCode).toBe(404)
    expect(actual.headers['access-control-allow-origin']).toBe(origin)
  })

  it('finds routes with parameters, wildcards and prefixes', async () => {
    const app = await make({ origins: [origin] }, (server) => {
      server.put('/users/:id', async () => '')
      server.delete('/files/*', async () => '')
      server.register(async (scope) => void scope.patch('/deep', async () => ''), { prefix: '/v1' })
    })
    const methods = async (url: string, method: string): Promise<unknown> =>
      (await app.inject(preflight(url, method))).headers['access-control-allow-methods']
    expect(await methods('/users/7?x=1', 'PUT')).toBe('PUT')
    expect(await methods('/files/a/b', 'DELETE')).toBe('DELETE')
    expect(await methods('/v1/deep', 'PATCH')).toBe('PATCH')
  })

  it('is answered when the header list comes in several lines with empty elements', async () => {
    const app = await make({ origins: [origin] })
    const asked = { 'access-control-request-headers': ['content-type', ', ,AUTHORIZATION'] as unknown as string }
    expect((await app.inject(preflight('/users', 'POST', asked))).statusCode).toBe(204)
  })

  it('lists no request header when none is allowed', async () => {
    const app = await make({ origins: [origin], requestHeaders: [] })
    const response = await app.inject(preflight('/users', 'POST'))
    expect(response.headers).not.toHaveProperty('access-control-allow-headers')
  })

  it('is not granted access to a private network', async () => {
    const app = await make({ origins: [origin] })
    const response = await app.inject(preflight('/users', 'POST', { 'access-control-request-private-network': 'true' }))
    expect(response.statusCode).toBe(204)
    expect(response.headers).not.toHaveProperty('access-control-allow-private-network')
  })

  it('never reaches an OPTIONS route, and a plain OPTIONS does', async () => {
    let reached = 0
    const app = await make({ origins: [origin] }, (server) => {
      server.options('/users', async () => ({ reached: ++reached }))
    })
    expect((await app.inject(preflight('/users', 'POST'))).statusCode).toBe(204)
    expect(reached).toBe(0)
    const plain = await app.inject({ method: 'OPTIONS', url: '/users', headers: { origin } })
    expect(plain.json()).toEqual({ reached: 1 })
    expect(plain.headers['access-control-allow-origin']).toBe(origin)
    expect((await app.inject({ method: 'OPTIONS', url: '/nowhere' })).statusCode).toBe(404)
  })
})

describe('a request', () => {
  it('of an allowed origin is answered with the fields that let the page read it', async () => {
    const app = await make({
      origins: [origin, 'https://*.example.org'],
      credentials: true,
      exposedHeaders: ['X-Total', 'ETag'],
    })
    for (const one of [origin, 'https://a.example.org']) {
      const response = await app.inject({ url: '/users', headers: { origin: one } })
      expect(response.json()).toEqual({ method: 'GET' })
      expect(response.headers.vary).toBe('Origin')
      expect(fields(response.headers)).toEqual({
        'access-control-allow-origin': one,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': 'X-Total, ETag',
      })
    }
  })

  it.each([
    ['of a refused origin', { origin: foreign }],
    ['without an origin', {}],
  ])('%s goes on, and its answer has Vary and no CORS field', async (_, headers) => {
    const app = await make({ origins: [origin], credentials: true, exposedHeaders: ['X-Total'] })
    const response = await app.inject({ url: '/users', headers })
    expect(response.statusCode).toBe(200)
    expect(response.headers.vary).toBe('Origin')
    expect(fields(response.headers)).toEqual({})
  })

  it('gets the same cacheable answer as every other where everybody may read', async () => {
    const app = await make({ origins: ['*'] })
    for (const headers of [{ origin: foreign }, {}]) {
      const response = await app.inject({ url: '/users', headers })
      expect(fields(response.headers)).toEqual({ 'access-control-allow-origin': '*' })
      expect(response.headers).not.toHaveProperty('vary')
    }
  })

  it('keeps Origin in the Vary of answers whose hook or handler sets a Vary of its own', async () => {
    const answer = { allowOrigin: null, actual: [], preflight: [] }
    const steps = stepsOf({ origins: [origin] }, () => answer, decide)
    const app = Fastify()
    open.push(app)
    app.addHook('onSend', (request, reply, payload, done) => {
      steps.onSend?.(request, reply, payload)
      done()
    })
    app.get('/negotiated', async (_, reply) => reply.header('vary', 'Accept-Encoding').send(''))
    app.get('/varied', async (_, reply) => reply.header('vary', '*').send(''))
    const vary = async (url: string): Promise<unknown> => (await app.inject({ url, headers: { origin } })).headers.vary
    expect(await vary('/negotiated')).toBe('Accept-Encoding, Origin')
    expect(await vary('/varied')).toBe('*')
  })

  it('follows the policy of its route', async () => {
    const app = await make({ origins: [origin], credentials: true }, (server) => {
      server.get('/open', { config: { security: { cors: { origins: ['*'], credentials: false } } } }, async () => '')
      server.get('/off', { config: { security: { cors: false } } }, async () => '')
    })
    const get = async (url: string): Promise<object> =>
      fields((await app.inject({ url, headers: { origin: foreign } })).headers)
    expect(await get('/open')).toEqual({ 'access-control-allow-origin': '*' })
    expect(await get('/off')).toEqual({})
    expect((await app.inject(preflight('/open', 'GET', { origin: foreign }))).statusCode).toBe(204)
  })

  it('follows the innermost registration of its scope', async () => {
    const app = await make({ origins: [origin] }, (server) => {
      server.register(
        async (scope) => {
          await scope.register(cors, { origins: ['https://partner.example.net'] })
          scope.get('/prices', async () => '')
        },
        { prefix: '/partner' },
      )
    })
    const request = { url: '/partner/prices', headers: { origin: 'https://partner.example.net' } }
    expect((await app.inject(request)).headers['access-control-allow-origin']).toBe('https://partner.example.net')
    expect(fields((await app.inject({ ...request, headers: { origin } })).headers)).toEqual({})
    expect((await app.inject(preflight('/partner/prices', 'GET', request.headers))).statusCode).toBe(204)
    expect((await app.inject(preflight('/partner/prices', 'GET'))).statusCode).toBe(403)
  })
})

describe('refuseForeignOrigins', () => {
  it.each([
    [403, { origin: foreign }],
    [403, { origin: 'null' }],
    [200, { origin }],
    [200, {}],
    [200, { origin: 'http://api.example.com', host: 'api.example.com' }],
    [200, { origin: 'https://api.example.com', host: 'api.example.com', 'sec-fetch-site': 'same-origin' }],
  ])('answers %i to %j', async (status, headers) => {
    let reached = 0
    const app = await make({ origins: [origin], refuseForeignOrigins: true }, (server) => {
      server.post('/count', async () => ({ reached: ++reached }))
    })
    const response = await app.inject({ method: 'POST', url: '/count', headers })
    expect(response.statusCode).toBe(status)
    expect(reached).toBe(status === 200 ? 1 : 0)
    if (status === 403) expect(response.json()).toMatchObject({ code: 'PTC_CORS_ORIGIN_REFUSED' })
  })
})

describe('beside a gateway', () => {
  const gateway = defineRoom({
    concern: 'gateway',
    optionsSchema: { type: 'object', additionalProperties: false },
    setup: () => ({ compile: () => ({}) }),
  })

  it.each<[status: number, said: boolean | undefined]>([
    [403, undefined],
    [403, true],
    [200, false],
  ])('a foreign request is answered %i where refuseForeignOrigins is %s', async (status, said) => {
    const options = { origins: [origin], ...(said === undefined ? {} : { refuseForeignOrigins: said }) }
    const app = await make(options, (server) => void server.register(gateway))
    expect((await app.inject({ url: '/users', headers: { origin: foreign } })).statusCode).toBe(status)
    expect((await app.inject({ url: '/nowhere', headers: { origin: foreign } })).statusCode).toBe(
      status === 200 ? 404 : 403,
    )
    expect((await app.inject({ url: '/users', headers: { origin } })).statusCode).toBe(200)
    expect((await app.inject({ url: '/users' })).statusCode).toBe(200)
  })

  it('what everybody may read stays open, and a route has its own word', async () => {
    const app = await make({ origins: [origin] }, (server) => {
      server.register(gateway)
      server.get('/open', { config: { security: { cors: { origins: ['*'] } } } }, async () => '')
      server.get('/heard', { config: { security: { cors: { refuseForeignOrigins: false } } } }, async () => '')
    })
    for (const url of ['/open', '/heard'])
      expect((await app.inject({ url, headers: { origin: foreign } })).statusCode).toBe(200)
  })
})

describe('reportOnly', () => {
  it('lets foreign requests pass, says so, and still gives them no field', async () => {
    const app = await make({ origins: [origin], refuseForeignOrigins: true, reportOnly: true })
    const events: SecurityEvent[] = []
    onSecurityEvent(app, (event) => events.push(event))
    const response = await app.inject({ url: '/users', headers: { origin: foreign } })
    expect(response.statusCode).toBe(200)
    expect(fields(response.headers)).toEqual({})
    expect(events).toMatchObject([{ type: 'cors.rejected', outcome: 'observed' }])
  })
})

describe('events', () => {
  it('tell of a foreign request that went on, and not of a same-origin one', async () => {
    const app = await make({ origins: [origin] })
    const events: SecurityEvent[] = []
    onSecurityEvent(app, (event) => events.push(event))
    await app.inject({ url: '/users', headers: { origin: foreign } })
    await app.inject({ url: '/users', headers: { origin } })
    await app.inject({ url: '/users', headers: { origin: 'http://localhost:80', host: 'localhost:80' } })
    expect(events).toMatchObject([{ type: 'cors.withheld', outcome: 'allowed', detail: { reason: 'origin' } }])
  })
})

describe('the example', () => {
  it('runs', async () => {
    open.push(example)
    const get = async (url: string, from: string): Promise<unknown> =>
      (await example.inject({ url, headers: { origin: from } })).headers['access-control-allow-origin']
    expect(await get('/orders', origin)).toBe(origin)
    expect(await get('/orders', foreign)).toBeUndefined()
    expect(await get('/status', foreign)).toBe('*')
    expect(await get('/internal', origin)).toBeUndefined()
  })
})
