import { mended } from '@portcullis/testing/patch'
import { describe, expect, it } from 'vitest'
import type { GatewayRoute } from '../src/index.ts'
import { boot } from './boot.ts'
import { startKeeper } from './keeper.ts'
import { optionsFor, stage } from './stage.ts'

const FORM = 'application/x-www-form-urlencoded'
const routes: GatewayRoute[] = [{ match: { method: 'POST', path: '/a' }, upstream: 'user-service' }]
const documentOf = (content: object): object => ({
  openapi: '3.1.1',
  paths: { '/a': { post: { requestBody: { required: true, content: { [FORM]: content } } } } },
})

/** The statuses of forms, at a gateway that holds them to a schema. */
async function answering(content: object): Promise<(form: string) => Promise<number>> {
  const { backend } = await startKeeper()
  const { app } = await stage(backend.port, { routes, options: { openapi: documentOf(content) } })
  const headers = { 'content-type': FORM }
  return async (payload) => (await app.inject({ method: 'POST', url: '/a', payload, headers })).statusCode
}

const integer = { type: 'integer' }
const text = { type: 'string' }

describe('a form of several kinds', () => {
  it.each<[string, object]>([
    [
      'by oneOf',
      {
        type: 'object',
        required: ['kind'],
        oneOf: [
          { properties: { kind: { const: 'card' }, number: integer, tags: { type: 'array', items: integer } } },
          { properties: { kind: { const: 'transfer' }, iban: text, urgent: { type: 'boolean' } } },
        ].map((one) => ({ ...one, additionalProperties: false })),
      },
    ],
    [
      'by references and a discriminator',
      {
        oneOf: [{ $ref: '#/components/schemas/card' }, { $ref: '#/components/schemas/transfer' }],
        discriminator: { propertyName: 'kind' },
      },
    ],
    [
      'by if, then and else',
      {
        type: 'object',
        required: ['kind'],
        if: { properties: { kind: { const: 'card' } } },
        // oxlint-disable-next-line unicorn/no-thenable -- a keyword
        then: {
          properties: { kind: text, number: integer, tags: { type: 'array', items: integer } },
          additionalProperties: false,
        },
        else: {
          properties: { kind: { enum: ['transfer'] }, iban: text, urgent: { type: 'boolean' } },
          additionalProperties: false,
        },
      },
    ],
  ])('is read as the kind that it is of: %s', async (_how, schema) => {
    const of = (kind: string, properties: object): object => ({
      type: 'object',
      additionalProperties: false,
      required: ['kind'],
      properties: { kind: { const: kind }, ...properties },
    })
    const schemas = {
      card: of('card', { number: integer, tags: { type: 'array', items: integer } }),
      transfer: of('transfer', { iban: text, urgent: { type: 'boolean' } }),
    }
    const { backend } = await startKeeper()
    const openapi = { ...documentOf({ schema }), components: { schemas } }
    const { app } = await stage(backend.port, { routes, options: { openapi } })
    const statusOf = async (payload: string): Promise<number> =>
      (await app.inject({ method: 'POST', url: '/a', payload, headers: { 'content-type': FORM } })).statusCode
    const passes = [
      'kind=card&number=1',
      'kind=card&tags=1&tags=2',
      'kind=transfer&iban=1',
      'kind=transfer&urgent=true',
    ]
    for (const form of passes) expect([form, await statusOf(form)]).toEqual([form, 200])
    const refused = [
      'kind=card&number=x',
      'kind=card&iban=1',
      'kind=transfer&number=1',
      'kind=transfer&urgent=1',
      'kind=x',
    ]
    for (const form of refused) expect([form, await statusOf(form)]).toEqual([form, 400])
  })

  it('is read by what stands beside a reference, too', async () => {
    const { backend } = await startKeeper()
    const schema = { $ref: '#/components/schemas/base', properties: { number: integer } }
    const base = { type: 'object', properties: { kind: text, urgent: { type: 'boolean' } }, required: ['kind'] }
    const openapi = { ...documentOf({ schema }), components: { schemas: { base } } }
    const { app } = await stage(backend.port, { routes, options: { openapi } })
    const statusOf = async (payload: string): Promise<number> =>
      (await app.inject({ method: 'POST', url: '/a', payload, headers: { 'content-type': FORM } })).statusCode
    for (const form of ['kind=a&number=1', 'kind=a&urgent=true'])
      expect([form, await statusOf(form)]).toEqual([form, 200])
    for (const form of ['number=1', 'kind=a&number=x']) expect([form, await statusOf(form)]).toEqual([form, 400])
  })

  it('says of a member what one of its schemas says, and that another forbids it', async () => {
    const statusOf = await answering({
      schema: {
        type: 'object',
        properties: { a: integer, b: integer },
        anyOf: [
          { properties: { a: { maximum: 3 }, b: false } },
          { properties: { a: false, b: { minimum: 5 } }, required: ['b'] },
        ],
        additionalProperties: false,
      },
    })
    for (const form of ['a=3', 'b=5']) expect([form, await statusOf(form)]).toEqual([form, 200])
    for (const form of ['a=4', 'b=4', 'a=1&b=5']) expect([form, await statusOf(form)]).toEqual([form, 400])
  })
})

