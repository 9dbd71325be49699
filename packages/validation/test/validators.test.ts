import { Type } from '@sinclair/typebox'
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import validation from '../src/index.ts'
import { bare, guarded, json, note } from './apps.ts'

const closed = (properties: object, more: object = {}) => ({
  type: 'object',
  additionalProperties: false,
  properties,
  ...more,
})
const amount = closed({ amount: { type: 'integer', minimum: 0, maximum: 100 } })
const empty = { security: { validation: { empty: ['query' as const] } } }

const post = (app: Awaited<ReturnType<typeof guarded>>, payload: object, url = '/') =>
  app.inject({ method: 'POST', url, headers: json, payload: JSON.stringify(payload) })

describe('a body', () => {
  it.each([{ amount: '10' }, { amount: true }, { amount: null }, { amount: [10] }, { amount: '' }])(
    'of %j is turned into a number by a bare Fastify, or is at least looked at as one, and refused here',
    async (payload) => {
      const app = bare()
      await app.register(validation)
      app.post('/', { schema: { body: amount }, config: empty }, async (request) => request.body)
      expect((await post(app, payload)).statusCode).toBe(400)
      expect((await post(app, { amount: 10 })).json()).toEqual({ amount: 10 })
    },
  )

  it('is coerced by a bare Fastify', async () => {
    const app = bare()
    app.post('/', { schema: { body: amount } }, async (request) => request.body)
    expect((await post(app, { amount: '10' })).json()).toEqual({ amount: 10 })
    expect((await post(app, { amount: null })).json()).toEqual({ amount: 0 })
  })

  it('with a member too many loses it on a bare Fastify, and is refused here', async () => {
    const open = bare()
    const closedApp = await guarded()
    for (const app of [open, closedApp]) app.post('/', { schema: { body: note } }, async (request) => request.body)
    expect((await post(open, { text: 'a', admin: true })).json()).toEqual({ text: 'a' })
    expect((await post(closedApp, { text: 'a', admin: true })).statusCode).toBe(400)
  })
})

it('makes of a query, of params and of header fields what their schemas name, from their text', async () => {
  const app = await guarded()
  const schema = {
    querystring: closed({
      page: { type: 'integer', minimum: 1, maximum: 9 },
      tags: { type: 'array', maxItems: 3, items: { type: 'string', maxLength: 9 } },
    }),
    params: closed({ id: { type: 'integer', minimum: 1, maximum: 9 } }),
    headers: {
      type: 'object',
      properties: { 'X-Level': { type: 'integer', minimum: 1, maximum: 9 } },
      required: ['X-Level'],
    },
  }
  app.get('/of/:id', { schema }, async ({ query, params, headers }) => ({ query, params, level: headers['x-level'] }))
  const get = (url: string, level: string) => app.inject({ url, headers: { 'x-level': level } })
  expect((await get('/of/7?page=2&tags=a', '3')).json()).toEqual({
    query: { page: 2, tags: ['a'] },
    params: { id: 7 },
    level: 3,
  })
  for (const url of ['/of/x?page=2', '/of/7?page=x', '/of/70', '/of/7?other=1'])
    expect((await get(url, '3')).statusCode).toBe(400)
  expect((await get('/of/7', 'x')).statusCode).toBe(400)
  expect((await app.inject('/of/7')).statusCode).toBe(400)
})

it('reads of a text only the number that it spells, where a bare Fastify reads what JavaScript does', async () => {
  const querystring = closed({
    n: { type: 'integer' },
    f: { type: 'number' },
    list: { type: 'array', maxItems: 3, items: { type: 'integer' } },
    word: { type: ['string', 'null'], maxLength: 9 },
  })
  const open = bare()
  const app = await guarded({ looseSchemas: 'ignore' })
  for (const one of [open, app]) {
    one.get('/', { schema: { querystring } }, async (request) => request.query)
    one.get('/of/:id', { schema: { params: closed({ id: { type: 'integer' } }) } }, async (request) => request.params)
  }
  const wrong = ['n=0x10', 'n=1e3', 'n=+1', 'n=%201', 'n=1%0a', 'n=007', 'n=0b1', 'n=9007199254740993', 'f=.5', 'f=5.']
  for (const query of [...wrong, 'f=Infinity', 'f=1e400', 'f=-Infinity', 'list=0x1', 'list=1&list=1e1']) {
    expect([query, (await open.inject(`/?${query}`)).statusCode]).toEqual([query, 200])
    expect([query, (await app.inject(`/?${query}`)).statusCode]).toEqual([query, 400])
  }
  for (const id of ['0x10', '1e1', '%201']) expect((await app.inject(`/of/${id}`)).statusCode).toBe(400)
  expect((await app.inject('/?n=-12&f=0.50&list=1&word=1e3')).json()).toEqual({
    n: -12,
    f: 0.5,
    list: [1],
    word: '1e3',
  })
  expect((await app.inject('/?list=1&list=20')).json()).toEqual({ list: [1, 20] })
  expect((await app.inject('/of/10')).json()).toEqual({ id: 10 })
})

