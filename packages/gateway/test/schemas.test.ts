import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { describe, expect, it } from 'vitest'
import type { GatewayRoute } from '../src/index.ts'
import { startKeeper } from './keeper.ts'
import { document } from './openapi.ts'
import { send, stage, startBackend } from './stage.ts'

const routes: GatewayRoute[] = [
  { match: { method: ['GET', 'POST'], path: '/orders' }, upstream: 'user-service' },
  { match: { method: ['GET', 'PUT', 'DELETE'], path: '/orders/:id' }, upstream: 'user-service', rewrite: '/o/:id' },
  { match: { method: 'POST', path: '/payments' }, upstream: 'user-service' },
]

async function open(options: object = { openapi: document, forwardFields: ['x-tenant'] }) {
  const { backend, bodies } = await startKeeper()
  const staged = await stage(backend.port, { routes, options })
  const ask = (method: string, url: string, body?: string, headers: Record<string, string> = {}) =>
    staged.app.inject({
      method: method as 'GET',
      url,
      ...(body === undefined ? {} : { payload: body, headers: { 'content-type': 'application/json', ...headers } }),
      ...(body === undefined ? { headers } : {}),
    })
  return { ...staged, backend, bodies, ask }
}

describe('a body', () => {
  it('that matches arrives byte for byte', async () => {
    const { ask, bodies, backend } = await open()
    const body = '{ "quantity" : 1.0,\n\t"note":"\\u00e9 é" }'
    expect((await ask('POST', '/orders', body)).statusCode).toBe(200)
    expect(bodies[0]?.toString()).toBe(body)
    expect(backend.hits[0]?.headers['content-length']).toBe(String(Buffer.byteLength(body)))
  })

  it.each([
    ['a member that is not named', '{"quantity":1,"admin":true}', 'body must NOT have additional properties'],
    ['a number as text', '{"quantity":"1"}', 'body.quantity must be integer'],
    ['a value beyond its bound', '{"quantity":11}', 'body.quantity must be <= 10'],
    ['a member that is missing', '{}', "body must have required property 'quantity'"],
    ['a member that the service alone writes', '{"quantity":1,"id":7}', 'body.id must NOT be sent'],
    [
      'a fault deep inside',
      '{"quantity":1,"parts":[{"quantity":1},{"quantity":0}]}',
      'body.parts.1.quantity must be >= 1',
    ],
    ['a text that is no date', '{"quantity":1,"deliver":"2026-02-30"}', 'body.deliver must match format "date"'],
    ['the same item twice', '{"quantity":1,"tags":["a","a"]}', 'body.tags must NOT have duplicate items'],
    ['a number without end', '{"quantity":1e999}', 'body.quantity must be integer'],
  ])('with %s is refused', async (_what, body, asks) => {
    const { ask, backend } = await open()
    const answer = await ask('POST', '/orders', body)
    expect(answer.json()).toMatchObject({
      status: 400,
      code: 'PTC_GATEWAY_REQUEST_INVALID',
      error: `Invalid request: ${asks}.`,
    })
    expect(backend.hits).toEqual([])
  })

  it.each([
    ['nothing', ''],
    ['no JSON', '{"quantity":1'],
    ['a member twice', '{"quantity":1,"quantity":2}'],
    ['a member twice, in two spellings', '{"quantity":1,"quantit\\u0079":2}'],
    ['a byte order mark', '\ufeff{"quantity":1}'],
    ['arrays without end', '['.repeat(5000)],
  ])('of %s is refused', async (_what, body) => {
    const { ask, backend } = await open()
    expect((await ask('POST', '/orders', body)).statusCode).toBe(400)
    expect(backend.hits).toEqual([])
  })

  it('of another media type is answered 415', async () => {
    const { ask, backend } = await open()
    for (const type of ['text/plain', 'application/json; charset=utf-16', 'application/xml', 'application/jsonp']) {
      const answer = await ask('POST', '/orders', '{"quantity":1}', { 'content-type': type })
      expect(answer.json()).toMatchObject({ status: 415, code: 'PTC_GATEWAY_MEDIA_TYPE' })
    }
    const encoded = await ask('POST', '/orders', 'x', { 'content-encoding': 'gzip' })
    expect(encoded.statusCode).toBe(415)
    expect(encoded.headers['accept-encoding']).toBe('identity')
    expect(backend.hits).toEqual([])
  })

  it('is taken with charset=utf-8', async () => {
    const { ask } = await open()
    const type = { 'content-type': 'Application/JSON; charset=UTF-8' }
    expect((await ask('POST', '/orders', '{"quantity":1}', type)).statusCode).toBe(200)
  })

  it('that is required must come, and one that is not described must not', async () => {
    const { ask, backend } = await open()
    expect((await ask('POST', '/orders')).json()).toMatchObject({ error: 'Invalid request: body must be sent.' })
    expect((await ask('DELETE', '/orders/1', '{}')).json()).toMatchObject({
      error: 'Invalid request: body must NOT be sent.',
    })
    expect(backend.hits).toEqual([])
    expect((await ask('DELETE', '/orders/1')).statusCode).toBe(200)
    expect((await ask('PUT', '/orders/1')).statusCode).toBe(200)
  })

  it('in chunks is judged whole, and refused without a length where there may be none', async () => {
    const { listen, backend, bodies } = await open()
    const port = await listen()
    const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
    const post = { method: 'POST', path: '/orders', headers }
    expect((await send(port, { ...post, body: '{"quantity":11}' })).status).toBe(400)
    expect((await send(port, { ...post, body: '{"quantity":1}' })).status).toBe(200)
    expect((await send(port, { ...post, method: 'DELETE', path: '/orders/1', body: '{}' })).status).toBe(400)
    expect((await send(port, { ...post, method: 'DELETE', path: '/orders/1', body: '' })).status).toBe(200)
    expect(bodies.map(String)).toEqual(['{"quantity":1}', ''])
    expect(backend.hits).toHaveLength(2)
  })

  it('beyond the limit is refused, declared or not', async () => {
    const { listen, backend } = await open({ openapi: document, bodyLimit: 100 })
    const port = await listen()
    const body = `{"quantity":1,"note":"${'x'.repeat(100)}"}`
    const headers = { 'content-type': 'application/json' }
    for (const coding of [{ 'content-length': String(body.length) }, { 'transfer-encoding': 'chunked' }]) {
      const answer = await send(port, { method: 'POST', path: '/orders', headers: { ...headers, ...coding }, body })
      expect(answer.status).toBe(413)
      expect(answer.headers.connection).toBe('close')
    }
    expect(backend.hits).toEqual([])
  })

  it('that is no JSON streams where its schema says nothing of it', async () => {
    const { listen, bodies } = await open({ openapi: document, bodyLimit: 4_000_000 })
    const port = await listen()
    const body = Buffer.alloc(3_000_000, 'x')
    const headers = { 'content-type': 'application/octet-stream' }
    expect((await send(port, { method: 'PUT', path: '/orders/1', headers, body })).status).toBe(200)
    const digest = (bytes: Buffer | undefined): string =>
      createHash('sha256')
        .update(bytes ?? '')
        .digest('hex')
    expect(digest(bodies[0])).toBe(digest(body))
  })

  it('that is a form is read as one', async () => {
    const { ask, bodies } = await open()
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    for (const form of ['quantity=11', 'quantity=1&quantity=2', 'quantity=1;admin=1', 'quantity=%ff', 'quantity=0x1'])
      expect((await ask('PUT', '/orders/1', form, type)).statusCode).toBe(400)
    expect((await ask('PUT', '/orders/1', 'quantity=%37', type)).statusCode).toBe(200)
    expect(bodies.map(String)).toEqual(['quantity=%37'])
  })

  it('is of the schema that its discriminator names', async () => {
    const { ask, backend } = await open()
    const pay = async (body: object) =>
      (await ask('POST', '/payments', JSON.stringify(body), { 'content-type': 'application/vnd.shop+json' })).statusCode
    expect(await pay({ by: 'card', number: '4111111111111111' })).toBe(200)
    expect(await pay({ by: 'Card', number: '4111111111111111' })).toBe(200)
    expect(await pay({ by: 'Transfer', iban: 'DE02' })).toBe(200)
    expect(backend.hits).toHaveLength(3)
    // Each of them is what one schema admits; the other is named.
    expect(await pay({ by: 'card', iban: 'DE02' })).toBe(400)
    expect(await pay({ by: 'Transfer', number: '4111111111111111' })).toBe(400)
    expect(await pay({ iban: 'DE02' })).toBe(400)
    const type = { 'content-type': 'application/vnd.shop+json' }
    const answer = await ask('POST', '/payments', '{"by":"Transfer","iban":7}', type)
    expect(answer.json()).toMatchObject({ error: 'Invalid request: body.iban must be string.' })
    expect(backend.hits).toHaveLength(3)
  })
})

