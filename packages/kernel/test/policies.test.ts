import { runInNewContext } from 'node:vm'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { compileOptions, describeSecurity, defineRoom } from '../src/index.ts'
import { stateOf } from '../src/state.ts'
import { merge } from '../src/copy.ts'
import { policyKeys } from '../src/policy-key.ts'
import { marking, policy } from './rooms.ts'

describe('the key of a policy', () => {
  const key = policyKeys()

  it.each([
    ['the order of members', { a: 1, b: [2] }, { b: [2], a: 1 }],
    ['an absent and an undefined list entry', [undefined], [undefined]],
  ])('is the same whatever %s', (_what, one, other) => {
    expect(key(one)).toBe(key(other))
  })

  class Store {
    toJSON(): object {
      return {}
    }
  }
  it.each([
    ['two instances that look alike as JSON', { store: new Store() }, { store: new Store() }],
    ['two functions', { by: () => 1 }, { by: () => 1 }],
    ['a function and a string that spells its key', { by: () => 1 }, { by: '#0' }],
    ['nothing, null and NaN', { a: null }, { a: Number.NaN }],
    ['a number and its digits', { a: 1 }, { a: '1' }],
    ['joined and separate entries', { a: ['b,c'] }, { a: ['b', 'c'] }],
  ])('tells %s apart', (_what, one, other) => {
    expect(key(one)).not.toBe(key(other))
  })

  it('exists for options that contain themselves', () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    expect(key(cycle)).toBe(key(cycle))
  })
})

it('merging a parsed __proto__ changes no prototype', () => {
  const merged = merge({ a: {} }, JSON.parse('{"__proto__":{"admin":true},"a":{"__proto__":{"admin":true}}}')) as {
    admin?: boolean
    a: { admin?: boolean }
  }
  expect([merged.admin, merged.a.admin]).toEqual([undefined, undefined])
})

it('takes plain objects of another realm for what they are', async () => {
  const app = Fastify()
  app.register(marking('headers'), runInNewContext(`({ nested: { a: 1 }, list: ['x'] })`) as object)
  app.get('/', policy(runInNewContext(`({ headers: { nested: { b: 2 } } })`) as object), async () => 'x')
  const { headers } = await app.inject('/')
  expect(headers['x-headers']).toBe('{"value":"default","list":["x"],"nested":{"a":1,"b":2}}')
})

it('shows a room the policies that it heeds, and compiles it once for each', async () => {
  let compiled = 0
  const app = Fastify()
  app.register(marking('cors'))
  app.register(marking('auth'))
  app.register(
    defineRoom({
      concern: 'headers',
      optionsSchema: { type: 'object', additionalProperties: false },
      heeds: ['cors', 'csrf'],
      setup: () => ({
        compile(_policy, { kind, heeded }) {
          compiled++
          const told = JSON.stringify({ kind, ...heeded })
          return { onRequest: (_request, reply) => void reply.header('x-told', told) }
        },
      }),
    }),
  )
  app.get('/', async () => 'x')
  app.get('/other', policy({ auth: { value: 'b' } }), async () => 'x')
  app.get('/open', policy({ cors: { value: 'all' } }), async () => 'x')
  app.get('/closed', policy({ cors: false }), async () => 'x')
  const told = async (url: string): Promise<unknown> => JSON.parse(String((await app.inject(url)).headers['x-told']))
  const cors = { value: 'default', enabled: true, reportOnly: false }
  expect(await told('/')).toEqual({ kind: 'route', cors })
  expect(await told('/other')).toEqual({ kind: 'route', cors })
  expect(await told('/open')).toEqual({ kind: 'route', cors: { ...cors, value: 'all' } })
  expect(await told('/closed')).toEqual({ kind: 'route' })
  expect(await told('/nowhere')).toEqual({ kind: 'not-found', cors })
  expect(compiled).toBe(4)
})

it('compiles a room for each route that it is to see, and lets it complete routes declared before and after it', async () => {
  const shown: string[] = []
  const prepared: string[] = []
  const seeing = () =>
    defineRoom({
      concern: 'validation',
      optionsSchema: { type: 'object', additionalProperties: false },
      perRoute: true,
      setup: (_options, app) => ({
        prepare({ url, options }) {
          prepared.push(`${app.prefix} ${url}`)
          options.validatorCompiler ??= () => () => ({ error: Object.assign(new Error('x'), { statusCode: 409 }) })
        },
        compile(_policy, { kind, route }) {
          if (route !== undefined) shown.push(`${route.methods.join()} ${route.url}`)
          return { describe: { kind } }
        },
      }),
    })
  const fails = { exposeHeadRoute: false, schema: { querystring: {} }, handler: async () => 'x' }
  const app = Fastify()
  app.get('/before', fails)
  app.register(
    async (scope) => {
      scope.get('/inside', fails)
      await scope.register(seeing())
      scope.get('/own', fails)
    },
    { prefix: '/a' },
  )
  app.register(seeing())
  app.register(async (scope) => void scope.get('/after', fails))
  await app.ready()
  expect(prepared).toEqual(['/a /a/inside', '/a /a/own', ' /before', ' /after'])
  expect(shown).toEqual(['GET /before', 'GET /a/inside', 'GET /a/own', 'GET /after'])
  for (const url of ['/before', '/a/inside', '/a/own', '/after']) expect((await app.inject(url)).statusCode).toBe(409)
  expect(describeSecurity(app)[0]?.policies['validation']).toMatchObject({ enabled: true, kind: 'route' })
})

