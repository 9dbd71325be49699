import { createServer as createTlsServer } from 'node:https'
import { createServer, type Socket } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { authority, listen, send, stage, type Staged, startBackend } from './stage.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const EVIL = 'HTTP/1.1 200 OK\r\nX-Evil: 1\r\nContent-Length: 4\r\n\r\nevil'

/** A gateway in front of a service that answers its first request in a way of its own, and all others with `ok`. */
async function inFrontOf(
  first: (socket: Socket) => void,
  timeouts: object = {},
  others = (socket: Socket): unknown => socket.write(OK),
): Promise<Staged & { open: number }> {
  const sockets = new Set<Socket>()
  let asked = 0
  const service = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', () => {
      if (asked++ === 0) first(socket)
      else others(socket)
    })
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    service.close()
  })
  const port = await listen(service)
  const targets = [`http://user-service.local:${port}`]
  const retries = { attempts: 0 }
  const staged = await stage(port, { upstream: { targets, dangerouslyPlaintext: true, timeouts, retries } })
  return { ...staged, open: await staged.listen() }
}

it.each([
  ['behind its answer', 'GET', OK],
  ['behind an answer to HEAD', 'HEAD', OK],
  ['behind an answer that ends the connection', 'GET', OK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')],
  ['as the content of 204', 'GET', `HTTP/1.1 204 No Content\r\nContent-Length: ${EVIL.length}\r\n\r\n`],
  ['as the content of 304', 'GET', `HTTP/1.1 304 Not Modified\r\nContent-Length: ${EVIL.length}\r\n\r\n`],
  ['behind chunks', 'GET', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
  ['behind the fields of a HEAD in chunks', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
])('an answer that a service hides %s reaches nobody', async (_where, method, answer) => {
  const { open } = await inFrontOf((socket) => socket.write(answer + EVIL))
  const heard = [await send(open, { method }), await send(open), await send(open)]
  for (const { headers, body } of heard) {
    expect(headers).not.toHaveProperty('x-evil')
    expect(['', 'ok']).toContain(body.toString())
  }
})

it('answers that a service doubles reach nobody, whoever else is waiting', async () => {
  const { open } = await inFrontOf(
    (socket) => socket.write(OK + EVIL),
    {},
    (socket) => socket.write(OK + EVIL),
  )
  const heard = await Promise.all(Array.from({ length: 200 }, () => send(open)))
  expect(heard.filter(({ body }) => body.toString() === 'evil')).toEqual([])
})

it('an answer that a service sends unasked, a moment later, reaches nobody', async () => {
  const { open } = await inFrontOf((socket) => {
    socket.write(OK)
    setTimeout(() => socket.write(EVIL), 5)
    socket.once('close', () => gone())
  })
  let gone = (): void => {}
  const closed = new Promise<void>((resolve) => (gone = resolve))
  expect((await send(open)).body.toString()).toBe('ok')
  // What nobody has asked for ends the connection that it comes by.
  await closed
  expect((await send(open)).body.toString()).toBe('ok')
})

it.each(['gzip, chunked', 'gzip', 'identity', 'chunked, chunked', 'xchunked'])(
  'an answer under the coding %j, which nobody undoes, is none',
  async (coding) => {
    // RFC 9112 §6.1: the field stays behind, and its content would pass for something else.
    const { open } = await inFrontOf((socket) =>
      socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
    )
    expect((await send(open)).status).toBe(502)
  },
)

it('a service cannot hold a request with interim answers without end', async () => {
  const { open, events } = await inFrontOf(
    (socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 20)
      socket.on('close', () => clearInterval(timer))
    },
    { headers: 1 },
  )
  expect((await send(open)).status).toBe(504)
  expect(events).toMatchObject([{ type: 'gateway.upstream-timed-out', detail: { reason: 'UND_ERR_HEADERS_TIMEOUT' } }])
  expect((await send(open)).status).toBe(200)
})

it('a service that failed is asked by one request at a time, however many come at once', async () => {
  let fails = true
  let asked = 0
  const { port } = await startBackend((_request, response) => {
    asked++
    if (fails) response.writeHead(503).end()
    else setTimeout(() => response.end('ok'), 100)
  })
  const { app } = await stage(port, { upstream: { circuit: { failures: 2, openFor: 1 } } })
  const statuses = async (count: number): Promise<number[]> =>
    (await Promise.all(Array.from({ length: count }, () => app.inject('/users/profile')))).map((one) => one.statusCode)
  await statuses(2)
  fails = false
  asked = 0
  await vi.waitFor(async () => expect(await statuses(50)).toContain(200), { timeout: 5_000 })
  expect(asked).toBe(1)
  expect(await statuses(5)).toEqual([200, 200, 200, 200, 200])
})

it('a service that never ends its answer to a check is given up, and its answers do not pile up', async () => {
  const open = new Set<object>()
  const { port } = await startBackend((request, response) => {
    if (request.url !== '/health') return void response.end('ok')
    open.add(response)
    response.on('close', () => open.delete(response))
    response.writeHead(200).write('.')
    setInterval(() => response.write('.'), 20).unref()
  })
  const health = { path: '/health', interval: 1, timeout: 1, unhealthyAfter: 2 }
  const { app, events } = await stage(port, { upstream: { health } })
  await vi.waitFor(() => expect(events).toMatchObject([{ type: 'gateway.target-ejected' }]), { timeout: 10_000 })
  expect(open.size).toBeLessThanOrEqual(1)
  expect((await app.inject('/users/profile')).statusCode).toBe(503)
})

it.each([
  ['has expired', { notAfter: new Date(Date.now() - 1000) }],
  ['is not valid yet', { notBefore: new Date(Date.now() + 3_600_000) }],
])('a service whose certificate %s is not spoken to', async (_what, validity) => {
  const hits: unknown[] = []
  const { cert, key } = await (await authority()).issue('user-service.local', validity)
  const server = createTlsServer({ cert, key }, (request, response) => {
    hits.push(request)
    response.end('ok')
  })
  const port = await listen(server)
  onTestFinished(() => void server.close())
  const { app } = await stage(port)
  expect((await app.inject('/users/profile')).statusCode).toBe(502)
  expect(hits).toEqual([])
})
