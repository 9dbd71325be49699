import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import Fastify from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import gateway, { type GatewayRoute } from '../src/index.ts'
import { Compiler } from '../src/schemas/compiler.ts'
import { readJson } from '../src/schemas/json.ts'
import { wholeOf, within } from '../src/schemas/pointer.ts'
import { document } from './openapi.ts'
import { official } from './official.ts'
import { optionsFor, rawExchange, send, stage, startBackend } from './stage.ts'

const ORDERS: GatewayRoute[] = [
  { match: { method: ['GET', 'POST'], path: '/orders' }, upstream: 'user-service', forwardCookies: ['theme'] },
]

/** Whatever a service would make of JSON: the last of two members, as JavaScript, or the first, as others. */
const firstOf = (body: string): string | undefined => /"quantity":(\d+)/.exec(body)?.[1]

async function recording() {
  const bodies: string[] = []
  const backend = await startBackend((request: IncomingMessage, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')))
    request.on('end', () => {
      bodies.push(body)
      response.setHeader('content-type', 'application/json')
      response.end('{}')
    })
  })
  return { ...backend, bodies }
}

const json = { 'content-type': 'application/json' }

describe('whoever sends what a service does not expect', () => {
  it('does not reach it with a body that the document forbids', async () => {
    const backend = await recording()
    const attack = '{"quantity":1,"admin":true}'
    const request = { method: 'POST', url: '/orders', payload: attack, headers: json } as const
    expect((await (await official(backend.port)).inject(request)).statusCode).toBe(200)
    const open = await stage(backend.port, { routes: ORDERS })
    expect((await open.app.inject(request)).statusCode).toBe(200)
    expect(backend.bodies).toEqual([attack, attack])

    const { app, events } = await stage(backend.port, { routes: ORDERS, options: { openapi: document } })
    expect((await app.inject(request)).json()).toMatchObject({ code: 'PTC_GATEWAY_REQUEST_INVALID' })
    expect(backend.bodies).toHaveLength(2)
    expect(events).toMatchObject([
      { type: 'gateway.rejected', outcome: 'denied', detail: { part: 'body', rule: 'additionalProperties' } },
    ])
  })

  it('does not pass with a member twice, of which each reader takes another', async () => {
    const attack = '{"quantity":9000,"quantity":1}'
    const order = document.components.schemas.Order
    const bare = Fastify()
    onTestFinished(() => bare.close())
    bare.post(
      '/orders',
      { schema: { body: { ...order, properties: { quantity: order.properties.quantity } } } },
      () => ({}),
    )
    const request = { method: 'POST', url: '/orders', payload: attack, headers: json } as const
    const payload = { ...request, payload: attack.replace('{', '{"id":1,') }
    expect((await bare.inject(payload)).statusCode).toBe(200)
    expect(firstOf(attack)).toBe('9000')

    const backend = await recording()
    const { app, events } = await stage(backend.port, { routes: ORDERS, options: { openapi: document } })
    expect((await app.inject(request)).statusCode).toBe(400)
    expect(events).toMatchObject([{ detail: { part: 'body', rule: 'duplicate-member' } }])
    expect(backend.bodies).toEqual([])
  })

  it('does not write with a JSON body under another name what the JSON schema forbids', async () => {
    const bare = Fastify()
    onTestFinished(() => bare.close())
    bare.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    const content = { 'application/json': { schema: { type: 'object', required: ['quantity'] } } }
    bare.post('/orders', { schema: { body: { content } } }, () => ({}))
    const request = {
      method: 'POST',
      url: '/orders',
      payload: '{}',
      headers: { 'content-type': 'text/plain' },
    } as const
    expect((await bare.inject(request)).statusCode).toBe(200)

    const backend = await recording()
    const { app } = await stage(backend.port, { routes: ORDERS, options: { openapi: document } })
    expect((await app.inject(request)).statusCode).toBe(415)
    const none = { ...request, headers: { 'content-type': '' } }
    expect((await app.inject(none)).statusCode).toBe(415)
    expect(backend.bodies).toEqual([])
  })

  it('does not take a judged field off the way with Connection', async () => {
    const backend = await startBackend()
    const required = structuredClone(document)
    required.components.parameters.Tenant.required = true
    const options = { openapi: required, forwardFields: ['x-tenant'] }
    const port = await (await stage(backend.port, { routes: ORDERS, options })).listen()
    const headers = { 'x-tenant': 'one' }
    expect((await send(port, { path: '/orders', headers })).status).toBe(200)
    expect(backend.hits[0]?.headers['x-tenant']).toBe('one')
    expect((await send(port, { path: '/orders', headers: { ...headers, connection: 'x-tenant' } })).status).toBe(400)
    expect(backend.hits).toHaveLength(1)
  })

  it('does not pass with members that every object inherits', async () => {
    const schema = { type: 'object', required: ['constructor', 'toString'] }
    expect(new Ajv2020().validate(schema, {})).toBe(true)
    const backend = await startBackend()
    const match = { method: 'POST', path: '/a' } as const
    const { app } = await stage(backend.port, {
      routes: [{ match, upstream: 'user-service', schema: { body: schema } }],
    })
    const post = async (payload: string) =>
      (await app.inject({ method: 'POST', url: '/a', payload, headers: json })).statusCode
    expect(await post('{}')).toBe(400)
    expect(await post('{"__proto__":{"constructor":1,"toString":1}}')).toBe(400)
    expect(await post('{"constructor":1,"toString":1}')).toBe(200)
  })

  it('has nothing of a body taken for a request', async () => {
    const backend = await startBackend()
    const port = await (await stage(backend.port, { routes: ORDERS, options: { openapi: document } })).listen()
    const smuggled = 'GET /orders?limit=7 HTTP/1.1\r\nhost: a\r\n\r\n'
    for (const type of ['application/json', 'text/plain']) {
      const head = `POST /orders HTTP/1.1\r\nhost: a\r\ncontent-type: ${type}\r\ncontent-length: ${smuggled.length}\r\n\r\n`
      expect(await rawExchange(port, head + smuggled)).toMatch(/^HTTP\/1\.1 4(?:00|15) /)
    }
    expect(backend.hits).toEqual([])
  })

  it('sends nothing on its way by leaving in the middle of a body', async () => {
    const backend = await startBackend()
    const { app, events } = await stage(backend.port, { routes: ORDERS, options: { openapi: document } })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const client = request({ port: (app.server.address() as AddressInfo).port, method: 'POST', path: '/orders' })
    client.on('error', () => {})
    client.setHeader('content-type', 'application/json').setHeader('content-length', '100')
    client.write('{"quantity":1}')
    await once(app.server, 'request')
    client.destroy()
    await vi.waitFor(() => expect(events).toMatchObject([{ code: 'PTC_GATEWAY_REQUEST_MALFORMED' }]))
    expect(backend.hits).toEqual([])
  })

  it('is told nothing that they sent', async () => {
    const backend = await startBackend()
    const { app } = await stage(backend.port, { routes: ORDERS, options: { openapi: document } })
    const mark = 'zzMARKzz'
    const bodies = [
      { [mark]: 1, quantity: 1 },
      { quantity: mark },
      { quantity: 1, note: mark.repeat(50) },
      { quantity: 1, parts: [{ [mark]: 2 }] },
      { quantity: 1, parts: { [mark]: 3 } },
      [mark],
      mark,
    ].map((body) => JSON.stringify(body))
    for (const payload of [...bodies, `${mark}`, `{"${mark}":1,"${mark}":1}`]) {
      const answer = await app.inject({ method: 'POST', url: '/orders', payload, headers: json })
      expect(answer.statusCode).toBe(400)
      expect(answer.body + JSON.stringify(answer.headers)).not.toContain(mark)
    }
    for (const query of [`${mark}=1`, `limit=${mark}`, `state=${mark}`]) {
      const answer = await app.inject(`/orders?${query}`)
      expect(answer.statusCode).toBe(400)
      expect(answer.body).not.toContain(mark)
    }
    expect(backend.hits).toEqual([])
  })

  it('does not have the gateway fetch a schema', async () => {
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(request.url ?? '')
      response.end('{}')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const remote = { $ref: `http://127.0.0.1:${port}/order.json` }
    const options = await optionsFor(1, { routes: [{ ...(ORDERS[0] as GatewayRoute), schema: { body: remote } }] })
    const app = Fastify()
    onTestFinished(() => app.close())
    await expect(app.register(gateway, options).ready()).rejects.toThrow(/nothing is fetched/)
    expect(asked).toEqual([])
  })
})