describe('a query', () => {
  it.each(['?limit=1', '?limit=100&state=open&state=paid', '?state=open', '?fields=a,b', '?closed=true', '?&limit=5&'])(
    'of %s arrives as it came',
    async (query) => {
      const { ask, backend } = await open()
      expect((await ask('GET', `/orders${query}`)).statusCode).toBe(200)
      expect(backend.hits[0]?.url).toBe(`/orders${query}`)
    },
  )

  it.each([
    '?limit=0',
    '?limit=0x10',
    '?limit=1e1',
    '?limit=%201',
    '?limit=+1',
    '?limit=1&limit=2',
    '?limit=1;state=open',
    '?limit=',
    '?limit[]=1',
    '?admin=1',
    '?state=lost',
    '?state=open,paid',
    '?state=open&state=paid&state=open',
    '?fields=a,B',
    '?fields=a%2Cb',
    '?fields=a&fields=b',
    '?closed=1',
    '?closed=TRUE',
    '?__proto__=1',
    '?constructor=1',
    '?limit=%ff',
    '?limit=%zz',
    '?Limit=1',
  ])('of %s is refused', async (query) => {
    const { ask, backend } = await open()
    const answer = await ask('GET', `/orders${query}`)
    expect(answer.json()).toMatchObject({ status: 400, code: 'PTC_GATEWAY_REQUEST_INVALID' })
    expect(backend.hits).toEqual([])
  })
})

