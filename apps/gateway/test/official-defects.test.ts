import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { developmentCertificates } from '@portcullis/https'
import { freePort } from '@portcullis/testing/free-port'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Command, command } from './process.ts'
import { type Over, startService, writeConfig } from './stage.ts'

// What Fastify, @fastify/http-proxy and @fastify/reply-from do as they come, and this process as it comes does not. That
// they do is shown beside the gateway's own tests; here nothing of the file but what it must say.

interface Arrival {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  length: number
}

const arrivals: Arrival[] = []
/** Of what began while the others ran: it takes as long as the defaults say. */
const slow: Record<string, Promise<string>> = {}
const ends: Parameters<Over>[0][] = []
let run: Command
let port = 0
let operation = 0
let impostorAsked = 0

function answer(request: IncomingMessage, response: ServerResponse): void {
  const arrival: Arrival = { method: request.method, url: request.url, headers: request.headers, length: 0 }
  arrivals.push(arrival)
  request.on('data', (chunk: Buffer) => (arrival.length += chunk.length))
  const host = `http://${request.headers.host}`
  switch (request.url?.split('?')[0]) {
    case '/unavailable':
      return void response.writeHead(503, { 'retry-after': '2' }).end()
    case '/hung':
      return
    case '/moved':
      return void response
        .writeHead(302, {
          location: `${host}/store/b`,
          connection: 'close, x-inside',
          'x-inside': '1',
          'keep-alive': 'timeout=9',
          'proxy-authenticate': 'Basic',
          server: 'inside/1',
          'x-powered-by': 'inside',
        })
        .end()
    case '/untyped':
      return void response.end('<script>alert(1)</script>')
    default:
      request.on('end', () => response.end('ok'))
  }
}

/** Writes bytes, and hears until the other side closes. */
async function say(bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let heard = ''
  socket.on('error', () => {})
  socket.on('data', (chunk) => (heard += String(chunk)))
  socket.write(Buffer.from(bytes, 'latin1'))
  // A server that has answered may read no more: what cannot be written then is no failure.
  await new Promise((resolve) => socket.once('close', resolve))
  return heard
}

