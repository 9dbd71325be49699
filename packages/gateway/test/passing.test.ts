import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { createServer, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { gzipSync } from 'node:zlib'
import { serverOptions } from '@portcullis/kernel'
import { describe, expect, it, onTestFinished } from 'vitest'
import { authority, listen, send, stage, startBackend } from './stage.ts'

// What users of gateways take for granted, and the tests of others look at.

/** A service of bytes: told of each request's head, it writes what it likes. */
async function startRaw(answer: (socket: Socket, head: string, nth: number) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    let nth = 0
    socket.on('data', (chunk) => answer(socket, chunk.toString('latin1'), ++nth))
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return listen(server)
}

const plain = (port: number) => ({ targets: [`http://user-service.local:${port}`], dangerouslyPlaintext: true })

interface Heard {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Asks in HTTP/2, whatever the service speaks. */
async function sendHttp2(port: number, ca: string, method: string): Promise<Heard> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca, servername: 'gateway.local' })
  onTestFinished(() => session.destroy())
  const stream = session.request({ ':method': method, ':path': '/users/profile', ':authority': 'gateway.local' })
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  await once(stream, 'close')
  return { status: Number(headers[':status']), headers, body: Buffer.concat(chunks) }
}

const ZIPPED = gzipSync('hello '.repeat(100))
const of = (status: string, ...lines: string[]): string => `HTTP/1.1 ${status}\r\n${lines.join('\r\n')}\r\n\r\n`

describe.each(['HTTP/1.1', 'HTTP/2'])('to a client of %s', (version) => {
  it.each<[string, string, string, number, Record<string, unknown>, Buffer | string]>([
    ['a length without content', 'HEAD', of('200 OK', 'Content-Length: 1234'), 200, { 'content-length': '1234' }, ''],
    ['no length', 'HEAD', of('200 OK', 'Transfer-Encoding: chunked', 'ETag: "a"'), 200, { etag: '"a"' }, ''],
    [
      'what has not changed',
      'GET',
      of('304 Not Modified', 'ETag: W/"a"', 'Content-Length: 99', 'Vary: Accept'),
      304,
      { etag: 'W/"a"', 'content-length': '99', vary: 'Accept' },
      '',
    ],
    ['nothing', 'GET', of('204 No Content', 'ETag: "a"'), 204, { etag: '"a"', 'content-length': undefined }, ''],
    ['a status of its own', 'GET', `${of('418 X', 'Content-Length: 2')}ok`, 418, { 'content-length': '2' }, 'ok'],
    [
      'cookies, each by itself',
      'GET',
      of('200 OK', 'Set-Cookie: a=1; Path=/', 'Content-Length: 0', 'Set-Cookie: b=2', 'Set-Cookie: a=3'),
      200,
      { 'set-cookie': ['a=1; Path=/', 'b=2', 'a=3'] },
      '',
    ],
    [
      'its challenges and its date',
      'GET',
      of(
        '401 X',
        'WWW-Authenticate: A',
        'WWW-Authenticate: B',
        'Date: Thu, 01 Jan 2026 00:00:00 GMT',
        'Content-Length: 0',
      ),
      401,
      { 'www-authenticate': 'A, B', date: 'Thu, 01 Jan 2026 00:00:00 GMT' },
      '',
    ],
    [
      'zipped content',
      'GET',
      of('200 OK', 'Content-Encoding: gzip', 'Vary: Accept-Encoding', `Content-Length: ${ZIPPED.length}`),
      200,
      { 'content-encoding': 'gzip', vary: 'Accept-Encoding', 'content-length': String(ZIPPED.length) },
      ZIPPED,
    ],
    [
      'content without trailers',
      'GET',
      `${of('200 OK', 'Transfer-Encoding: chunked', 'Trailer: X-Sum')}2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n`,
      200,
      { trailer: undefined, 'x-sum': undefined },
      'ok',
    ],
  ])('passes %s', async (_what, method, answer, status, fields, body) => {
    const port = await startRaw((socket) => {
      socket.write(answer, 'latin1')
      if (body === ZIPPED) socket.write(ZIPPED)
    })
    const { ca, issue } = await authority()
    const own = version === 'HTTP/2' ? { http2: true, https: await issue('gateway.local') } : {}
    const staged = await stage(port, { upstream: plain(port), server: serverOptions(own as object) })
    const open = await staged.listen()
    const heard = await (version === 'HTTP/2' ? sendHttp2(open, ca, method) : send(open, { method }))
    expect({ status: heard.status, body: heard.body.toString('latin1') }).toEqual({
      status,
      body: Buffer.from(body).toString('latin1'),
    })
    for (const [name, value] of Object.entries(fields)) expect([name, heard.headers[name]]).toEqual([name, value])
  })
})

describe('a service', () => {
  it.each([
    ['a POST of nothing', 'POST', {}, '0'],
    ['a POST of no chunks', 'POST', { 'transfer-encoding': 'chunked' }, '0'],
    ['a DELETE of nothing', 'DELETE', {}, undefined],
  ])('is told the length of %s', async (_what, method, headers, length) => {
    const backend = await startBackend()
    const staged = await stage(backend.port, { match: { method: ['POST', 'DELETE'] } })
    const path = '/users/profile?a=1&a=2&b=%20%2F+x&c[]=&='
    expect(await send(await staged.listen(), { method, headers: headers as never, path })).toMatchObject({
      status: 200,
    })
    expect(backend.hits[0]?.headers['content-length']).toBe(length)
    expect(backend.hits[0]?.headers).not.toHaveProperty('transfer-encoding')
    expect(backend.hits[0]?.url).toBe('/api/profile?a=1&a=2&b=%20%2F+x&c[]=&=')
  })

  // It has closed the connection, and we have not heard of it yet.
  it.each([
    ['GET', '', [200, 200, 200]],
    ['DELETE', '', [200, 200, 200]],
    ['POST', '', [200, 502, 200]],
    ['PUT', 'x', [200, 502, 200]],
  ])('that ends idle connections is asked again by %s, if it may be', async (method, body, statuses) => {
    const port = await startRaw((socket, _head, nth) => {
      if (nth > 1) socket.resetAndDestroy()
      else socket.write(of('200 OK', 'Content-Length: 0'))
    })
    const upstream = { ...plain(port), circuit: { failures: 100, minimum: 100 } }
    const staged = await stage(port, { upstream, match: { method: ['GET', 'POST', 'PUT', 'DELETE'] } })
    const open = await staged.listen()
    const heard: number[] = []
    for (let count = 0; count < 3; count++) heard.push((await send(open, { method, body })).status)
    expect(heard).toEqual(statuses)
  })

  const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
  if (!hasIpv6 && process.env['CI'] !== undefined) throw new Error('IPv6 is needed')
  it.skipIf(!hasIpv6)('may be named by an IPv6 address', async () => {
    const hosts: (string | undefined)[] = []
    const server = createHttpServer(({ headers }, response) => {
      hosts.push(headers.host)
      response.end('{}')
    })
    onTestFinished(() => void server.close())
    await once(server.listen(0, '::1'), 'listening')
    const { port } = server.address() as { port: number }
    const upstream = { targets: [`http://[::1]:${port}`], dangerouslyPlaintext: true }
    const { app } = await stage(port, { upstream, options: { resolve: {} } })
    expect((await app.inject('/users/profile')).statusCode).toBe(200)
    expect(hosts).toEqual([`[::1]:${port}`])
  })
})
