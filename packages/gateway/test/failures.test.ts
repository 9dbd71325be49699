import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { SecurityEvent } from '@portcullis/kernel'
import { expect, it, onTestFinished, vi } from 'vitest'
import { authority, closing, listen, send, stage, startBackend } from './stage.ts'

/** A service that answers each connection with bytes of our choice. */
async function startRawBackend(answer: (socket: Socket) => void): Promise<number> {
  const server = createTlsServer(await (await authority()).issue('user-service.local'), (socket) => {
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  })
  onTestFinished(() => void server.close())
  return listen(server)
}

it('answers 504 when a service accepts the connection and then says nothing', async () => {
  const server = createServer((socket) => socket.on('error', () => {}))
  onTestFinished(() => void server.close())
  const { app, events } = await stage(await listen(server), { upstream: { timeouts: { connect: 1 } } })
  expect((await app.inject('/users/profile')).statusCode).toBe(504)
  expect(events).toMatchObject([{ detail: { reason: 'UND_ERR_CONNECT_TIMEOUT' } }])
})

it.each([
  ['is not HTTP', 'SSH-2.0-OpenSSH\r\n'],
  ['has a status no client knows', 'HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n'],
  ['declares two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello'],
  [
    'declares a length and chunks',
    'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['has 64 KiB of fields', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(65_536)}\r\n\r\n`],
  ['switches protocols unasked', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n'],
  ['ends before its first piece', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'],
])('answers 502 to an answer that %s', async (_what, text) => {
  const port = await startRawBackend((socket) => socket.end(text))
  const { app, events } = await stage(port)
  const answer = await app.inject('/users/profile')
  expect(answer.json()).toMatchObject({ status: 502, code: 'PTC_GATEWAY_UPSTREAM_FAILED' })
  expect(events).toMatchObject([{ type: 'gateway.upstream-failed', outcome: 'denied' }])
})

it.each([
  ['says so first', { 'content-length': '2000' }, 502],
  ['does not', {}, 200],
])('cuts an answer at its limit that %s', async (_how, fields, status) => {
  const backend = await startBackend((_request, response) => {
    response.writeHead(200, fields)
    response.write(Buffer.alloc(100))
    setTimeout(() => response.end(Buffer.alloc(1_900)), 50)
  })
  const staged = await stage(backend.port, { route: { responseLimit: 1_999 }, upstream: { circuit: { failures: 1 } } })
  const port = await staged.listen()
  const answer = await send(port)
  expect(answer).toMatchObject({ status, whole: status === 502 })
  expect(answer.body.length).toBeLessThan(2_000)
  const type = status === 502 ? 'gateway.upstream-failed' : 'gateway.cut'
  expect(staged.events).toMatchObject([{ type, detail: { reason: 'ANSWER_TOO_LARGE' } }])
  // The length that HEAD tells is not sent; and the target is not given up.
  expect((await send(port, { method: 'HEAD' })).status).toBe(200)
  const wide = await stage(backend.port, { options: { responseLimit: 2_000 } })
  expect(await send(await wide.listen())).toMatchObject({ status: 200, whole: true })
})

it('answers 504 within the milliseconds that are asked for', async () => {
  const backend = await startBackend(() => {})
  // Nobody takes the connection's handshake up.
  const deaf = createServer((socket) => socket.on('error', () => {}))
  onTestFinished(() => void deaf.close())
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  for (const [port, staging] of [
    [backend.port, { upstream: { timeouts: { headersMs: 50 } } }],
    [backend.port, { route: { timeouts: { headersMs: 50 } }, upstream: { timeouts: { headersMs: 3_000 } } }],
    [await listen(deaf), { upstream: { timeouts: { headersMs: 50 } } }],
  ] as const) {
    backend.hits.length = 0
    const staged = await stage(port, staging)
    const answer = staged.app.inject('/users/profile')
    let settled = false
    void answer.then(() => (settled = true))
    if (port === backend.port) while (backend.hits.length === 0) await new Promise(setImmediate)
    else for (let turns = 0; turns < 100; turns++) await new Promise(setImmediate)
    await vi.advanceTimersByTimeAsync(49)
    expect(settled).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect((await answer).json()).toMatchObject({ status: 504, code: 'PTC_GATEWAY_UPSTREAM_TIMED_OUT' })
  }
})

it('waits for a body before it counts', async () => {
  const backend = await startBackend((request, response) => void request.resume().on('end', () => response.end('ok')))
  const staged = await stage(backend.port, { route: { timeouts: { headersMs: 100 } } })
  const request = httpRequest({
    port: await staged.listen(),
    host: '127.0.0.1',
    path: '/users/profile',
    method: 'POST',
    headers: { 'transfer-encoding': 'chunked' },
    agent: false,
  })
  request.write('half')
  setTimeout(() => request.end('whole'), 250)
  const [response] = await once(request, 'response')
  expect(response).toMatchObject({ statusCode: 200 })
})

it('passes over interim answers', async () => {
  const port = await startRawBackend((socket) =>
    socket.end(
      'HTTP/1.1 103 Early Hints\r\nlink: </internal.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
    ),
  )
  const { app } = await stage(port)
  const answer = await app.inject('/users/profile')
  expect(answer.body).toBe('ok')
  expect(answer.headers).not.toHaveProperty('link')
})

it.each([
  ['a declared length', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'],
  ['chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
])('breaks the answer off when the service does, in a body with %s', async (_how, text) => {
  const port = await startRawBackend((socket) => {
    socket.write(text)
    setTimeout(() => socket.destroy(), 50)
  })
  const staged = await stage(port)
  const answer = await send(await staged.listen())
  expect(answer).toMatchObject({ status: 200, whole: false })
  expect(String(answer.body)).toBe('half')
  expect(staged.events.map((event: SecurityEvent) => event.type)).toEqual(['gateway.cut'])
})

it('breaks the answer off when the service stops in the middle of it', async () => {
  const port = await startRawBackend((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'))
  const staged = await stage(port, { upstream: { timeouts: { body: 1 } } })
  expect(await send(await staged.listen())).toMatchObject({ status: 200, whole: false })
  expect(staged.events).toMatchObject([{ type: 'gateway.cut', detail: { reason: 'UND_ERR_BODY_TIMEOUT' } }])
})

it.each([
  ['before the answer', (): void => {}, false],
  ['in the middle of the answer', (write: () => void): void => write(), true],
])('gives the request to the service up when the client leaves %s', async (_when, answer, started) => {
  const backend = await startBackend((_request, response) => answer(() => response.write('first')))
  const staged = await stage(backend.port)
  const request = httpRequest({
    port: await staged.listen(),
    host: '127.0.0.1',
    path: '/users/profile',
    agent: false,
  }).end()
  request.on('error', () => {})
  if (started) await once((await once(request, 'response'))[0], 'data')
  else await vi.waitFor(() => expect(backend.hits).toHaveLength(1))
  const closed = closing(backend.hits[0]?.socket as Socket)
  request.destroy()
  await closed
  expect(staged.events).toEqual([])
})

it('gives the request to the service up when the client leaves in the middle of its body', async () => {
  const backend = await startBackend(() => {})
  const staged = await stage(backend.port)
  const request = httpRequest({
    port: await staged.listen(),
    host: '127.0.0.1',
    path: '/users/profile',
    method: 'POST',
    headers: { 'content-length': '1000' },
    agent: false,
  })
  request.on('error', () => {})
  request.write('half')
  await vi.waitFor(() => expect(backend.hits).toHaveLength(1))
  const closed = closing(backend.hits[0]?.socket as Socket)
  request.destroy()
  await closed
})

it('takes new requests after clients left and services failed', async () => {
  let silent = true
  const backend = await startBackend((_request, response) => {
    if (!silent) response.end('ok')
  })
  const staged = await stage(backend.port, { upstream: { concurrency: 2 }, route: { timeouts: { headers: 1 } } })
  const port = await staged.listen()
  const left = httpRequest({ port, host: '127.0.0.1', path: '/users/profile', agent: false })
    .on('error', () => {})
    .end()
  await vi.waitFor(() => expect(backend.hits).toHaveLength(1))
  expect((await send(port)).status).toBe(504)
  left.destroy()
  silent = false
  await vi.waitFor(async () => {
    const answers = await Promise.all([send(port), send(port)])
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
  })
})

it('answers before the body has ended when the service does, and closes the connection', async () => {
  const backend = await startBackend((_request, response) => void response.writeHead(403).end('no'))
  const staged = await stage(backend.port)
  const request = httpRequest({
    port: await staged.listen(),
    host: '127.0.0.1',
    path: '/users/profile',
    method: 'POST',
    headers: { 'content-length': '1000' },
    agent: false,
  })
  request.on('error', () => {})
  request.write('half')
  const [response] = await once(request, 'response')
  expect(response).toMatchObject({ statusCode: 403, headers: { connection: 'close' } })
})

it('answers 502 to a body whose service dies in the middle of it', async () => {
  const backend = await startBackend((request) => void request.once('data', () => request.socket.destroy()))
  const staged = await stage(backend.port, { route: { bodyLimit: 50_000_000 } })
  const answer = await send(await staged.listen(), {
    method: 'POST',
    headers: { 'transfer-encoding': 'chunked' },
    body: Buffer.alloc(100_000),
  })
  expect(answer.status).toBe(502)
})

it.each([
  ['expect', '100-continue'],
  ['keep-alive', 'timeout=5'],
])('takes a request with %s', async (name, value) => {
  const backend = await startBackend()
  const staged = await stage(backend.port)
  const answer = await send(await staged.listen(), {
    method: 'POST',
    headers: { [name]: value, 'content-length': '2' },
    body: '{}',
  })
  expect(answer.status).toBe(200)
  expect(backend.hits[0]?.headers).not.toHaveProperty(name)
})