describe('a name that careless readers take for another', () => {
  const schema = {
    type: 'object',
    properties: { role: { enum: ['user'] }, address: { type: 'object', properties: { zip: integer } } },
  }
  const encoding = { address: { style: 'deepObject', explode: true } }

  it('is refused where a form admits other names', async () => {
    const statusOf = await answering({ schema, encoding })
    for (const form of ['role=user&other=x', 'role=user&address[zip]=1', 'other[x]=1']) {
      expect([form, await statusOf(form)]).toEqual([form, 200])
    }
    // To PHP, Rack and Express's reader of forms, `role[]` is in the place of `role`; to ASP.NET, `Role` is.
    const others = ['role[]', 'role[x]', 'Role', 'ROLE%5B0%5D', 'Address[zip]', 'address[zip][x]']
    for (const name of others) {
      const form = `role=user&${name}=admin`
      expect([form, await statusOf(form)]).toEqual([form, 400])
    }
  })

  it('is refused where that other is forbidden', async () => {
    const statusOf = await answering({ schema: { type: 'object', properties: { name: text, admin: false } } })
    expect(await statusOf('name=x&other=y')).toBe(200)
    for (const name of ['admin', 'admin[]', 'Admin', 'ADMIN[x]']) {
      expect([name, await statusOf(`name=x&${name}=1`)]).toEqual([name, 400])
    }
  })

  it('is refused where a query admits other names', async () => {
    const { backend } = await startKeeper()
    const match = { path: '/a' }
    const { app } = await stage(backend.port, {
      routes: [
        {
          match,
          upstream: 'user-service',
          schema: { querystring: { type: 'object', properties: { role: text } } },
        },
      ],
    })
    const statusOf = async (query: string) => (await app.inject(`/a?${query}`)).statusCode
    expect(await statusOf('role=user&other=x')).toBe(200)
    for (const query of ['role=user&role[]=admin', 'role=user&Role=admin']) {
      expect([query, await statusOf(query)]).toEqual([query, 400])
    }
  })
})

describe('a mistake in what is said of a form', () => {
  const AT = `openapi.paths["/a"].post.requestBody.content["${FORM}"]`
  it.each<[string, object, string, string]>([
    [
      'is an encoding of no property',
      { schema: { type: 'object', properties: { a: text } }, encoding: { b: { style: 'form' } } },
      'encoding.b',
      'encoding-unknown',
    ],
    [
      'is a document that is not read',
      {
        schema: { type: 'object', properties: { a: { type: 'object' } } },
        encoding: { a: { contentType: 'text/xml' } },
      },
      'encoding.a.contentType',
      'encoding-unsupported',
    ],
    [
      'is a member that two kinds read in two ways',
      { schema: { type: 'object', oneOf: [{ properties: { a: integer } }, { properties: { a: text } }] } },
      'schema.oneOf[1].properties.a',
      'parameter-untold',
    ],
    [
      'is a member of a kind that has no type',
      { schema: { type: 'object', anyOf: [{ properties: { a: { maximum: 3 } } }, {}] } },
      'schema.anyOf[0].properties.a',
      'parameter-untold',
    ],
    [
      'is an object in one kind, and a text in another',
      { schema: { type: 'object', oneOf: [{ properties: { a: { type: 'object' } } }, { properties: { a: text } }] } },
      'schema.oneOf[1].properties.a',
      'parameter-untold',
    ],
    [
      'is a member of an object that two kinds of it read in two ways',
      {
        schema: {
          type: 'object',
          properties: {
            a: { type: 'object', anyOf: [{ properties: { zip: integer } }, { properties: { zip: text } }] },
          },
        },
        encoding: { a: { style: 'deepObject' } },
      },
      'schema.properties.a.anyOf[1].properties.zip',
      'parameter-untold',
    ],
    [
      'is an object of other names, whose values are no texts',
      {
        schema: { type: 'object', properties: { a: { type: 'object', additionalProperties: integer } } },
        encoding: { a: { style: 'deepObject' } },
      },
      'schema.properties.a.additionalProperties',
      'parameter-untold',
    ],
    ['is a form that is no object', { schema: { type: 'array', items: text } }, 'schema', 'form-untold'],
    [
      'is of other names, whose values are no texts',
      { schema: { type: 'object', additionalProperties: integer } },
      'schema.additionalProperties',
      'parameter-untold',
    ],
    [
      'is of a pattern of names, whose values are no texts',
      { schema: { type: 'object', allOf: [{ patternProperties: { '^n_': { type: 'array', items: text } } }] } },
      'schema.allOf[0].patternProperties["^n_"]',
      'parameter-untold',
    ],
  ])('%s', async (_what, content, path, rule) => {
    const options = { ...(await optionsFor(1, { routes })), openapi: documentOf(content) }
    const mistakes = await boot(options)
    expect(mistakes).toMatchObject([{ path: `${AT}.${path}`, rule }])
    expect(await boot(mended(options, mistakes))).toEqual([])
  })

  it('is told of with all others', async () => {
    const content = {
      schema: {
        type: 'object',
        properties: { a: {} },
        oneOf: [{ properties: { b: integer } }, { properties: { b: text } }],
        additionalProperties: integer,
      },
      encoding: { c: {}, d: {} },
    }
    const options = { ...(await optionsFor(1, { routes })), openapi: documentOf(content) }
    const mistakes = await boot(options)
    expect(mistakes.map(({ rule }) => rule).toSorted()).toEqual([
      'encoding-unknown',
      'encoding-unknown',
      'parameter-untold',
      'parameter-untold',
      'parameter-untold',
    ])
    expect(await boot(mended(options, mistakes))).toEqual([])
  })

  it('is of a query that a route describes', async () => {
    const querystring = {
      type: 'object',
      oneOf: [{ properties: { a: integer } }, { properties: { a: text } }],
      additionalProperties: integer,
    }
    const own: GatewayRoute[] = [{ match: { path: '/a' }, upstream: 'user-service', schema: { querystring } }]
    const mistakes = await boot(await optionsFor(1, { routes: own }))
    expect(mistakes.map(({ path }) => path)).toEqual([
      'routes[0].schema.querystring.additionalProperties',
      'routes[0].schema.querystring.oneOf[1].properties.a',
    ])
  })
})