it('names the member whose text spells no number, where the schema knows it', async () => {
  const app = await guarded({ looseSchemas: 'ignore' })
  const querystring = closed({ n: { type: 'integer' } })
  app.get('/', { schema: { querystring } }, async () => 'through')
  app.get(
    '/any',
    { schema: { querystring: { type: 'object', additionalProperties: { type: 'integer' } } } },
    async () => 1,
  )
  expect((await app.inject('/?n=0x1')).json()).toMatchObject({
    error: 'Invalid request: querystring.n must be a decimal number.',
  })
  expect((await app.inject('/any?alert=0x1')).json()).toMatchObject({
    error: 'Invalid request: querystring must be a decimal number.',
  })
})

it('takes a format that the option `ajv` adds for one that is checked', async () => {
  const app = await guarded({ looseSchemas: 'refuse', ajv: (ajv) => ajv.addFormat('iban', /^[A-Z]{2}[0-9]{13,32}$/) })
  const body = closed({ account: { type: 'string', format: 'iban', maxLength: 34 } })
  app.post('/', { schema: { body } }, async () => 'through')
  expect((await post(app, { account: 'mine' })).statusCode).toBe(400)
  expect((await post(app, { account: 'DE89370400440532013000' })).statusCode).toBe(200)
})

it.each([
  ['date-time', `2026-11-25T18:00:00.${'0'.repeat(1000)}Z`],
  ['duration', `P${'1'.repeat(1000)}D`],
  ['url', `http://example.com/${'a'.repeat(2048)}`],
])('bounds the format %s, whose texts may have any length elsewhere', async (format, text) => {
  const open = bare()
  const app = await guarded()
  for (const one of [open, app])
    one.post(
      '/',
      { schema: { body: closed({ value: { type: 'string', format } }) }, ...(one === app && { config: empty }) },
      async () => 'through',
    )
  expect((await post(open, { value: text })).statusCode).toBe(200)
  expect((await post(app, { value: text })).statusCode).toBe(400)
})

it.each([
  ['date-time', 'yesterday', '2026-11-25T18:00:00Z'],
  ['uuid', 'x', 'a3bb189e-8bf9-3888-9912-ace4e6543002'],
  ['email', 'nobody', 'a@example.com'],
  ['ipv4', '256.1.1.1', '192.0.2.1'],
])('checks the format %s', async (format, bad, good) => {
  const app = await guarded()
  const body = closed({ value: { type: 'string', format, maxLength: 100 } })
  app.post('/', { schema: { body } }, async () => 'through')
  expect((await post(app, { value: bad })).statusCode).toBe(400)
  expect((await post(app, { value: good })).statusCode).toBe(200)
})

it('understands JSON Schema 2020-12', async () => {
  const app = await guarded()
  const pair = {
    type: 'array',
    prefixItems: [{ type: 'string' }, { type: 'integer' }],
    items: false,
    minItems: 2,
    maxItems: 2,
  }
  const named = { $schema: 'https://json-schema.org/draft/2020-12/schema', ...closed({ pair }) }
  app.post('/', { schema: { body: named } }, async () => 'through')
  app.post('/unnamed', { schema: { body: closed({ pair }) } }, async () => 'through')
  for (const url of ['/', '/unnamed']) {
    expect((await post(app, { pair: ['a', 1] }, url)).statusCode).toBe(200)
    expect((await post(app, { pair: [1, 'a'] }, url)).statusCode).toBe(400)
    expect((await post(app, { pair: ['a', 1, 2] }, url)).statusCode).toBe(400)
  }
})

it('takes shared schemas of either draft, whatever refers to them', async () => {
  const app = await guarded({ looseSchemas: 'ignore' })
  app.addSchema({
    $id: 'old',
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'array',
    items: [{ type: 'string' }],
  })
  const draft = 'https://json-schema.org/draft/2020-12/schema'
  app.addSchema({ $id: 'new', $schema: draft, type: 'array', prefixItems: [{ type: 'string' }], items: false })
  const bodies = { '/old': { $ref: 'old#' }, '/new': { $ref: 'new#' }, '/plain': { type: 'string' } }
  for (const [url, of] of Object.entries(bodies))
    app.post(url, { schema: { body: closed({ value: of }) } }, async () => 'through')
  for (const [url, good, bad] of [
    ['/old', ['a'], [1]],
    ['/new', ['a'], ['a', 1]],
    ['/plain', 'a', 1],
  ] as const) {
    expect((await post(app, { value: good }, url)).statusCode).toBe(200)
    expect((await post(app, { value: bad }, url)).statusCode).toBe(400)
  }
})

