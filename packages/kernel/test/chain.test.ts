import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { defineRoom } from '../src/index.ts'
import { order } from '../src/order.ts'
import { errors, marking, policy, refusing } from './rooms.ts'

const headers = marking('headers')
const cors = marking('cors')
const rateLimit = marking('rate-limit')
const auth = marking('auth')

async function fieldsOf(app: FastifyInstance, url: string, method: 'GET' | 'HEAD' | 'POST' | 'OPTIONS' = 'GET') {
  const { headers: fields, statusCode } = await app.inject({ url, method })
  return { order: fields['x-order'], headers: fields['x-headers'], statusCode }
}

describe('order', () => {
  it('runs the steps in the order of the table, whatever the order of registration', async () => {
    const app = Fastify()
    app.get('/before', async () => 'x')
    app.register(auth)
    app.register(rateLimit)
    await app.register(async (child) => {
      child.get('/child', async () => 'x')
    })
    app.register(headers)
    app.get('/between', async () => 'x')
    app.register(cors)
    for (const url of ['/before', '/child', '/between', '/unknown']) {
      expect((await fieldsOf(app, url)).order).toBe('headers cors rate-limit auth')
    }
  })

  it("runs before the user's own hooks, those of earlier child scopes included", async () => {
    const seen: string[] = []
    const app = Fastify()
    app.addHook('onRequest', async () => void seen.push('root hook'))
    app.register(async (child) => {
      child.addHook('onRequest', async () => void seen.push('child hook'))
      child.get('/', async () => 'x')
    })
    app.register(marking('headers', () => ({ onRequest: () => void seen.push('chain') })))
    await app.inject('/')
    expect(seen).toEqual(['chain', 'root hook', 'child hook'])
  })

  it('runs each phase in its own order', async () => {
    const seen: string[] = []
    const note = (what: string) => () => void seen.push(what)
    const app = Fastify()
    app.register(marking('auth', () => ({ onRequest: note('auth onRequest'), preHandler: note('auth preHandler') })))
    app.register(
      marking('rate-limit', () => ({
        onRequest: note('limit onRequest'),
        preParsing: note('limit preParsing'),
        preHandler: note('limit preHandler'),
      })),
    )
    app.register(marking('csrf', () => ({ preValidation: note('csrf preValidation') })))
    app.register(marking('xss', () => ({ onSend: note('xss onSend') })))
    app.post('/', async () => void seen.push('handler'))
    await app.inject({ method: 'POST', url: '/' })
    expect(seen).toEqual([
      'limit onRequest',
      'auth onRequest',
      'limit preParsing',
      'csrf preValidation',
      'limit preHandler',
      'auth preHandler',
      'handler',
      'xss onSend',
    ])
  })

  it('names a concern at most once per phase', () => {
    for (const places of Object.values(order)) {
      const names = places.map(({ concern }) => concern)
      expect(new Set(names).size).toBe(names.length)
    }
  })

  it('waits for a promise and goes on, and stops at the first refusal', async () => {
    const app = Fastify()
    app.register(marking('headers', () => ({ onRequest: async () => undefined })))
    app.register(
      defineRoom({
        concern: 'rate-limit',
        optionsSchema: { type: 'object', additionalProperties: false },
        setup: () => ({ compile: () => ({ onRequest: async () => errors.PTC_TEST_LIMITED }) }),
      }),
    )
    app.register(auth)
    app.get('/', async () => 'x')
    const response = await app.inject('/')
    expect(response.statusCode).toBe(429)
    expect(response.headers['x-auth']).toBeUndefined()
  })
})