describe('describeSecurity', () => {
  const open = (options: object) => {
    const app = Fastify()
    const anything = defineRoom<{ by?: object; key?: string }>({
      concern: 'auth',
      optionsSchema: {
        type: 'object',
        additionalProperties: false,
        properties: {
          by: { accepts: ['object', 'Buffer', 'string'], description: 'x' },
          key: { type: 'string', writeOnly: true, description: 'x' },
        },
      },
      setup: () => ({ compile: () => ({}) }),
    })
    app.register(anything, options)
    app.get('/', { exposeHeadRoute: false }, async () => 'x')
    return app
  }

  it.each([
    ['secrets', { key: 'hunter2' }, { key: '[secret]' }],
    ['what passes by reference', { by: { token: 'hunter2' } }, { by: '[object]' }],
    ['strings that pass by reference', { by: 'hunter2' }, { by: '[string]' }],
    ['keys', { by: Buffer.from('hunter2') }, { by: '[Buffer]' }],
    [
      'instances without a constructor',
      { by: Object.create(Object.create(null) as object) as object },
      { by: '[object]' },
    ],
  ])('shows %s as their kind', async (_what, options, shown) => {
    const app = open(options)
    await app.ready()
    expect(describeSecurity(app)[0]?.policies['auth']).toMatchObject(shown)
    expect(JSON.stringify(describeSecurity(app))).not.toContain('hunter2')
  })

  it('ends for options that contain themselves', async () => {
    const by: Record<string, unknown> = {}
    by['self'] = by
    const app = open({ by })
    await app.ready()
    expect(describeSecurity(app)).toHaveLength(1)
  })
})

describe('boot stays linear', () => {
  it('with routes of one policy: they share one chain', async () => {
    const app = Fastify({ exposeHeadRoutes: false })
    app.register(marking('headers'))
    app.register(marking('cors'), { value: 'other' })
    for (let i = 0; i < 500; i++) app.get(`/${i}`, policy({ headers: { value: `${i % 2}` } }), async () => 'x')
    await app.ready()
    expect(new Set(stateOf(app, true).records.map(({ chain }) => chain)).size).toBe(2)
  })

  it('with mistakes whose fixes need a second one: they are mended together', () => {
    let asked = 0
    const limit = { type: 'integer', minimum: 1, examples: [1] }
    const inspect = compileOptions<{ policies: { limit: number }[] }>(
      {
        type: 'object',
        additionalProperties: false,
        properties: {
          policies: {
            type: 'array',
            items: { type: 'object', additionalProperties: false, properties: { limit } },
          },
        },
      },
      () => {
        asked++
        return []
      },
    )
    const { mistakes } = inspect({ policies: Array.from({ length: 2_000 }, () => ({ limt: 0 })) })
    expect(mistakes).toHaveLength(2_000)
    expect(asked).toBeLessThan(5)
  })

  it('and the message lists a hundred of many mistakes; all are in `mistakes`', async () => {
    const app = Fastify({ exposeHeadRoutes: false })
    app.register(marking('headers'))
    for (let i = 0; i < 500; i++) app.get(`/${i}`, policy({ headers: { valu: 'x' } }), async () => 'x')
    await expect(app.ready()).rejects.toMatchObject({
      message: expect.stringContaining('and 400 more') as string,
      mistakes: { length: 500 },
    })
  })
})

it.each(['secrity', 'Security', 'securty'])('refuses a policy under config.%s, which nobody reads', async (key) => {
  const app = Fastify()
  app.register(marking('headers'))
  app.get('/', { config: { [key]: { headers: { value: 'x' } } } as never }, async () => 'x')
  await expect(app.ready()).rejects.toThrow(new RegExp(`GET / config\\.${key} .*did you mean .security`))
})

it('refuses a policy beside config.security, which nobody reads', async () => {
  const app = Fastify()
  app.register(marking('headers'))
  app.get('/', { config: { headers: { value: 'x' } } as never }, async () => 'x')
  await expect(app.ready()).rejects.toThrow(
    /GET \/ config\.headers +is not read .* write config: \{ security: \{ headers/,
  )
})

it.each([
  { headers: { max: 3 } },
  { headers: {} },
  { headers: false },
  { headers: { value: 'x' }, security: { headers: { value: 'y' } } },
])("leaves config %j, another's words, alone", async (config) => {
  const app = Fastify()
  app.register(marking('headers'))
  app.get('/', { config: config as never }, async () => 'x')
  expect((await app.inject('/')).body).toBe('x')
})

it('refuses null as a policy: it would count as an empty one', async () => {
  const app = Fastify()
  app.register(marking('headers'))
  app.get('/', { config: { security: { headers: null } as never } }, async () => 'x')
  await expect(app.ready()).rejects.toThrow('GET / headers  must be an object or false, not null; remove it')
})

it.each(['securityLevel', 'securitySchemes', 'secure', 'sec', 'severity'])(
  "leaves config.%s, a user's own, alone",
  async (key) => {
    const app = Fastify()
    app.register(marking('headers'))
    app.get('/', { config: { [key]: { of: 'mine' } } as never }, async () => 'x')
    expect((await app.inject('/')).body).toBe('x')
  },
)
