import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import xss, { type XssOptions } from '../src/index.ts'

const bad = '<b onclick=x>b</b><script>x</script>'
const rich = { type: 'string', contentMediaType: 'text/html' }

/** What a route with this response schema makes of a payload. */
async function answer(
  schema: object,
  payload: unknown,
  options: XssOptions = {},
  around: (app: FastifyInstance) => void = () => undefined,
): Promise<unknown> {
  const app = Fastify()
  await app.register(xss, options)
  around(app)
  app.get('/', { schema: { response: { '2xx': schema } } }, async () => payload)
  const { body } = await app.inject('/')
  await app.close()
  return JSON.parse(body)
}

const object = (properties: object): object => ({ type: 'object', properties })

describe('a response schema', () => {
  it.each<[string, object, unknown, unknown]>([
    ['a member', object({ a: rich, b: { type: 'string' } }), { a: bad, b: bad }, { a: '<b>b</b>', b: bad }],
    ['a list', { type: 'array', items: rich }, [bad, 'x'], ['<b>b</b>', 'x']],
    ['a list of different things', { type: 'array', items: [{ type: 'string' }, rich] }, ['x', bad], ['x', '<b>b</b>']],
    ['a list in the words of 2020-12', { type: 'array', prefixItems: [rich] }, [bad], ['<b>b</b>']],
    [
      'members by a pattern without code points',
      { type: 'object', patternProperties: { '^\\-a': rich } },
      { '-a': bad },
      { '-a': '<b>b</b>' },
    ],
    ['a list of objects', { type: 'array', items: object({ a: rich }) }, [{ a: bad }], [{ a: '<b>b</b>' }]],
    ['other members', { type: 'object', additionalProperties: rich }, { z: bad }, { z: '<b>b</b>' }],
    ['members by pattern', { type: 'object', patternProperties: { '^a': rich } }, { ab: bad }, { ab: '<b>b</b>' }],
    ['one of several', object({ a: { anyOf: [{ type: 'number' }, rich] } }), { a: bad }, { a: '<b>b</b>' }],
    [
      'a reference',
      { ...object({ a: { $ref: '#/definitions/r' } }), definitions: { r: rich } },
      { a: bad },
      { a: '<b>b</b>' },
    ],
    [
      'a tree',
      { $id: 'node', ...object({ a: rich, next: { $ref: 'node#' } }) },
      { a: 'x', next: { a: bad } },
      { a: 'x', next: { a: '<b>b</b>' } },
    ],
    ['a nullable member', object({ a: { ...rich, nullable: true } }), { a: null }, { a: null }],
    ['a member that is absent', object({ a: rich }), {}, {}],
    [
      'a profile of its own',
      object({ a: { type: 'string', contentMediaType: 'text/html; profile=text' } }),
      { a: bad },
      { a: 'b' },
    ],
    ['another media type', object({ a: { type: 'string', contentMediaType: 'text/csv' } }), { a: bad }, { a: bad }],
    [
      'content by media type',
      { content: { 'application/json': { schema: object({ a: rich }) } } },
      { a: bad },
      { a: '<b>b</b>' },
    ],
  ])('sanitises rich text in %s', async (_where, schema, payload, expected) => {
    expect(await answer(schema, payload)).toEqual(expected)
  })

  it('leaves what was stored as it was written', async () => {
    const stored = { list: [{ a: bad }], other: {} }
    await answer(object({ list: { type: 'array', items: object({ a: rich }) } }), stored)
    expect(stored).toEqual({ list: [{ a: bad }], other: {} })
  })

  it('reads instances of classes and what toJSON gives', async () => {
    class Post {
      a = bad
      get twice(): string {
        return this.a + this.a
      }
    }
    expect(await answer(object({ a: rich, twice: rich }), new Post())).toEqual({
      a: '<b>b</b>',
      twice: '<b>b</b><b>b</b>',
    })
    expect(await answer(object({ a: rich }), { toJSON: () => ({ a: bad }) })).toEqual({ a: '<b>b</b>' })
  })

  it('is read where it is shared', async () => {
    const schema = object({ a: { $ref: 'post#/properties/body' } })
    const add = (app: FastifyInstance): void => {
      app.addSchema({ $id: 'post', ...object({ body: rich }) })
    }
    expect(await answer(schema, { a: bad }, {}, add)).toEqual({ a: '<b>b</b>' })
  })

  it('takes the profile of the route, then of the registration', async () => {
    const heading = '<h2>Head</h2>'
    expect(await answer(object({ a: rich }), { a: heading })).toEqual({ a: 'Head' })
    expect(await answer(object({ a: rich }), { a: heading }, { richText: 'article' })).toEqual({ a: heading })
  })

  it('is heeded for routes and scopes that were declared before the room, and not where the room is off', async () => {
    const app = Fastify()
    const schema = { response: { default: object({ a: rich }), 201: object({ a: { type: 'string' } }) } }
    app.get('/before', { schema }, async () => ({ a: bad }))
    app.register(async (scope) => void scope.get('/inner', { schema }, async () => ({ a: bad })))
    app.register(xss)
    app.get('/off', { schema, config: { security: { xss: false } } }, async () => ({ a: bad }))
    app.get('/created', { schema }, (_request, reply) => reply.code(201).send({ a: bad }))
    for (const [url, a] of Object.entries({
      '/before': '<b>b</b>',
      '/inner': '<b>b</b>',
      '/off': bad,
      '/created': bad,
    }))
      expect([url, (await app.inject(url)).json()]).toEqual([url, { a }])
    await app.close()
  })

  const changes = async (): Promise<unknown> => ({ a: bad })
  it.each<[string, (app: FastifyInstance) => void]>([
    ['of the app', (app) => void app.addHook('preSerialization', changes)],
    [
      'put behind ours',
      (app) =>
        void app.addHook('onRoute', (route) => {
          route.preSerialization = [...[route.preSerialization ?? []].flat(), changes]
        }),
    ],
    [
      'added to the list of the route',
      (app) =>
        void app.addHook('onRoute', (route) => {
          const hooks: (typeof changes)[] = []
          route.preSerialization = hooks
          hooks.push(changes)
        }),
    ],
    [
      'added to ours',
      (app) =>
        void app.addHook('onRoute', (route) => {
          route.preSerialization = route.preSerialization ?? []
          ;(route.preSerialization as unknown[]).push(changes)
        }),
    ],
    [
      'in its place',
      (app) =>
        void app.addHook('onRoute', (route) => {
          route.preSerialization = changes
        }),
    ],
    [
      'around it',
      (app) =>
        void app.addHook('onRoute', (route) => {
          const hooks = [route.preSerialization ?? []].flat() as ((...given: unknown[]) => unknown)[]
          route.preSerialization = hooks.map(
            (hook) =>
              (...given: unknown[]) =>
                hook(...given),
          ) as never
          app.addHook('preSerialization', changes)
        }),
    ],
  ])('comes after every hook that changes the payload: one %s', async (_where, change) => {
    expect(await answer(object({ a: rich }), { a: '' }, {}, change)).toEqual({ a: '<b>b</b>' })
  })

  it('leaves the lists of hooks alone that routes share', async () => {
    const hooks = [changes]
    const app = Fastify()
    await app.register(xss)
    app.get('/', { schema: { response: { 200: object({ a: rich }) } }, preSerialization: hooks }, changes)
    await app.ready()
    expect(hooks).toEqual([changes])
    await app.close()
  })

  it.each([
    [object({ a: { type: 'string', contentMediaType: 'text/html; profile=all' } }), 'PTC_XSS_PROFILE_UNKNOWN'],
    [object({ a: { ...rich, contentEncoding: 'base64' } }), 'PTC_XSS_SCHEMA_ENCODED'],
    [object({ a: rich, b: { $ref: '#/nowhere' } }), /.*/],
  ])('refuses to boot with %j', async (schema, code) => {
    await expect(answer(schema, {})).rejects.toMatchObject({ code: expect.stringMatching(code) })
  })

  it.each<[string, object, object]>([
    ['gives rich text to a route', {}, { schema: { response: { 200: object({ a: rich }) } } }],
    ['replaces the hooks of a route', { schema: { response: { 200: object({ a: rich }) } } }, { preSerialization: [] }],
  ])('is heeded when a hook %s that the room has seen', async (_what, given, late) => {
    const app = Fastify()
    await app.register(xss)
    app.addHook('onRoute', (route) => void Object.assign(route, late))
    app.get('/', given, async () => ({ a: bad }))
    expect((await app.inject('/')).json()).toEqual({ a: '<b>b</b>' })
    await app.close()
  })

  it('is heeded by each route of a URL in its own way', async () => {
    const app = Fastify()
    await app.register(xss)
    const schema = { response: { 200: object({ a: rich }) } }
    for (const [version, richText] of [['1.0.0', 'text'] as const, ['2.0.0', 'article'] as const])
      app.get('/', { schema, constraints: { version }, config: { security: { xss: { richText } } } }, async () => ({
        a: '<h2>Head</h2>',
      }))
    const of = async (version: string): Promise<unknown> =>
      (await app.inject({ url: '/', headers: { 'accept-version': version } })).json()
    expect([await of('1.x'), await of('2.x')]).toEqual([{ a: 'Head' }, { a: '<h2>Head</h2>' }])
    await app.close()
  })
})

