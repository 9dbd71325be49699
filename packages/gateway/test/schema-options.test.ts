import { mended } from '@portcullis/testing/patch'
import { describe, expect, it } from 'vitest'
import { boot } from './boot.ts'
import { document } from './openapi.ts'
import { optionsFor } from './stage.ts'

const orders = { match: { method: 'POST', path: '/orders' }, upstream: 'user-service' } as const

/** A document whose only operation takes a body of a schema. */
const taking = (schema: unknown, more: object = {}): object => ({
  openapi: '3.1.0',
  paths: { '/orders': { post: { requestBody: { content: { 'application/json': { schema } } }, ...more } } },
})

const asking = (parameter: object): object => ({
  openapi: '3.1.0',
  paths: { '/orders': { post: { parameters: [parameter] } } },
})

const BODY_POINTER = '#/paths/~1orders/post/requestBody/content/application~1json/schema'
const BODY = 'openapi.paths["/orders"].post.requestBody.content["application/json"].schema'
const PARAMETER = 'openapi.paths["/orders"].post.parameters[0]'

describe('a mistake in a document', () => {
  it.each<[string, object, string, string]>([
    ['another version', { ...document, openapi: '3.0.3' }, 'openapi.openapi', 'openapi-version'],
    ['no version', { paths: { '/orders': { post: {} } } }, 'openapi.openapi', 'openapi-version'],
    [
      'another dialect',
      { ...document, jsonSchemaDialect: 'http://json-schema.org/draft-04/schema#' },
      'openapi.jsonSchemaDialect',
      'dialect-unsupported',
    ],
    ['no such operation', { openapi: '3.1.0', paths: { '/orders': { get: {} } } }, 'routes[0]', 'operation-unknown'],
    ['no paths', { openapi: '3.1.0' }, 'routes[0]', 'operation-unknown'],
    ['a remote reference', taking({ $ref: 'https://example.com/order.json' }), `${BODY}.$ref`, 'reference-remote'],
    ['a reference to a file', taking({ $ref: './order.json' }), `${BODY}.$ref`, 'reference-remote'],
    ['a reference by anchor', taking({ $ref: '#order' }), `${BODY}.$ref`, 'reference-remote'],
    ['a reference to nothing', taking({ $ref: '#/components/schemas/Gone' }), `${BODY}.$ref`, 'reference-unresolved'],
    [
      'a reference to itself',
      taking({ $ref: `#/paths/~1orders/post/requestBody/content/application~1json/schema` }),
      `${BODY}.$ref`,
      'reference-unresolved',
    ],
    ['nullable', taking({ type: 'string', nullable: true }), `${BODY}.nullable`, 'keyword-unsupported'],
    ['a misspelt keyword', taking({ type: 'string', maxlength: 3 }), `${BODY}.maxlength`, 'keyword-unsupported'],
    ['a dynamic reference', taking({ $dynamicRef: '#node' }), `${BODY}.$dynamicRef`, 'keyword-unsupported'],
    ['an id', taking({ $id: 'https://example.com/a', type: 'string' }), `${BODY}.$id`, 'keyword-unsupported'],
    [
      'another draft',
      taking({ $schema: 'http://json-schema.org/draft-07/schema#' }),
      `${BODY}.$schema`,
      'dialect-unsupported',
    ],
    ['an unknown format', taking({ type: 'string', format: 'phone' }), `${BODY}.format`, 'format-unsupported'],
    ['a broken pattern', taking({ type: 'string', pattern: '[' }), `${BODY}.pattern`, 'pattern-malformed'],
    [
      'a keyword of the wrong type',
      taking({ type: 'string', maxLength: '3' }),
      `${BODY}.maxLength`,
      'schema-malformed',
    ],
    [
      'an exclusive bound of 3.0',
      taking({ minimum: 1, exclusiveMinimum: true }),
      `${BODY}.exclusiveMinimum`,
      'schema-malformed',
    ],
    ['a list of items schemas', taking({ type: 'array', items: [{}] }), `${BODY}.items`, 'schema-malformed'],
    [
      'a fault far below',
      taking({ properties: { a: { items: { oneOf: [{ nope: 1 }] } } } }),
      `${BODY}.properties.a.items.oneOf[0].nope`,
      'keyword-unsupported',
    ],
    [
      'a choice without a list',
      taking({ discriminator: { propertyName: 'by' } }),
      `${BODY}.discriminator`,
      'discriminator-unsupported',
    ],
    [
      'a choice without names',
      taking({ oneOf: [{ type: 'object' }], discriminator: { propertyName: 'by' } }),
      `${BODY}.discriminator`,
      'discriminator-unsupported',
    ],
    [
      'a body that is not read',
      {
        openapi: '3.1.0',
        paths: {
          '/orders': { post: { requestBody: { content: { 'application/xml': { schema: { type: 'object' } } } } } },
        },
      },
      'openapi.paths["/orders"].post.requestBody.content["application/xml"].schema',
      'media-type-unread',
    ],
    [
      'a range of media types',
      { openapi: '3.1.0', paths: { '/orders': { post: { requestBody: { content: { '*/*': {} } } } } } },
      'openapi.paths["/orders"].post.requestBody.content["*/*"]',
      'media-type-range',
    ],
    [
      'another style',
      asking({ name: 'a', in: 'query', style: 'label', schema: { type: 'string' } }),
      `${PARAMETER}.style`,
      'style-unsupported',
    ],
    ...[
      ['a schema that is a part of itself', { allOf: [{ $ref: BODY_POINTER }] }, 'allOf[0].$ref'],
      ['a choice of itself', { anyOf: [{ type: 'string' }, { $ref: BODY_POINTER }] }, 'anyOf[1].$ref'],
      ['a schema that is not itself', { not: { $ref: BODY_POINTER } }, 'not.$ref'],
      [
        'a schema of kinds that are parts of it',
        { oneOf: [{ $ref: `${BODY_POINTER}/$defs/cat` }], $defs: { cat: { allOf: [{ $ref: BODY_POINTER }] } } },
        '$defs.cat.allOf[0].$ref',
      ],
    ].map(([what, schema, path]): [string, object, string, string] => [
      what as string,
      taking(schema),
      `${BODY}.${path as string}`,
      'reference-circular',
    ]),
    [
      'a style whose signs no path may have',
      asking({ name: 'a', in: 'path', required: true, style: 'matrix', schema: { type: 'string' } }),
      `${PARAMETER}.style`,
      'style-unsupported',
    ],
    [
      'a label of what no text spells',
      asking({ name: 'a', in: 'path', required: true, style: 'label', schema: { type: ['object', 'string'] } }),
      `${PARAMETER}.schema`,
      'parameter-untold',
    ],
    [
      'a style of objects for what is none',
      asking({ name: 'a', in: 'query', style: 'deepObject', schema: { type: 'string' } }),
      `${PARAMETER}.schema`,
      'parameter-untold',
    ],
    [
      'a list of objects in an object',
      asking({
        name: 'a',
        in: 'query',
        style: 'deepObject',
        schema: { type: 'object', properties: { b: { type: 'array', items: { type: 'object' } } } },
      }),
      `${PARAMETER}.schema`,
      'parameter-untold',
    ],
    [
      'a style without its explode',
      asking({ name: 'a', in: 'query', style: 'pipeDelimited', explode: true, schema: { type: 'string' } }),
      `${PARAMETER}.explode`,
      'style-unsupported',
    ],
    [
      'an object of any names in a query',
      asking({ name: 'a', in: 'query', schema: { type: 'object', additionalProperties: { type: 'string' } } }),
      `${PARAMETER}.schema`,
      'parameter-untold',
    ],
    [
      'a list of objects in a form',
      {
        openapi: '3.1.0',
        paths: {
          '/orders': {
            post: {
              requestBody: {
                content: {
                  'application/x-www-form-urlencoded': {
                    schema: { type: 'object', properties: { b: { type: 'array', items: { type: 'object' } } } },
                  },
                },
              },
            },
          },
        },
      },
      'openapi.paths["/orders"].post.requestBody.content["application/x-www-form-urlencoded"].schema.properties.b',
      'parameter-untold',
    ],
    [
      'an object in a query',
      asking({ name: 'a', in: 'query', schema: { type: 'object' } }),
      `${PARAMETER}.schema`,
      'parameter-untold',
    ],
    [
      'a parameter without a type',
      asking({ name: 'a', in: 'query', schema: { minimum: 3 } }),
      `${PARAMETER}.schema`,
      'parameter-untold',
    ],
    [
      'a list of lists',
      asking({ name: 'a', in: 'query', schema: { type: 'array', items: { type: 'array' } } }),
      `${PARAMETER}.schema`,
      'parameter-untold',
    ],
    [
      'a document in a query',
      asking({ name: 'a', in: 'query', content: { 'application/json': {} } }),
      `${PARAMETER}.content`,
      'parameter-content',
    ],
    ['a parameter without a schema', asking({ name: 'a', in: 'query' }), `${PARAMETER}.schema`, 'schema-missing'],
    ['a parameter of nowhere', asking({ name: 'a', in: 'body' }), PARAMETER, 'parameter-malformed'],
  ])('is %s', async (_what, openapi, path, rule) => {
    const options = { ...(await optionsFor(1, { routes: [orders as never] })), openapi }
    const mistakes = await boot(options)
    expect(mistakes).toMatchObject([{ path, rule }])
    // Its fix is enough.
    expect(await boot(mended(options, mistakes))).toEqual([])
  })

  it.each(['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'])(
    'is a body that is a part of itself: %s',
    async (type) => {
      const schema = {
        type: 'object',
        properties: { a: { type: 'string' } },
        allOf: [{ $ref: '#/components/schemas/A' }],
      }
      const content = { [type]: { schema: { $ref: '#/components/schemas/A' } } }
      const paths = { '/orders': { post: { requestBody: { content } } } }
      const openapi = { openapi: '3.1.0', paths, components: { schemas: { A: schema } } }
      expect(await boot({ ...(await optionsFor(1, { routes: [orders as never] })), openapi })).toMatchObject([
        { path: 'openapi.components.schemas.A.allOf[0].$ref', rule: 'reference-circular' },
      ])
    },
  )

  it('is a parameter of the path that is not described', async () => {
    const openapi = { openapi: '3.1.0', paths: { '/orders/{id}': { post: {} } } }
    const routes = [{ ...orders, match: { method: 'POST', path: '/orders/:id' } }]
    const options = { ...(await optionsFor(1, { routes: routes as never })), openapi }
    const mistakes = await boot(options)
    expect(mistakes).toMatchObject([{ rule: 'parameter-missing' }])
    expect(await boot(mended(options, mistakes))).toEqual([])
  })

  it('is an operation that stands there twice', async () => {
    const one = { post: { parameters: [{ name: 'a', in: 'path', required: true, schema: { type: 'string' } }] } }
    const openapi = { openapi: '3.1.0', paths: { '/orders/{a}': one, '/orders/{b}': one } }
    const routes = [{ ...orders, match: { method: 'POST', path: '/orders/:id' } }]
    expect(await boot({ ...(await optionsFor(1, { routes: routes as never })), openapi })).toMatchObject([
      { path: 'openapi.paths["/orders/{b}"].post', rule: 'operation-duplicate' },
    ])
    const apart = { ...openapi, paths: { '/orders/{b}': { get: {} }, '/orders/{a}': one } }
    expect(await boot({ ...(await optionsFor(1, { routes: routes as never })), openapi: apart })).toEqual([])
  })

  it('of a schema that many refer to is told of once', async () => {
    const routes = ['/a', '/b'].map((path) => ({ ...orders, match: { method: 'POST', path } }))
    const body = { requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/A' } } } } }
    const openapi = {
      openapi: '3.1.0',
      paths: { '/a': { post: body }, '/b': { post: body } },
      components: { schemas: { A: { type: 'string', format: 'phone' } } },
    }
    expect(await boot({ ...(await optionsFor(1, { routes: routes as never })), openapi })).toMatchObject([
      { path: 'openapi.components.schemas.A.format' },
    ])
  })

  it('of an operation that no route leads to is none', async () => {
    const openapi = { ...document, paths: { ...document.paths, '/lost': { get: { parameters: [{ in: 'body' }] } } } }
    expect(await boot({ ...(await optionsFor(1, { routes: [orders as never] })), openapi })).toEqual([])
  })

  it('is a body that GET requires, and none one that it may have', async () => {
    const routes = [{ ...orders, match: { path: '/orders' } }]
    const requestBody = { required: true, content: { 'application/json': { schema: {} } } }
    const reading = (body: object): object => ({
      openapi: '3.1.0',
      paths: { '/orders': { get: { requestBody: body } } },
    })
    const options = { ...(await optionsFor(1, { routes: routes as never })), openapi: reading(requestBody) }
    const mistakes = await boot(options)
    expect(mistakes).toMatchObject([{ path: 'openapi.paths["/orders"].get.requestBody', rule: 'body-of-get' }])
    expect(await boot(mended(options, mistakes))).toEqual([])
    expect(await boot({ ...options, openapi: reading({ ...requestBody, required: false }) })).toEqual([])
  })

  it('of answers is one where answers are judged', async () => {
    const answer = { content: { 'application/json': { schema: { type: 'string', nullable: true } } } }
    const options = {
      ...(await optionsFor(1, { routes: [orders as never] })),
      openapi: taking({}, { responses: { 200: answer } }),
    }
    expect(await boot(options)).toEqual([])
    expect(await boot({ ...options, validateResponses: 'report' })).toMatchObject([{ rule: 'keyword-unsupported' }])
  })
})

describe("a route's own schema", () => {
  it.each<[string, object, string, string]>([
    ['true', { schema: true }, 'routes[0].schema', 'schema-true'],
    ['an unknown part', { schema: { cookies: {} } }, 'routes[0].schema.cookies', 'additionalProperties'],
    ['a status that is none', { schema: { response: { ok: {} } } }, 'routes[0].schema.response.ok', 'propertyNames'],
    [
      'a keyword that is not checked',
      { schema: { body: { nullable: true } } },
      'routes[0].schema.body.nullable',
      'keyword-unsupported',
    ],
    [
      'an untold parameter',
      { schema: { querystring: { properties: { a: {} } } } },
      'routes[0].schema.querystring.properties.a',
      'parameter-untold',
    ],
    [
      'a reference out of it',
      { schema: { body: { $ref: 'other#' } } },
      'routes[0].schema.body.$ref',
      'reference-remote',
    ],
  ])('is a mistake with %s', async (_what, more, path, rule) => {
    const options = await optionsFor(1, { routes: [{ ...orders, ...more } as never] })
    const mistakes = await boot(options)
    expect(mistakes).toMatchObject([{ path, rule }])
    expect(await boot(mended(options, mistakes))).toEqual([])
  })

  it('has no body where the method has none', async () => {
    const routes = [{ ...orders, match: { path: '/orders' }, schema: { body: {} } }]
    expect(await boot(await optionsFor(1, { routes: routes as never }))).toMatchObject([{ rule: 'body-of-get' }])
  })
})

it('is a schema nested too deep to compile, and says so', async () => {
  let schema: object = { type: 'integer' }
  for (let i = 0; i < 600; i++) schema = { type: 'array', items: schema }
  const mistakes = await boot({ ...(await optionsFor(1, { routes: [orders as never] })), openapi: taking(schema) })
  expect(mistakes).toMatchObject([{ path: 'routes[0]', rule: 'schema-uncompilable' }])
})
