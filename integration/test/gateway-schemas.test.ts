import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import security, { type SecurityOptions, serverOptions } from '@portcullis/security'
import Fastify from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'

const note = { type: 'object', additionalProperties: false, properties: { text: { type: 'string', maxLength: 20 } } }

/** A document with everything that a strict application asks of schemas. */
const openapi = {
  openapi: '3.1.1',
  info: { title: 'Notes', version: '1' },
  paths: {
    '/notes': {
      get: {
        parameters: [
          { name: 'limit', in: 'query', schema: { $ref: '#/components/schemas/Limit' } },
          { name: 'tag', in: 'query', schema: { type: 'array', maxItems: 3, items: { enum: ['a', 'b'] } } },
        ],
      },
      post: {
        requestBody: {
          required: true,
          content: {
            'application/json': { schema: { $ref: '#/components/schemas/Note' } },
            'application/octet-stream': {},
          },
        },
      },
    },
    '/notes/{id}': {
      delete: {
        parameters: [
          { name: 'id', in: 'path', required: true, schema: { type: 'string', pattern: '^[0-9]{1,9}$', maxLength: 9 } },
        ],
      },
    },
  },
  components: {
    schemas: {
      Limit: { type: 'integer', minimum: 1, maximum: 100 },
      Note: {
        ...note,
        properties: {
          ...note.properties,
          number: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
          notes: { type: 'array', maxItems: 2, items: { $ref: '#/components/schemas/Note' } },
        },
      },
    },
  },
}

async function open(document: object = openapi, more: SecurityOptions = {}, bodyLimit = 1_048_576) {
  const bodies: string[] = []
  const service = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')))
    request.on('end', () => {
      bodies.push(`${request.method} ${request.url} ${body}`)
      response.end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(service, 'listening')
  const app = Fastify(serverOptions({ trustProxy: false }))
  onTestFinished(async () => {
    await app.close()
    service.close()
  })
  await app.register(security, {
    headers: false,
    audit: false,
    validation: { strict: true, looseSchemas: 'refuse', contentEncodings: ['gzip'] },
    gateway: {
      upstreams: {
        notes: { targets: [`http://127.0.0.1:${(service.address() as AddressInfo).port}`], dangerouslyPlaintext: true },
      },
      internalToken: { issuer: 'gateway', key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
      dangerouslyWithoutAuth: true,
      openapi: document,
      bodyLimit,
      routes: [
        { match: { method: ['GET', 'POST'], path: '/notes' }, upstream: 'notes' },
        { match: { method: 'DELETE', path: '/notes/:id' }, upstream: 'notes' },
      ],
    },
    ...more,
  })
  const json = { 'content-type': 'application/json' }
  const post = (payload: string | Buffer, headers: object = json) =>
    app.inject({ method: 'POST', url: '/notes', payload, headers: headers as Record<string, string> })
  return { app, bodies, post }
}

describe('a gateway behind a document, with the validation room at its strictest', () => {
  it('boots: what the document says is what the room finds', async () => {
    const { app, bodies, post } = await open()
    expect((await app.inject('/notes?limit=5&tag=a&tag=b')).statusCode).toBe(200)
    expect((await post(' {"text":"a"}')).statusCode).toBe(200)
    expect((await app.inject({ method: 'DELETE', url: '/notes/12' })).statusCode).toBe(200)
    expect((await post(Buffer.from([0xff, 0xfe]), { 'content-type': 'application/octet-stream' })).statusCode).toBe(200)
    expect(bodies).toEqual([
      'GET /notes?limit=5&tag=a&tag=b ',
      'POST /notes  {"text":"a"}',
      'DELETE /notes/12 ',
      'POST /notes \xff\xfe',
    ])
  })

  it.each([
    [
      'a schema without bounds',
      { Note: { type: 'object', properties: { text: { type: 'string' } } } },
      /takes members that it does not name/,
    ],
    ['a pattern that backtracks', { Note: { type: 'string', pattern: '^(a+)+$', maxLength: 20 } }, /exponential/],
  ])('refuses to boot with %s, behind a reference too', async (_what, schemas, said) => {
    const document = { ...openapi, components: { schemas: { ...openapi.components.schemas, ...schemas } } }
    const { app } = await open(document)
    await expect(app.ready()).rejects.toThrow(said)
  })

  it.each([
    ['depth', `{"notes":${'['.repeat(40)}${']'.repeat(40)}}`],
    ['a member twice', '{"text":"a","text":"b"}'],
    ['a number that no double holds', '{"number":9007199254740993}'],
    ['the name of a prototype', '{"__proto__":{}}'],
  ])("applies the room's limits to what is judged: %s", async (_what, body) => {
    const { bodies, post } = await open()
    expect((await post(body)).json()).toMatchObject({ code: 'PTC_VALIDATION_JSON_REFUSED' })
    expect(bodies).toEqual([])
  })

  it('judges what the room has inflated, and forwards that', async () => {
    const { bodies, post } = await open()
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    expect((await post(gzipSync('{"text":1}'), headers)).json()).toMatchObject({ code: 'PTC_GATEWAY_REQUEST_INVALID' })
    expect((await post(gzipSync('{"text":"a"}'), headers)).statusCode).toBe(200)
    expect(bodies).toEqual(['POST /notes {"text":"a"}'])
  })

  it('refuses what no part of the document takes', async () => {
    const { app, bodies, post } = await open()
    expect((await app.inject('/notes?other=1')).statusCode).toBe(400)
    expect((await app.inject('/notes?limit=1&limit=2')).statusCode).toBe(400)
    expect((await app.inject({ method: 'DELETE', url: '/notes/12?a=1' })).statusCode).toBe(400)
    expect(
      (
        await app.inject({
          method: 'DELETE',
          url: '/notes/12',
          payload: '{}',
          headers: { 'content-type': 'application/json' },
        })
      ).statusCode,
    ).toBe(400)
    expect((await post('{}', { 'content-type': 'text/plain' })).statusCode).toBe(415)
    expect(bodies).toEqual([])
  })
})

describe('the limit of bodies is the one of the route', () => {
  it('refuses a body that is announced too large, before it comes', async () => {
    const { app, bodies } = await open(openapi, {}, 1000)
    await app.listen({ host: '127.0.0.1', port: 0 })
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
    let heard = ''
    socket.on('data', (chunk) => (heard += String(chunk)))
    socket.write('POST /notes HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{')
    await vi.waitFor(() => expect(heard).toMatch(/^HTTP\/1\.1 413 /))
    socket.destroy()
    expect(bodies).toEqual([])
  })

  it('takes a body that is larger than what the app reads elsewhere', async () => {
    const { bodies, post } = await open(openapi, {}, 4_194_304)
    expect((await post(`${' '.repeat(2_097_152)}{"text":"a"}`)).statusCode).toBe(200)
    expect(bodies).toHaveLength(1)
  })
})

it('lets a limit count what a judged body says', async () => {
  const policy = { name: 'per-text', limit: 1, window: 60, partitionBy: { body: 'text' } } as const
  const { bodies, post } = await open(openapi, { rateLimit: { policies: [policy as never] } })
  const statuses = []
  for (const text of ['a', 'a', 'b']) statuses.push((await post(JSON.stringify({ text }))).statusCode)
  expect(statuses).toEqual([200, 429, 200])
  expect(bodies).toHaveLength(2)
})
