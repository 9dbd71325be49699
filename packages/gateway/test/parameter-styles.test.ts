import { expect, it } from 'vitest'
import { rawExchange, stage, startBackend } from './stage.ts'

const colour = {
  type: 'object',
  additionalProperties: false,
  required: ['r'],
  properties: { r: { type: 'integer', maximum: 255 }, g: { type: 'integer' }, name: { type: 'string' } },
}
const list = { type: 'array', maxItems: 2, items: { type: 'integer' } }
const tagged = { type: 'object', properties: { tags: { type: 'array', items: { type: 'string', maxLength: 3 } } } }

interface Case {
  readonly what: string
  readonly parameter: object
  readonly passes: readonly string[]
  readonly refused: readonly string[]
}

// OpenAPI 3.1.1 §4.8.12.4
const QUERIES: readonly Case[] = [
  {
    what: 'deepObject',
    parameter: { style: 'deepObject', explode: true, schema: colour },
    passes: ['c[r]=1', 'c[r]=1&c[g]=2', 'c%5Br%5D=1&c%5bname%5d=a', '&', 'c[r]=1&c[name]=a%5Bb%5D'],
    refused: [
      'c[g]=1',
      'c[r]=x',
      'c[r]=256',
      'c[r]=1&c[r]=2',
      'c[r]=1&c[x]=1',
      'c=1',
      'c[r]=1&c=1',
      'c=1&c[r]=1',
    ].concat([
      'c[r][x]=1',
      'c[]=1',
      'c[r]=1&c[__proto__]=1',
      'd[r]=1',
      '__proto__[r]=1',
      'c[constructor]=1',
      'c.r=1',
      'c[r=1',
    ]),
  },
  {
    what: 'deepObject with a list',
    parameter: { style: 'deepObject', schema: tagged },
    passes: ['c[tags]=a', 'c[tags]=a&c[tags]=b', 'c[other]=x'],
    refused: ['c[tags]=abcd', 'c[tags]=a&c[tags]=abcd', 'c[other]=x&c[other]=y', 'c[tags][]=a&c=1'],
  },
  {
    what: 'form, exploded, of an object',
    parameter: { schema: colour },
    passes: ['r=1', 'r=1&g=2&name=x', '&'],
    refused: ['g=1', 'r=x', 'r=1&r=2', 'c=r,1', 'c[r]=1', 'r=1&x=1', 'r=1&c=1'],
  },
  {
    what: 'form of an object',
    parameter: { explode: false, schema: colour },
    passes: ['c=r,1', 'c=r,1,g,2', 'c=name,a,r,7'],
    refused: ['c=g,1', 'c=r', 'c=r,1,g', 'c=r,1,r,2', 'c=r,1&c=g,1', 'c=r%2C1', 'c=', 'c=r,1,__proto__,1', 'r=1'],
  },
  {
    what: 'spaceDelimited',
    parameter: { style: 'spaceDelimited', schema: list },
    passes: ['c=1', 'c=1%202', 'c=1+2'],
    refused: ['c=1%202%203', 'c=1,2', 'c=1%20x', 'c=1&c=2', 'c=1%20%202', 'c='],
  },
  {
    what: 'pipeDelimited',
    parameter: { style: 'pipeDelimited', explode: false, schema: list },
    passes: ['c=1', 'c=1|2', 'c=1%7C2'],
    refused: ['c=1|2|3', 'c=1,2', 'c=1|', 'c=1&c=2'],
  },
  {
    what: 'a document of JSON',
    parameter: { content: { 'application/json': { schema: colour } } },
    passes: ['c={%22r%22:1}', 'c=%7B%22r%22%3A1%2C%22g%22%3A2%7D'],
    refused: [
      'c={%22g%22:1}',
      'c={',
      'c=',
      'c={%22r%22:1,%22r%22:2}',
      'c=r',
      'c={%22r%22:1}&c={%22r%22:2}',
      'c=%EF%BB%BF{}',
    ],
  },
]