describe('a response schema that is no JSON Schema', () => {
  const json = object({ a: rich })
  const tells = (jsonSchema: object): object => ({ '~standard': { version: 1, vendor: 'test', jsonSchema } })
  const fails = (): never => {
    throw new Error('Transforms cannot be represented in JSON Schema')
  }
  const cyclic: Record<string, unknown> = { vendor: 'test', size: 1n }
  cyclic['self'] = cyclic

  it.each([
    ['what it gives out', tells({ output: () => json, input: fails }), { a: '<b>b</b>' }],
    ['what it takes in, if it tells no more', tells({ output: fails, input: () => json }), { a: '<b>b</b>' }],
    ['nothing, if it tells nothing', tells({ output: fails, input: fails }), { a: bad }],
    ['nothing, of another make', cyclic, { a: bad }],
    ['what it is made of', { isFluentSchema: true, valueOf: () => json }, { a: '<b>b</b>' }],
  ])('is read as %s', async (_what, schema, expected) => {
    const own = (app: FastifyInstance): void => {
      app.setSerializerCompiler(() => (value) => JSON.stringify(value))
    }
    expect(await answer(schema, { a: bad }, {}, own)).toEqual(expected)
  })
})

describe('what a serializer makes a string of', () => {
  it.each<[string, unknown, unknown]>([
    ['a list', [bad], '<b>b</b>'],
    ['a list of lists', [[bad], bad], '<b>b</b>,<b>b</b>'],
    ['bytes', Buffer.from(bad), '<b>b</b>'],
    ['an object with words for itself', { toString: () => bad }, '<b>b</b>'],
    ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ])('is sanitised too: %s', async (_what, value, expected) => {
    expect(await answer(object({ a: rich }), { a: value })).toEqual({ a: expected })
    expect(await answer(object({ a: { ...rich, type: ['string', 'null'] } }), { a: value })).toEqual({ a: expected })
  })
})