it('finds header fields wherever their schema names them, as a bare Fastify does', async () => {
  const headers = {
    type: 'object',
    allOf: [{ properties: { 'X-Level': { type: 'integer', minimum: 1, maximum: 9 } } }],
    if: { not: { required: ['X-Deep'] } },
    else: { required: ['X-Level'] },
    propertyNames: { not: { enum: ['X-Never'] } },
  }
  for (const app of [bare(), await guarded({ looseSchemas: 'ignore' })]) {
    app.get('/', { schema: { headers } }, async () => 'through')
    const status = async (fields: Record<string, string>) =>
      (await app.inject({ url: '/', headers: fields })).statusCode
    expect(await status({ 'x-level': '5', 'x-deep': '1' })).toBe(200)
    expect(await status({ 'x-level': '50' })).toBe(400)
    expect(await status({ 'x-deep': '1' })).toBe(400)
    expect(await status({ 'x-never': '1' })).toBe(400)
  }
})

it.each([
  [{ dependentRequired: { a: ['b'] } }, { a: 'x' }, { a: 'x', b: 'x' }],
  [
    { discriminator: { propertyName: 'a' }, required: ['a'], oneOf: [{ properties: { a: { const: 'x' } } }] },
    { a: 'y' },
    { a: 'x' },
  ],
  [
    { properties: { a: { type: 'string' }, prefixItems: { type: 'string' } } },
    { prefixItems: 1 },
    { prefixItems: 'x' },
  ],
])('knows %j', async (keywords, bad, good) => {
  const app = await guarded({ looseSchemas: 'ignore' })
  const body = { ...closed({ a: { type: 'string' }, b: { type: 'string' } }), ...keywords }
  app.post('/', { schema: { body } }, async () => 'through')
  expect((await post(app, bad)).statusCode).toBe(400)
  expect((await post(app, good)).statusCode).toBe(200)
})

it('finds the shared schemas of each scope', async () => {
  const app = await guarded()
  app.addSchema({ $id: 'outer', ...note })
  await app.register(async (scope) => {
    scope.addSchema({ $id: 'inner', ...amount })
    scope.post('/inner', { schema: { body: { $ref: 'inner#' } } }, async () => 'through')
  })
  app.post('/', { schema: { body: { $ref: 'outer#' } } }, async () => 'through')
  expect((await post(app, { text: 'a' })).statusCode).toBe(200)
  expect((await post(app, { text: 1 })).statusCode).toBe(400)
  expect((await post(app, { amount: 1 }, '/inner')).statusCode).toBe(200)
  expect((await post(app, { amount: '1' }, '/inner')).statusCode).toBe(400)
})

it('takes TypeBox schemas', async () => {
  const app = await guarded()
  const body = Type.Object({ text: Type.String({ maxLength: 9 }) }, { additionalProperties: false })
  app.post('/', { schema: { body } }, async (request) => request.body)
  expect((await post(app, { text: 'a' })).json()).toEqual({ text: 'a' })
  expect((await post(app, { text: 1 })).statusCode).toBe(400)
})

it('takes Zod schemas, transforms and asynchronous ones too, and tells nothing of what was sent', async () => {
  const app = await guarded({ looseSchemas: 'ignore' })
  const body = z.strictObject({
    text: z
      .string()
      .max(9)
      .transform((one) => one.toUpperCase()),
  })
  const querystring = z.strictObject({ page: z.coerce.number().int().default(1) })
  app.post('/', { schema: { body, querystring } }, async ({ body: got, query }) => ({ got, query }))
  const taken = z.strictObject({
    name: z
      .string()
      .refine(async (name) => name !== 'taken')
      .transform((name) => name.toUpperCase()),
  })
  app.post('/async', { schema: { body: taken } }, async (request) => request.body)
  expect((await post(app, { text: 'a' }, '/?page=2')).json()).toEqual({ got: { text: 'A' }, query: { page: 2 } })
  const refused = await post(app, { text: 'a', 'secret-name': 1 })
  expect(refused.statusCode).toBe(400)
  expect(refused.body).not.toContain('secret-name')
  expect((await post(app, { name: 'free' }, '/async')).json()).toEqual({ name: 'FREE' })
  expect((await post(app, { name: 'free', error: null, value: {} }, '/async')).statusCode).toBe(400)
  expect((await post(app, { name: 'taken' }, '/async')).statusCode).toBe(400)
})