const values = fc.jsonValue({ maxDepth: 3 })

describe('what is decided', () => {
  it('of JSON is what JSON.parse makes of it, where no member stands twice', () => {
    const spaces = fc.constantFrom('', ' ', '\n\t')
    fc.assert(
      fc.property(values, spaces, (value, space) => {
        const text = JSON.stringify(value, null, space)
        expect(readJson(Buffer.from(text))).toEqual({ value: JSON.parse(text) })
      }),
    )
    const names = fc.string({ minLength: 1 })
    fc.assert(
      fc.property(names, values, values, values, (name, one, other, around) => {
        const [key, a, b, c] = [name, one, other, around].map((part) => JSON.stringify(part))
        expect(readJson(Buffer.from(`[${c},{${key}:${a},"\\"\\\\:":1,${key}:${b}}]`))).toEqual({
          fault: 'duplicate-member',
        })
      }),
    )
  })

  it('of bytes that are no JSON is that they are none', () => {
    const texts = fc.oneof(
      fc
        .string({ unit: fc.constantFrom(...'{}[]":,\\ 01e-tnu'.split('')), maxLength: 12 })
        .map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    )
    fc.assert(
      fc.property(texts, (bytes) => {
        let parsed: unknown
        try {
          parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
        } catch {
          expect(readJson(bytes)).toEqual({ fault: 'malformed' })
          return
        }
        const read = readJson(bytes)
        if ('value' in read) expect(read.value).toEqual(parsed)
        else expect(read.fault).toBe('duplicate-member')
      }),
      { numRuns: 2000 },
    )
  })

  it('of lists without duplicates is what Ajv decides, which compares each with each', () => {
    const schema = { uniqueItems: true }
    const { validate: ours } = new Compiler('request').compile(wholeOf(schema, ''))
    const theirs = new Ajv2020({ strict: false }).compile(schema)
    const few = fc.array(
      fc.oneof(fc.constantFrom(0, -0, 1, '1', null, true, 'true', [], {}, { a: 1, b: 2 }, { b: 2, a: 1 }), values),
    )
    fc.assert(
      fc.property(few, (list) => {
        // Of such members Ajv thinks that they are methods, and throws.
        fc.pre(!/"(?:valueOf|toString)":/.test(JSON.stringify(list)))
        expect(ours(list)).toBe(theirs(list))
      }),
      { numRuns: 1000 },
    )
  })

  it('of lengths is what Ajv decides, which counts the characters of every text', () => {
    const bound = fc.integer({ min: 0, max: 6 })
    const units = fc.constantFrom('a', '\xe9', '\ud83d\ude00', '\ud83d', '\ude00')
    fc.assert(
      fc.property(fc.array(units, { maxLength: 7 }), bound, bound, (text, minLength, maxLength) => {
        const schema = { minLength, maxLength }
        const { validate: ours } = new Compiler('request').compile(wholeOf(schema, ''))
        const theirs = new Ajv2020({ strict: false }).compile(schema)
        expect(ours(text.join(''))).toBe(theirs(text.join('')))
        const words = (errors: typeof ours.errors) => errors?.map(({ message, keyword }) => [keyword, message])
        if (minLength <= maxLength) expect(words(ours.errors)).toEqual(words(theirs.errors))
      }),
      { numRuns: 300 },
    )
  })

  it('of lists without duplicates does not fall for names of methods', () => {
    const { validate } = new Compiler('request').compile(wholeOf({ uniqueItems: true }, ''))
    expect(validate([{}, { valueOf: 1 }])).toBe(true)
    expect(validate([{ toString: 1 }, { toString: 1 }])).toBe(false)
  })

  it('of orders is what Ajv decides by the schema as one would write it for requests', () => {
    const { Order } = document.components.schemas
    const { id: _id, ...properties } = Order.properties
    const order = {
      ...Order,
      $id: 'order',
      required: ['quantity'],
      properties: { ...properties, parts: { type: 'array', items: { $ref: 'order' } } },
    }
    const theirs = new Ajv2020({ formats: { date: /^\d{4}-\d\d-\d\d$/ } }).compile(order)
    const { validate: ours } = new Compiler('request').compile(
      within(wholeOf(document, ''), 'components', 'schemas', 'Order'),
    )
    const orders = fc.letrec((tie) => ({
      order: fc.record(
        {
          id: fc.constant(1),
          quantity: fc.oneof(
            { weight: 9, arbitrary: fc.integer({ min: 0, max: 11 }) },
            fc.constantFrom('1', 1.5, null),
          ),
          note: fc.oneof(fc.string({ maxLength: 5 }), fc.constant(null), fc.constant(1)),
          secret: fc.string({ maxLength: 3 }),
          deliver: fc.constantFrom('2026-01-31', 'soon'),
          tags: fc.array(fc.constantFrom('a', 'b', 'c', 1), { maxLength: 3 }),
          parts: fc.array(tie('order'), { maxLength: 2 }),
          other: fc.constant(1),
        },
        { requiredKeys: ['quantity'] },
      ),
    })).order
    let admitted = 0
    fc.assert(
      fc.property(fc.oneof(orders, values), (value) => {
        const verdict = theirs(value)
        if (verdict) admitted++
        expect(ours(value)).toBe(verdict)
      }),
      { numRuns: 2000 },
    )
    expect(admitted).toBeGreaterThan(0)
  })
})
