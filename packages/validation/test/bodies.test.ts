import { once } from 'node:events'
import { connect } from 'node:http2'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import validation from '../src/index.ts'
import { anything, bare, guarded, json, listen, portOf, wire } from './apps.ts'

describe('a form', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const declare = (app: FastifyInstance): void => {
    app.addContentTypeParser(form['content-type'], { parseAs: 'string' }, (_request, text, done) =>
      done(null, Object.fromEntries(new URLSearchParams(text as string))),
    )
    app.post('/', { schema: { body: anything } }, async ({ body }) => Object.keys(body as object))
  }
  const send = (app: FastifyInstance, payload: string | Buffer) =>
    app.inject({ method: 'POST', url: '/', headers: form, payload })

  it.each([
    ['the name of a prototype', '__proto__=1'],
    ['the name of a prototype, encoded', 'a=1&%5f_proto__=1'],
    ['the name of a prototype within a path', 'a[constructor][prototype]=1'],
    ['bytes that are not UTF-8', Buffer.from('613dff', 'hex')],
    ['an overlong form', 'a=%c0%af'],
    ['an encoding that is none', 'a=%zz'],
    ['101 fields', 'a=1&'.repeat(101)],
  ])('with %s reaches the handler of a bare Fastify, and is refused here', async (_name, payload) => {
    const open = bare()
    const closed = await guarded({ mediaTypes: [form['content-type']], json: { keys: 100 } })
    for (const app of [open, closed]) declare(app)
    expect((await send(open, payload)).statusCode).toBe(200)
    expect((await send(closed, payload)).json()).toMatchObject({ code: 'PTC_VALIDATION_FORM_REFUSED', status: 400 })
  })

  it('as browsers send it passes', async () => {
    const app = await guarded({ mediaTypes: [form['content-type']], json: { keys: 4 } })
    declare(app)
    expect((await send(app, 'a=1+2&caf%C3%A9=100%25&b[]=x%26y&c')).json()).toEqual(['a', 'café', 'b[]', 'c'])
  })
})

describe('a compressed body', () => {
  const text = '{"a":1}'
  const send = (app: FastifyInstance, encoding: string, payload: Buffer) =>
    app.inject({ method: 'POST', url: '/', headers: { ...json, 'content-encoding': encoding }, payload })

  it.each([
    ['gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['br', brotliCompressSync(text)],
  ] as const)('of %s is read to its end, and nothing may follow it', async (encoding, payload) => {
    const app = await guarded({ contentEncodings: [encoding] })
    app.post('/', { schema: { body: anything } }, async (request) => request.body)
    expect((await send(app, encoding, payload)).json()).toEqual({ a: 1 })
    for (const wrong of [Buffer.concat([payload, Buffer.from('more')]), payload.subarray(0, -1)])
      expect((await send(app, encoding, wrong)).json()).toMatchObject({ code: 'PTC_VALIDATION_BODY_MALFORMED' })
  })

  it.each([
    ['too large', gzipSync(Buffer.alloc(5000, ' '))],
    ['none', Buffer.from('none')],
  ])('that is %s is answered under reportOnly too', async (_name, payload) => {
    const app = await guarded({ contentEncodings: ['gzip'], reportOnly: true }, { bodyLimit: 1000 })
    app.post('/', { schema: { body: anything } }, async () => 'through')
    const seen = listen(app)
    const { socket, answer } = await wire(await portOf(app))
    socket.write(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nConnection: close\r\n' +
        `Content-Length: ${payload.length}\r\n\r\n`,
    )
    socket.write(payload)
    expect(await answer()).toMatch(/^HTTP\/1\.1 400 /)
    expect(seen).toMatchObject([{ type: 'validation.rejected', outcome: 'observed' }])
  })
})

it('a Content-Type that comes twice is read by a bare Fastify as it pleases, and refused here', async () => {
  const types = 'Content-Type: application/json\r\nContent-Type: text/plain\r\n'
  const answers: string[] = []
  for (const app of [bare(), await guarded()]) {
    app.post('/', { schema: { body: anything } }, async (request) => request.body)
    const { socket, answer } = await wire(await portOf(app))
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\n${types}Connection: close\r\nContent-Length: 7\r\n\r\n{"a":1}`)
    answers.push(await answer())
  }
  expect(answers[0]).toContain('{"a":1}')
  expect(answers[1]).toMatch(/^HTTP\/1\.1 415 /)
})

describe('over HTTP/2', () => {
  async function session(reportOnly = false) {
    const app = Fastify({ http2: true })
    await app.register(validation, {
      reportOnly,
      bodyRate: { bytesPerSecond: 1000, grace: 1 },
      mediaTypes: ['application/json', 'application/octet-stream'],
    })
    app.addContentTypeParser('application/octet-stream', async (_request: unknown, payload: AsyncIterable<Buffer>) => {
      let bytes = 0
      for await (const chunk of payload) bytes += chunk.length
      return { bytes }
    })
    app.post('/none', async (request, reply) => {
      reply.header('x-body', JSON.stringify(request.body ?? null))
      return 'through'
    })
    app.post('/any', { schema: { body: {} } }, async (request) => request.body)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const client = connect(`http://127.0.0.1:${(app.server.address() as { port: number }).port}`)
    onTestFinished(async () => {
      client.destroy()
      await app.close()
    })
    return async (path: string, send: (stream: ReturnType<typeof client.request>) => void, type?: string) => {
      const stream = client.request({ ':method': 'POST', ':path': path, ...(type && { 'content-type': type }) })
      stream.on('error', () => undefined)
      const answered = once(stream, 'response')
      send(stream)
      const [headers] = (await answered) as [Record<string, unknown>]
      stream.close()
      return headers['x-body'] ?? headers[':status']
    }
  }

  it('a request that turns out to bring no body is no request with one', async () => {
    const post = await session()
    expect(await post('/none', (stream) => stream.end())).toBe('null')
    expect(await post('/none', (stream) => stream.end('{}'), 'application/json')).toBe(400)
  })

  it('a body that nobody described goes on under reportOnly', async () => {
    const post = await session(true)
    const send = (stream: { write(text: string): unknown; end(text: string): unknown }): void => {
      stream.write('{"a":')
      setImmediate(() => stream.end('1}'))
    }
    expect(await post('/none', send, 'application/json')).toBe('{"a":1}')
  })

  it.each(['application/json', 'application/octet-stream'])('a slow body of %s is cut', async (type) => {
    const post = await session()
    let drip: NodeJS.Timeout | undefined
    const status = await post('/any', (stream) => (drip = setInterval(() => stream.write(' '), 100)), type)
    clearInterval(drip)
    expect(status).toBe(408)
  })

  it('a body in many pieces is handed on whole', async () => {
    const post = await session()
    const send = (stream: { write(text: string): unknown; end(): unknown }): void => {
      for (let i = 0; i < 100; i++) stream.write('x'.repeat(1000))
      stream.end()
    }
    expect(await post('/any', send, 'application/octet-stream')).toBe(200)
  })
})
