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

  it('comes after every hook that changes the payload', async () => {
    const change = (app: FastifyInstance): void => {
      app.addHook('preSerialization', async () => ({ a: bad }))
    }
    expect(await answer(object({ a: rich }), { a: '' }, {}, change)).toEqual({ a: '<b>b</b>' })
  })

  it.each([
    [object({ a: { type: 'string', contentMediaType: 'text/html; profile=all' } }), 'PTC_XSS_PROFILE_UNKNOWN'],
    [object({ a: rich, b: { $ref: '#/nowhere' } }), /.*/],
  ])('refuses to boot with %j', async (schema, code) => {
    await expect(answer(schema, {})).rejects.toMatchObject({ code: expect.stringMatching(code) })
  })

  it.each<[string, object, object]>([
    ['gives rich text to a route', {}, { schema: { response: { 200: object({ a: rich }) } } }],
    [
      'takes away what would sanitise it',
      { schema: { response: { 200: object({ a: rich }) } } },
      { preSerialization: [] },
    ],
  ])('refuses to boot when a hook %s that the room has seen', async (_what, given, late) => {
    const app = Fastify()
    await app.register(xss)
    app.addHook('onRoute', (route) => void Object.assign(route, late))
    app.get('/', given, async () => ({ a: bad }))
    await expect(app.ready()).rejects.toMatchObject({ code: 'PTC_XSS_SCHEMA_LATE' })
    await app.close()
  })
})