describe('scopes', () => {
  it("replaces the outer policy for an inner scope's routes; siblings do not see each other", async () => {
    const app = Fastify()
    app.register(headers, { value: 'outer' })
    app.register(async (one) => {
      one.get('/one', async () => 'x')
      one.register(headers, { value: 'inner' })
    })
    app.register(async (two) => two.get('/two', async () => 'x'), { prefix: '/sub' })
    expect((await fieldsOf(app, '/one')).headers).toBe('inner')
    expect((await fieldsOf(app, '/sub/two')).headers).toBe('outer')
  })

  it('protects nothing outside the scope that registered the room', async () => {
    const app = Fastify()
    app.register(async (child) => {
      await child.register(refusing('auth'))
      child.get('/in', async () => 'x')
    })
    app.get('/out', async () => 'x')
    expect((await app.inject('/in')).statusCode).toBe(401)
    expect((await app.inject('/out')).statusCode).toBe(200)
  })

  it('switches a concern off for an inner scope with `enabled: false`, and for a route with `false`', async () => {
    const app = Fastify()
    app.register(refusing('auth'))
    app.register(async (child) => {
      await child.register(refusing('auth'), { enabled: false })
      child.get('/open', async () => 'x')
    })
    app.get('/also-open', policy({ auth: false }), async () => 'x')
    app.get('/closed', async () => 'x')
    expect(
      await Promise.all(['/open', '/also-open', '/closed'].map(async (url) => (await app.inject(url)).statusCode)),
    ).toEqual([200, 200, 401])
  })

  it('refuses the same concern twice in one scope', async () => {
    const app = Fastify()
    await app.register(headers)
    await expect(app.register(headers)).rejects.toMatchObject({ code: 'PTC_ROOM_DUPLICATE' })
  })

  it('answers an unknown URL with the chain of the scope whose not-found handler answers', async () => {
    const app = Fastify()
    app.register(headers, { value: 'root' })
    app.register(
      async (child) => {
        await child.register(headers, { value: 'child' })
        child.setNotFoundHandler((_request, reply) => reply.code(404).send('mine'))
      },
      { prefix: '/sub' },
    )
    expect((await fieldsOf(app, '/nowhere')).headers).toBe('root')
    expect((await fieldsOf(app, '/sub/nowhere')).headers).toBe('child')
    expect((await app.inject('/sub/nowhere')).body).toBe('mine')
  })

  it('sees HEAD twins, prefixes with and without a slash, several methods, and a wrong method as not found', async () => {
    const app = Fastify()
    app.register(headers)
    app.register(async (child) => child.get('/', policy({ headers: { value: 'own' } }), async () => 'x'), {
      prefix: '/p',
    })
    app.route({
      method: ['PUT', 'PATCH'],
      url: '/many',
      ...policy({ headers: { value: 'many' } }),
      handler: async () => 'x',
    })
    expect((await fieldsOf(app, '/p', 'HEAD')).headers).toBe('own')
    expect((await fieldsOf(app, '/p/')).headers).toBe('own')
    expect((await app.inject({ method: 'PATCH', url: '/many' })).headers['x-headers']).toBe('many')
    expect(await fieldsOf(app, '/many')).toEqual({ order: 'headers', headers: 'default', statusCode: 404 })
  })
})