it('an asynchronous schema that answers an error is passed by a bare Fastify whose compiler hands it on', async () => {
  const app = bare()
  const body = z.strictObject({ name: z.string().refine(async (name) => name !== 'taken') })
  const judge = async (data: unknown) => {
    const result = await body['~standard'].validate(data)
    return result.issues === undefined ? { value: result.value } : { error: new Error('refused') }
  }
  app.setValidatorCompiler((() => judge) as unknown as FastifySchemaCompiler<unknown>)
  app.post('/', { schema: { body } }, async () => 'through')
  expect((await post(app, { name: 'taken' })).body).toBe('through')
})

it('lets only what a Zod response declares leave', async () => {
  const app = await guarded()
  const response = { 200: z.object({ name: z.string() }) }
  app.get('/', { schema: { response } }, async () => ({ name: 'a', password: 'secret' }) as { name: string })
  app.get('/wrong', { schema: { response } }, async () => ({ password: 'secret' }) as unknown as { name: string })
  expect((await app.inject('/')).json()).toEqual({ name: 'a' })
  const wrong = await app.inject('/wrong')
  expect([wrong.statusCode, wrong.body.includes('secret')]).toEqual([500, false])
})

it('lets only what is declared leave, by either kind of schema, for each status and media type', async () => {
  const app = await guarded()
  app.addSchema({ $id: 'problem', type: 'object', properties: { error: { type: 'string' } } })
  const response = {
    200: { content: { 'application/json': { schema: z.object({ name: z.string() }) } } },
    201: z.object({ id: z.number() }),
    '4xx': { $ref: 'problem#' },
  }
  app.get('/:status', { schema: { response, params: { type: 'object' } } }, async ({ params }, reply) => {
    const answer = { name: 'a', id: 1, error: 'no', password: 'secret' }
    return reply.code(Number((params as { status: string }).status) as 200).send(answer)
  })
  expect((await app.inject('/200')).json()).toEqual({ name: 'a' })
  expect((await app.inject('/201')).json()).toEqual({ id: 1 })
  expect((await app.inject('/404')).json()).toEqual({ error: 'no' })
})

it('lets no success leave whose status or media type has no schema, where answers need one', async () => {
  const declare = (app: FastifyInstance): void => {
    const content = { 'application/json': { schema: { type: 'object', properties: { name: { type: 'string' } } } } }
    const schema = { response: { 200: { content } }, params: { type: 'object' } }
    app.get('/of/:status/:type', { schema }, async ({ params }, reply) => {
      const { status, type } = params as { status: string; type: string }
      return reply
        .code(Number(status) as 200)
        .type(`application/${type}`)
        .send({ name: 'a', password: 'secret' })
    })
  }
  const open = bare()
  declare(open)
  const app = bare()
  declare(app)
  await app.register(validation, { requireResponse: true })
  await app.register(async (scope) => declare(scope), { prefix: '/later' })
  for (const url of ['/of/201/json', '/of/200/vnd.a+json']) {
    expect((await open.inject(url)).body).toContain('secret')
    for (const prefix of ['', '/later']) {
      const answer = await app.inject(`${prefix}${url}`)
      expect([answer.statusCode, answer.body.includes('secret')]).toEqual([500, false])
    }
  }
  expect((await app.inject('/of/200/json')).json()).toEqual({ name: 'a' })
  expect((await app.inject('/of/404/json')).statusCode).toBe(404)
})

it('leaves routes and scopes with a validator of their own to it', async () => {
  const app = bare()
  await app.register(validation)
  const never = () => () => ({ error: new Error('never') })
  app.post('/route', { schema: { body: note }, validatorCompiler: never }, async () => 'through')
  await app.register(async (scope) => {
    scope.setValidatorCompiler(never)
    scope.post('/scope', { schema: { body: note } }, async () => 'through')
  })
  expect((await post(app, { text: 'a' }, '/route')).statusCode).toBe(400)
  expect((await post(app, { text: 'a' }, '/scope')).statusCode).toBe(400)
})

it('gives each Ajv instance to the app, for keywords of its own', async () => {
  const app = await guarded({
    ajv: (ajv) => void ajv.addKeyword({ keyword: 'even', validate: (_on: boolean, value: number) => value % 2 === 0 }),
  })
  const body = closed({ count: { type: 'integer', minimum: 0, maximum: 9, even: true } })
  app.post('/', { schema: { body } }, async () => 'through')
  expect((await post(app, { count: 2 })).statusCode).toBe(200)
  expect((await post(app, { count: 3 })).statusCode).toBe(400)
})