it.each(QUERIES)('a query holds a parameter in the style $what', async ({ parameter, passes, refused }) => {
  const { port, hits } = await startBackend()
  const openapi = {
    openapi: '3.1.1',
    paths: { '/a': { get: { parameters: [{ name: 'c', in: 'query', ...parameter }] } } },
  }
  const { app } = await stage(port, {
    routes: [{ match: { path: '/a' }, upstream: 'user-service' }],
    options: { openapi },
  })
  for (const query of passes) expect([query, (await app.inject(`/a?${query}`)).statusCode]).toEqual([query, 200])
  expect(hits.map(({ url }) => url)).toEqual(passes.map((query) => `/a?${query}`))
  for (const query of refused) expect([query, (await app.inject(`/a?${query}`)).statusCode]).toEqual([query, 400])
  expect(hits).toHaveLength(passes.length)
})

const SIMPLE: readonly Case[] = [
  {
    what: 'simple',
    parameter: { schema: colour },
    passes: ['r,1', 'r,1,g,2'],
    refused: ['g,1', 'r', 'r=1', 'r,1,r,2', 'r,x', 'r,1,x,1'],
  },
  {
    what: 'simple, exploded',
    parameter: { explode: true, schema: colour },
    passes: ['r=1', 'r=1,name=a=b'],
    refused: ['r,1', 'g=1', 'r=1,r=2', 'r=1,x', 'r=256', 'r=1,__proto__=1'],
  },
  { what: 'simple, of a list', parameter: { schema: list }, passes: ['1', '1,2'], refused: ['1,2,3', 'x', '1,,2'] },
]

it.each(SIMPLE)('a path and a field hold a parameter in the style $what', async ({ parameter, passes, refused }) => {
  const { port, hits } = await startBackend()
  const parameters = [
    { name: 'c', in: 'path', required: true, ...parameter },
    { name: 'X-C', in: 'header', ...parameter },
  ]
  const openapi = { openapi: '3.1.1', paths: { '/a/{c}': { get: { parameters } } } }
  const { app } = await stage(port, {
    routes: [{ match: { path: '/a/:c' }, upstream: 'user-service' }],
    options: { openapi, forwardFields: ['x-c'] },
  })
  const [good = ''] = passes
  const statusOf = async (path: string, field: string): Promise<number> =>
    (await app.inject({ url: `/a/${path}`, headers: { 'x-c': field } })).statusCode
  for (const text of passes) {
    expect([text, await statusOf(text, good), await statusOf(good, text)]).toEqual([text, 200, 200])
  }
  expect(hits).toHaveLength(2 * passes.length)
  for (const text of refused) {
    expect([text, await statusOf(text, good), await statusOf(good, text)]).toEqual([text, 400, 400])
  }
  expect(await statusOf(good.replace(',', '%2C'), good)).toBe(good.includes(',') ? 400 : 200)
})

// RFC 6570 §3.2.5
const LABELS: readonly Case[] = [
  {
    what: 'label',
    parameter: { schema: { type: 'number', maximum: 9 } },
    passes: ['.5', '.3.5', '.-1'],
    refused: [
      '5',
      '.',
      '..5',
      '.5.',
      '.10',
      '.x',
      '%2E5',
      '.%2E5',
      '.3%2e5',
      ';5',
      '.5;c=1',
      '.5,6',
      '..',
      '.%3B5',
      '.+5',
    ],
  },
  {
    what: 'label, exploded',
    parameter: { explode: true, schema: { type: 'string', maxLength: 3 } },
    passes: ['.abc', '.a.b'],
    refused: ['abc', '.abcd', '..', '.', '.%2e', '.a;', '.a%2Fb', '.a%5cb'],
  },
  {
    what: 'label of a list',
    parameter: { style: 'label', schema: list },
    passes: ['.1', '.1,2'],
    // Documents before 3.1.1 had dots here.
    refused: ['1,2', '.1.2', '.1,2,3', '.1,', '.,1', '.1,,2', '.x', '.1%2C2', '.1%2c2', '.1;2'],
  },
  {
    what: 'label of a list, exploded',
    parameter: { explode: true, schema: list },
    passes: ['.1', '.1.2'],
    refused: ['1.2', '.1,2', '.1.2.3', '.1..2', '.1.', '..1', '.1%2E2', '.1%2e2', '.x', '.1;c=2'],
  },
  {
    what: 'label of texts, exploded',
    parameter: { explode: true, schema: { type: 'array', items: { type: 'string' } } },
    passes: ['.a.b', '.a,b', '.a=b'],
    refused: ['.a..b', '.a.', '..a', '.a%2Eb', '.a;.b', '.a.%2e%2e.b'],
  },
  {
    what: 'label of an object',
    parameter: { schema: colour },
    passes: ['.r,1', '.r,1,g,2'],
    refused: [
      'r,1',
      '.r',
      '.g,1',
      '.r,1,r,2',
      '.r=1',
      '.r,1,x,1',
      '.r,1,name,',
      '.r,1,name,a.b',
      '.r.1',
      '.r%2C1',
      '.r,1,__proto__,1',
    ],
  },
  {
    what: 'label of an object, exploded',
    parameter: { explode: true, schema: colour },
    passes: ['.r=1', '.r=1.g=2.name=x'],
    refused: [
      'r=1',
      '.r',
      '.r=1.r=2',
      '.r=1,g=2',
      '.g=1',
      '.r%3D1',
      '.r%3d1',
      '.r=1.',
      '.r=1..g=2',
      '.r=1.x=1',
      '.r=256',
      '.r=1;g=2',
      '.__proto__=1.r=1',
    ],
  },
]