describe('policies', () => {
  it('merges objects deeply and replaces lists, for this route alone', async () => {
    const shared = { security: { headers: { list: ['r'], nested: { b: 2 } } } }
    const app = Fastify()
    app.register(headers, { value: 'v', list: ['a', 'b'], nested: { a: 1 } })
    app.get('/merged', { config: shared as never }, async () => 'x')
    app.get('/same', { config: shared as never }, async () => 'x')
    app.get('/plain', async () => 'x')
    const merged = '{"value":"v","list":["r"],"nested":{"a":1,"b":2}}'
    expect((await fieldsOf(app, '/merged')).headers).toBe(merged)
    expect((await fieldsOf(app, '/same')).headers).toBe(merged)
    expect((await fieldsOf(app, '/plain')).headers).toBe('{"value":"v","list":["a","b"],"nested":{"a":1}}')
    expect(Object.getOwnPropertySymbols(shared)).toEqual([])
  })

  it('compiles each distinct policy once', async () => {
    let compiled = 0
    const app = Fastify()
    app.register(marking('headers', () => ({ [Symbol('count')]: compiled++ }) as never))
    for (let i = 0; i < 50; i++)
      app.get(`/${i}`, i % 2 === 0 ? policy({ headers: { value: 'even' } }) : {}, async () => 'x')
    await app.ready()
    // The two policies of routes, and the not-found answer.
    expect(compiled).toBe(3)
  })

  it('tells all mistakes of all routes at once, each with its route and a fix', async () => {
    const app = Fastify()
    app.register(headers)
    app.get('/a', policy({ headerz: {}, cors: {}, headers: { valu: 1, nested: { a: -1 } } }), async () => 1)
    app.post('/b', policy({ headers: 'x' }), async () => 1)
    const error = await app.ready().then(
      () => undefined,
      (thrown: unknown) =>
        thrown as { code: string; message: string; mistakes: { route: string; path: string; rule: string }[] },
    )
    expect(error?.code).toBe('PTC_OPTIONS_INVALID')
    expect(error?.mistakes.map(({ route, path, rule }) => `${route} ${path} ${rule}`)).toEqual([
      'GET /a headerz additionalProperties',
      'GET /a cors registered',
      'GET /a headers.valu additionalProperties',
      'GET /a headers.nested.a minimum',
      'POST /b headers type',
    ])
    expect(error?.message).toContain('did you mean `headers`?')
    expect(error?.message).toContain('no enclosing scope registers @portcullis/cors')
  })

  it('refuses a route policy in an app where no room is registered at all', async () => {
    const app = Fastify()
    app.get('/a', policy({ auth: { scopes: ['a'] } }), async () => 1)
    await expect(app.ready()).rejects.toThrow(/GET \/a auth\s+has no effect/)
  })

  it('fails boot when a needed concern is missing', async () => {
    const needy = defineRoom({
      concern: 'gateway',
      optionsSchema: { type: 'object', additionalProperties: false },
      requires: () => ['auth'],
      setup: () => ({ compile: () => ({}) }),
    })
    const app = Fastify()
    app.register(needy)
    await expect(app.ready()).rejects.toMatchObject({ code: 'PTC_ROOM_MISSING' })
    const whole = Fastify()
    whole.register(async (child) => child.register(needy))
    whole.register(auth)
    await whole.ready()
  })

  it("refuses to boot when a later onRoute hook drops a route's record", async () => {
    const app = Fastify()
    app.addHook('onRoute', (route) => {
      route.config = { mine: true } as never
    })
    app.register(headers)
    app.get('/lost', async () => 1)
    await expect(app.ready()).rejects.toThrow(/GET \/lost/)
  })
})

describe('preflights', () => {
  const preflight = (app: FastifyInstance, url: string, method: string) =>
    app.inject({
      method: 'OPTIONS',
      url,
      headers: { origin: 'https://a.example', 'access-control-request-method': method },
    })

  it('run the chain of the route that they ask for, also beside an OPTIONS route', async () => {
    const app = Fastify()
    app.register(marking('cors'))
    app.get('/r', policy({ cors: { value: 'get' } }), async () => 'x')
    app.put('/r', policy({ cors: { value: 'put' } }), async () => 'x')
    app.options('/own', policy({ cors: { value: 'options' } }), async () => 'x')
    app.post('/own', policy({ cors: { value: 'post' } }), async () => 'x')
    app.register(async (child) => child.put('/', policy({ cors: { value: 'prefixed' } }), async () => 'x'), {
      prefix: '/p',
    })
    app.get('/semi;colon', policy({ cors: { value: 'semicolon' } }), async () => 'x')
    expect((await preflight(app, '/r?a=1', 'PUT')).headers['x-cors']).toBe('put')
    expect((await preflight(app, '/r', 'GET')).headers['x-cors']).toBe('get')
    expect((await preflight(app, '/r', 'DELETE')).headers['x-cors']).toBe('get')
    expect((await preflight(app, '/own', 'POST')).headers['x-cors']).toBe('post')
    expect((await preflight(app, '/p/', 'PUT')).headers['x-cors']).toBe('prefixed')
    expect((await preflight(app, '/p', 'PUT')).headers['x-cors']).toBe('prefixed')
    expect((await preflight(app, '/semi;colon', 'GET')).headers['x-cors']).toBe('semicolon')
    expect((await preflight(app, '/unknown', 'GET')).headers['x-cors']).toBe('default')
    expect((await app.inject({ method: 'OPTIONS', url: '/own' })).headers['x-cors']).toBe('options')
  })
})