const get = (path: string, fields = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n`
const post = (fields: string, body: string): string =>
  `POST /files/a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n${body}`
const statusOf = (heard: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(heard)?.[1])

beforeAll(async () => {
  const over: Over = (act) => ends.push(act)
  const service = await startService(answer, over)
  const dead = await freePort()
  const home = mkdtempSync(join(tmpdir(), 'gateway-server-impostor-'))
  const impostor = createServer(await developmentCertificates(home, { hosts: ['localhost'] }), (_request, response) => {
    impostorAsked++
    response.end('ok')
  })
  await once(impostor.listen(0, '127.0.0.1'), 'listening')
  over(() => {
    impostor.close()
    rmSync(home, { recursive: true, force: true })
  })
  ;[port, operation] = [await freePort(), await freePort()]
  const { file } = writeConfig(
    `
listen: { host: 127.0.0.1, port: ${port} }
operation: { port: ${operation} }
cors: { origins: [https://app.example.com] }
gateway:
  internalToken: { issuer: gateway, key: '\${file:gateway.key}' }
  dangerouslyWithoutAuth: true
  resolve: { localhost: 127.0.0.1 }
  upstreams:
    service: { targets: ['http://127.0.0.1:${service.port}'], dangerouslyPlaintext: true }
    hung: { targets: ['http://127.0.0.1:${service.port}'], dangerouslyPlaintext: true }
    dead: { targets: ['http://127.0.0.1:${dead}'], dangerouslyPlaintext: true }
    impostor: { targets: ['https://localhost:${(impostor.address() as AddressInfo).port}'] }
  routes:
    - { match: { method: [GET, POST], path: /files/* }, upstream: service, rewrite: /store/* }
    - { match: { path: /unavailable }, upstream: service }
    - { match: { path: /untyped }, upstream: service }
    - { match: { path: /moved }, upstream: service }
    - { match: { path: /hung }, upstream: hung }
    - { match: { path: /dead }, upstream: dead }
    - { match: { path: /impostor }, upstream: impostor }
`,
    over,
  )
  run = command(['--no-watch', file], {}, over)
  await vi.waitFor(() => expect(run.output()).toContain('gateway: answering'), { timeout: 60_000, interval: 50 })
  slow['hung'] = say(get('/hung'))
  slow['a slow body'] = say(post('Content-Length: 10\r\n', 'a'))
  slow['slow fields'] = say('GET /files/a HTTP/1.1\r\nHost: a\r\nX: ')
}, 90_000)

afterAll(async () => {
  for (const end of ends.toReversed()) await end()
})

beforeEach(() => {
  arrivals.length = 0
})

describe('of @fastify/http-proxy and @fastify/reply-from', () => {
  it('certificates of services are verified', async () => {
    expect(statusOf(await say(get('/impostor')))).toBe(502)
    expect(impostorAsked).toBe(0)
  })

  it.each([
    'X-User-Id',
    'x_user_id',
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'Forwarded',
    'X-Real-IP',
    'Proxy-Authorization',
    'TE',
    'Authorization',
    'Cookie',
  ])('what a client says in %s reaches no service', async (name) => {
    expect(statusOf(await say(get('/files/a', `${name}: forged\r\n`)))).toBe(200)
    expect(arrivals).toHaveLength(1)
    expect(JSON.stringify(arrivals)).not.toContain('forged')
  })

  it('a service that answers 503 is asked once, and its Retry-After is seconds', async () => {
    const heard = await say(get('/unavailable'))
    expect([statusOf(heard), /^retry-after: (\d+)/im.exec(heard)?.[1]]).toEqual([503, '2'])
    expect(arrivals).toHaveLength(1)
  })

  it.each([
    ['Keep-Alive: timeout=5', 200],
    ['Expect: 100-continue', 200],
    ['Expect: the-impossible', 417],
    ['Proxy-Connection: keep-alive', 200],
  ])('the field %s is no fault of the server', async (field, status) => {
    const heard = await say(post(`${field}\r\nContent-Length: 2\r\n`, 'ok'))
    expect(statusOf(heard.replace('HTTP/1.1 100 Continue\r\n\r\n', ''))).toBe(status)
  })

  it('a dead service is 502, and its address is not told', async () => {
    const heard = await say(get('/dead'))
    expect(statusOf(heard)).toBe(502)
    expect(heard).not.toMatch(/ECONN|127\.0\.0\.1|localhost|dead/)
  })

  it.each([
    ['that says its length', `Content-Length: ${5 * 2 ** 20}\r\n`, 'a'.repeat(100_000)],
    [
      'in chunks',
      'Transfer-Encoding: chunked\r\n',
      `${'10000\r\n'.concat('a'.repeat(65_536), '\r\n').repeat(80)}0\r\n\r\n`,
    ],
  ])('a body of five megabytes %s does not pass', async (_how, fields, body) => {
    expect(statusOf(await say(post(fields, body)))).toBe(413)
    expect(Math.max(0, ...arrivals.map(({ length }) => length))).toBeLessThanOrEqual(2 ** 20)
  })

  it('two Host fields are refused', async () => {
    expect(statusOf(await say(get('/files/a', 'Host: b\r\n')))).toBe(400)
    expect(arrivals).toEqual([])
  })

  it('hop-by-hop fields, software and internal addresses of an answer go no further', async () => {
    const heard = await say(get('/moved'))
    expect(statusOf(heard)).toBe(302)
    expect(heard).toMatch(/^location: \/files\/b\r$/im)
    expect(heard).not.toMatch(/x-inside|timeout=9|proxy-authenticate|inside|127\.0\.0\.1/i)
  })

  it.each([
    '%00',
    'a%00.txt',
    '%252e%252e%252fadmin',
    'a%2fb',
    '%2e%2e',
    '..%2fadmin',
    '..%5cadmin',
    '../admin',
    'a;b',
    'a//b',
    '%zz',
  ])('the path %s is not forwarded', async (path) => {
    expect(statusOf(await say(get(`/files/${path}`)))).toBe(400)
    expect(arrivals).toEqual([])
  })

  it('a path is forwarded byte for byte', async () => {
    const path = "a%20b!$&'()*+,=:@-._~%C3%A9%c3%a9?q=%2e%2e/%00"
    expect(statusOf(await say(get(`/files/${path}`)))).toBe(200)
    expect(arrivals[0]?.url).toBe(`/store/${path}`)
  })

  it.each<[string, string]>([
    ['CL and TE', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
    ['two lengths', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello!')],
    ['a bare LF', 'GET /files/a HTTP/1.1\nHost: a\n\n'],
    ['an unknown coding', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n')],
    ['a space before the colon', post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n')],
    ['a folded field', get('/files/a', 'X: a\r\n b\r\n')],
  ])('%s is refused', async (_what, bytes) => {
    expect(statusOf(await say(bytes))).toBe(400)
    expect(arrivals).toEqual([])
  })
})

describe('of Fastify', () => {
  it.each<[string, string, number]>([
    ['an unknown path', get('/no-such-path'), 404],
    ['a path that is none', get('/files/%zz'), 400],
    ['a target that is too long', get(`/files/${'a'.repeat(20_000)}`), 431],
    ['fields that are too long', get('/files/a', `X: ${'a'.repeat(20_000)}\r\n`), 431],
    ['no Host', 'GET /files/a HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['an unknown expectation', get('/files/a', 'Expect: foo\r\n'), 417],
    ['garbage', 'GARBAGE\r\n\r\n', 400],
  ])('the answer to %s echoes nothing, and carries the security fields', async (_what, bytes, status) => {
    const heard = await say(bytes)
    expect(statusOf(heard)).toBe(status)
    expect(heard).toMatch(/^x-content-type-options: nosniff\r$/im)
    expect(heard).not.toMatch(/no-such-path|%zz|aaaa|GARBAGE/)
    expect(arrivals).toEqual([])
  })

  it('an answer without a type is not taken for a page', async () => {
    const heard = await say(get('/untyped'))
    expect(heard).toMatch(/^x-content-type-options: nosniff\r$/im)
    expect(heard).toMatch(/^content-security-policy: default-src 'none'/im)
  })

  it('forwarding fields of a client do not say who it is', async () => {
    await say(
      get('/files/a', 'X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n'),
    )
    expect(arrivals[0]?.headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'a',
    })
  })

  it('a page that may read us reads refusals, too, and a foreign page nothing', async () => {
    const origin = 'Origin: https://app.example.com\r\n'
    for (const bytes of [get('/files/%zz', origin), get('/nowhere', origin), get('/dead', origin)]) {
      expect(await say(bytes)).toMatch(/^access-control-allow-origin: https:\/\/app\.example\.com\r$/im)
    }
    expect(statusOf(await say(get('/files/a', 'Origin: https://evil.example\r\n')))).toBe(403)
    expect(arrivals).toEqual([])
  })

  it('a client that leaves is seen, and its service is left', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write(get('/hung?left'))
    await vi.waitFor(() => expect(arrivals).toHaveLength(1))
    socket.destroy()
    await vi.waitFor(async () => {
      const metrics = await (await fetch(`http://127.0.0.1:${operation}/metrics`)).text()
      expect(metrics).toContain('gateway_aborted_total{route="/hung",method="GET"} 1')
    })
  })

  it.each<[string, number]>([
    ['hung', 504],
    ['a slow body', 408],
    ['slow fields', 408],
  ])('%s is answered within its time', { timeout: 60_000 }, async (what, status) => {
    expect(statusOf((await slow[what]) as string)).toBe(status)
  })
})

it('no line of its log holds its key, a token or a body', () => {
  expect(run.lines.length).toBeGreaterThan(20)
  expect(run.output()).not.toMatch(/PRIVATE KEY|eyJ[\w-]{10}|aaaaaaaa|forged/)
})