it.each(LABELS)('a path holds byte for byte a parameter in the style $what', async ({ parameter, passes, refused }) => {
  const { port, hits } = await startBackend()
  const parameters = [{ name: 'c', in: 'path', required: true, style: 'label', ...parameter }]
  const openapi = { openapi: '3.1.1', paths: { '/a/{c}/d': { get: { parameters } } } }
  const { listen } = await stage(port, {
    routes: [{ match: { path: '/a/:c/d' }, upstream: 'user-service', rewrite: '/b/:c' }],
    options: { openapi },
  })
  const gateway = await listen()
  // Clients resolve dot segments.
  const statusOf = async (text: string): Promise<number> => {
    const answer = await rawExchange(gateway, `GET /a/${text}/d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
    return Number(answer.slice(9, 12))
  }
  for (const text of passes) expect([text, await statusOf(text)]).toEqual([text, 200])
  expect(hits.map(({ url }) => url)).toEqual(passes.map((text) => `/b/${text}`))
  for (const text of refused) expect([text, await statusOf(text)]).toEqual([text, 400])
  expect(hits).toHaveLength(passes.length)
})

it('an encoded sign between a name and its value is refused, which some cut at before they decode', async () => {
  const { port, hits } = await startBackend()
  const parameters = [{ name: 'c', in: 'path', required: true, explode: true, schema: colour }]
  const openapi = { openapi: '3.1.1', paths: { '/a/{c}': { get: { parameters } } } }
  const routes = [{ match: { path: '/a/:c' }, upstream: 'user-service' }]
  const { app } = await stage(port, { routes, options: { openapi } })
  expect((await app.inject('/a/r=1')).statusCode).toBe(200)
  for (const text of ['r%3D1', 'r=1,name%3da', 'r=1%2cname=a']) {
    expect([text, (await app.inject(`/a/${text}`)).statusCode]).toEqual([text, 400])
  }
  expect(hits).toHaveLength(1)
})

it('a form holds its members as its encoding says', async () => {
  const { port, hits } = await startBackend()
  const schema = {
    type: 'object',
    additionalProperties: false,
    properties: { address: colour, json: colour, tags: list, plain: { type: 'integer' } },
  }
  const encoding = { address: { style: 'deepObject', explode: true }, tags: { explode: false } }
  const content = { 'application/x-www-form-urlencoded': { schema, encoding } }
  const openapi = { openapi: '3.1.1', paths: { '/a': { post: { requestBody: { content } } } } }
  const match = { method: 'POST', path: '/a' } as const
  const { app } = await stage(port, { routes: [{ match, upstream: 'user-service' }], options: { openapi } })
  const post = async (payload: string): Promise<number> =>
    (
      await app.inject({
        method: 'POST',
        url: '/a',
        payload,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      })
    ).statusCode
  const passes = ['address[r]=1&address[g]=2&plain=3', 'tags=1,2', 'json=%7B%22r%22:1%7D', 'plain=1']
  for (const body of passes) expect([body, await post(body)]).toEqual([body, 200])
  const refused = [
    'address[r]=x',
    'address=r,1',
    'address[g]=1',
    'tags=1&tags=2',
    'tags=1,2,3',
    'json[r]=1',
    'json=%7B%7D',
  ]
  for (const body of refused) expect([body, await post(body)]).toEqual([body, 400])
  expect(hits).toHaveLength(passes.length)
})