describe('a path and header fields', () => {
  it('are held to their schemas, by the names of the document', async () => {
    const { ask, backend } = await open()
    for (const id of ['0', '1000000', 'me', '1.5', '01', '%31%20'])
      expect((await ask('GET', `/orders/${id}`)).statusCode).toBe(400)
    expect((await ask('GET', '/orders/0')).json()).toMatchObject({ error: 'Invalid request: params.id must be >= 1.' })
    expect(backend.hits).toEqual([])
    expect((await ask('GET', '/orders/42')).statusCode).toBe(200)
    expect((await ask('HEAD', '/orders/42')).statusCode).toBe(200)
    expect((await ask('HEAD', '/orders/me')).statusCode).toBe(400)
    expect(backend.hits.map(({ url }) => url)).toEqual(['/o/42', '/o/42'])
  })

  it('are told of by the names of the schema alone', async () => {
    const { ask } = await open()
    const answer = await ask('GET', '/orders', undefined, { 'x-tenant': '<script>' })
    expect(answer.json()).toMatchObject({
      error: 'Invalid request: headers.x-tenant must match pattern "^[a-z]{1,10}$".',
    })
  })
})

it('tells under reportOnly, and lets pass', async () => {
  const { ask, backend, events, bodies } = await open({ openapi: document, reportOnly: true })
  expect((await ask('POST', '/orders?admin=1', '{"quantity":11}')).statusCode).toBe(200)
  expect((await ask('POST', '/orders', 'x', { 'content-type': 'text/plain' })).statusCode).toBe(200)
  expect(backend.hits).toHaveLength(2)
  expect(bodies.map(String)).toEqual(['{"quantity":11}', 'x'])
  const told = events.filter(({ outcome }) => outcome === 'observed').map(({ code, detail }) => [code, detail])
  expect(told).toEqual([
    ['PTC_GATEWAY_REQUEST_INVALID', { part: 'query', rule: 'additionalProperties' }],
    ['PTC_GATEWAY_REQUEST_INVALID', { part: 'body', rule: 'maximum' }],
    ['PTC_GATEWAY_MEDIA_TYPE', { rule: 'media-type' }],
  ])
})

describe('members that travel one way', () => {
  it('are not required of the other, even where another part of the schema requires them', async () => {
    const schema = {
      allOf: [{ $ref: '#/$defs/Base' }, { required: ['id', 'name'] }],
      unevaluatedProperties: false,
      $defs: {
        Base: { type: 'object', required: ['id'], properties: { id: { $ref: '#/$defs/Id' }, name: {} } },
        Id: { readOnly: true },
      },
    }
    const match = { method: 'POST', path: '/a' } as const
    const backend = await startBackend()
    const { app } = await stage(backend.port, {
      routes: [{ match, upstream: 'user-service', schema: { body: schema } }],
    })
    const post = async (payload: object) => (await app.inject({ method: 'POST', url: '/a', payload })).statusCode
    expect([
      await post({ name: 1 }),
      await post({ name: 1, id: 1 }),
      await post({}),
      await post({ name: 1, b: 1 }),
    ]).toEqual([200, 400, 400, 400])
  })
})

it('finds operations behind the paths of servers', async () => {
  const { backend } = await startKeeper()
  const servers = [{ url: 'https://api.example.com/v1/' }, { url: '/v2' }, { url: 'https://{region}.example.com/v3' }]
  const routesOf = (...bases: string[]): GatewayRoute[] =>
    bases.map((base) => ({ match: { path: `${base}/orders/:id` }, upstream: 'user-service' }))
  const options = { openapi: { ...document, servers } }
  const { app } = await stage(backend.port, { routes: routesOf('/v1', '/v2', ''), options })
  const get = async (url: string) => (await app.inject(url)).statusCode
  expect([await get('/v1/orders/1'), await get('/v2/orders/1'), await get('/orders/1')]).toEqual([200, 200, 200])
  expect([await get('/v1/orders/a'), await get('/v2/orders/a'), await get('/orders/a')]).toEqual([400, 400, 400])
  const { '/orders/{orderId}': item, ...paths } = document.paths
  const moved = { ...options.openapi, paths: { ...paths, '/orders/{orderId}': { ...item, servers: [{ url: '/v4' }] } } }
  const other = await stage(backend.port, { routes: routesOf('/v4'), options: { openapi: moved } })
  expect((await other.app.inject('/v4/orders/a')).statusCode).toBe(400)
  const strange = stage(backend.port, { routes: routesOf('/v3'), options })
  await expect(strange).rejects.toThrow(/has no GET \/v3\/orders\/:id/)
})

describe('a schema of a route', () => {
  const one = async (schema: object, match: object = {}) => {
    const { backend, bodies } = await startKeeper()
    const route = { match: { method: 'POST', path: '/a/:id', ...match }, upstream: 'user-service', schema }
    return { ...(await stage(backend.port, { routes: [route as GatewayRoute] })), backend, bodies }
  }

  it('judges the parts that it names, and leaves the others as they come', async () => {
    const { app, backend } = await one({ querystring: { type: 'object', properties: { n: { type: 'integer' } } } })
    const post = async (url: string) =>
      (await app.inject({ method: 'POST', url, payload: 'x', headers: { 'content-type': 'text/plain' } })).statusCode
    expect([await post('/a/x?n=1&other=2&other=3'), await post('/a/x?n=x')]).toEqual([200, 400])
    expect(backend.hits).toHaveLength(1)
  })

  it('names header fields in any case, and all others pass', async () => {
    const headers = { type: 'object', required: ['X-Tenant'], properties: { 'X-Tenant': { type: 'integer' } } }
    const { app } = await one({ headers }, { method: 'GET' })
    const get = async (tenant: object) =>
      (await app.inject({ url: '/a/1', headers: { 'x-other': 'y', ...tenant } })).statusCode
    expect([await get({}), await get({ 'x-tenant': 'a' }), await get({ 'x-tenant': '5' })]).toEqual([400, 400, 200])
  })

  it('takes hundredths as others do', async () => {
    const { app } = await one({ body: { type: 'number', multipleOf: 0.01 } })
    const post = async (payload: string) =>
      (await app.inject({ method: 'POST', url: '/a/1', payload, headers: { 'content-type': 'application/json' } }))
        .statusCode
    expect([await post('9.95'), await post('0.07'), await post('9.955')]).toEqual([200, 200, 400])
  })

  it('wants a body where it speaks of one', async () => {
    const { app } = await one({ body: true })
    expect((await app.inject({ method: 'POST', url: '/a/1' })).statusCode).toBe(400)
    expect((await app.inject({ method: 'POST', url: '/a/1', payload: {} })).statusCode).toBe(200)
  })

  it('stands above the document, and false switches both off', async () => {
    const own = { ...routes[2], schema: { querystring: { type: 'object' } } } as GatewayRoute
    const { backend } = await startKeeper()
    const off = { ...routes[0], schema: false } as GatewayRoute
    const { app } = await stage(backend.port, { routes: [own, off], options: { openapi: document } })
    const post = async (url: string) => (await app.inject({ method: 'POST', url, payload: {} })).statusCode
    expect([await post('/payments?a=1'), await post('/orders?a=1')]).toEqual([200, 200])
  })
})

it('holds to schemas what comes by HTTP/2 without a length', async () => {
  const { backend, bodies } = await startKeeper()
  const { listen } = await stage(backend.port, {
    routes,
    options: { openapi: document },
    server: { http2: true } as never,
  })
  const session = connect(`http://127.0.0.1:${await listen()}`)
  const ask = async (method: string, path: string, body?: string): Promise<number> => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    const stream = session.request({ ':method': method, ':path': path, ...type }, { endStream: body === undefined })
    if (body !== undefined) stream.end(body)
    const [fields] = (await once(stream, 'response')) as [{ ':status': number }]
    stream.resume()
    await once(stream, 'close')
    return fields[':status']
  }
  try {
    expect(await ask('POST', '/orders', '{"quantity":1}')).toBe(200)
    expect(await ask('POST', '/orders', '{"quantity":0}')).toBe(400)
    expect(await ask('POST', '/orders', '')).toBe(400)
    expect(await ask('POST', '/orders')).toBe(400)
    expect(await ask('DELETE', '/orders/1')).toBe(200)
    expect(await ask('DELETE', '/orders/1', '')).toBe(200)
    expect(await ask('DELETE', '/orders/1', '{}')).toBe(400)
    expect(bodies.map(String)).toEqual(['{"quantity":1}', '', ''])
  } finally {
    session.destroy()
  }
})
