import Fastify, { type FastifyInstance } from 'fastify'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { onSecurityEvent, serverOptions } from '../src/index.ts'
import { marking } from './rooms.ts'

const open: FastifyInstance[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

async function listening(options = serverOptions()): Promise<{
  app: FastifyInstance
  port: number
  reasons: unknown[]
  slow: { answer: (payload: string) => void }
  closing: Promise<void>
}> {
  const app = Fastify(options)
  const reasons: unknown[] = []
  onSecurityEvent(app, ({ code }) => reasons.push(code))
  app.register(marking('headers'))
  app.get('/', async () => 'ok')
  app.post('/', async () => 'ok')
  const slow = { answer: (_payload: string): void => {} }
  app.get('/slow', () => new Promise((resolve) => (slow.answer = resolve)))
  const closing = new Promise<void>((resolve) => app.addHook('preClose', async () => resolve()))
  app.get('/p/:name', async () => 'ok')
  await app.listen({ port: 0, host: '127.0.0.1' })
  open.push(app)
  return { app, port: (app.server.address() as AddressInfo).port, reasons, slow, closing }
}

/** Sends bytes and reads until the server closes. */
function raw(port: number, ...parts: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setTimeout(15_000, () => reject(new Error(`no end; so far: ${answer}`)))
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
    for (const part of parts) socket.write(part)
  })
}

const get = (target: string, ...fields: string[]): string =>
  [`GET ${target} HTTP/1.1`, 'Host: a.example', 'Connection: close', ...fields, '', ''].join('\r\n')

describe('answers that no hook sees carry the fields, a problem, and no echo', () => {
  it.each([
    ['an over-long parameter', get(`/p/${'hunter2'.repeat(100)}`), 414, 'PTC_URL_TOO_LONG', 'default'],
    ['a malformed URL', get('/%zz-hunter2'), 400, 'PTC_REQUEST_MALFORMED', 'default'],
    ['a missing Host', 'GET /hunter2 HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'PTC_HOST_MISSING', 'default'],
    ['two Host fields', get('/', 'host: hunter2'), 400, 'PTC_HOST_INVALID', 'default'],
    [
      'header fields that are too large',
      get('/', `X-A: ${'hunter2'.repeat(20_000)}`),
      431,
      'PTC_FIELDS_TOO_LARGE',
      'early',
    ],
    ['bytes that are no HTTP', 'hunter2\r\n\r\n', 400, 'PTC_REQUEST_MALFORMED', 'early'],
    [
      'contradicting framing',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nhunter2',
      400,
      'PTC_REQUEST_MALFORMED',
      'early',
    ],
    ['an unknown expectation', get('/', 'Expect: hunter2'), 417, 'PTC_EXPECTATION_UNKNOWN', 'default'],
  ])('%s', async (_what, bytes, status, code, field) => {
    const { port, reasons } = await listening()
    const answer = await raw(port, bytes)
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(head.toLowerCase()).toContain(`x-headers: ${field}`)
    expect(head.toLowerCase()).toContain('content-type: application/json')
    expect(JSON.parse(body)).toMatchObject({ code, status })
    expect(answer).not.toContain('hunter2')
    expect(reasons).toContain(code)
  })

  // From 22.23.2 and 24.19 on Node refuses them itself; before, it hands over the first ones and keeps silent about the rest.
  it.each([1_000, 1_500, 3_000])('%i fields more than a request needs', async (count) => {
    const { port, reasons } = await listening()
    const answer = await raw(port, get('/', ...Array<string>(count).fill('a: '), 'X-Last: hunter2'))
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1.1 431 /)
    expect(head.toLowerCase()).toMatch(/x-headers: (?:early|default)/)
    expect(JSON.parse(body)).toMatchObject({ code: 'PTC_FIELDS_TOO_LARGE', status: 431 })
    expect(reasons).toEqual(['PTC_FIELDS_TOO_LARGE'])
  })

  it('a caller cannot push out of sight what our proxy says about it', async () => {
    const fields = ['X-Forwarded-For: 192.0.2.1', ...Array<string>(1_000).fill('a: '), 'X-Forwarded-For: 203.0.113.9']
    const ips: string[] = []
    const tell = async (options: object): Promise<string> => {
      const app = Fastify(options)
      app.get('/', async ({ ip }) => void ips.push(ip))
      await app.listen({ port: 0, host: '127.0.0.1' })
      open.push(app)
      return raw((app.server.address() as AddressInfo).port, get('/', ...fields))
    }
    // Fastify takes the caller's word, if Node lets it see the request.
    const bare = await tell({ trustProxy: ['127.0.0.1'] })
    expect([bare.slice(9, 12), ...ips.splice(0)].join(' ')).toMatch(/^(?:200 192\.0\.2\.1|431)$/)
    // Even without a room.
    const ours = await tell(serverOptions({ trustProxy: ['127.0.0.1'] }))
    expect([ours.slice(9, 12), ...ips].join(' ')).toMatch(/^(?:200 127\.0\.0\.1|431)$/)
  })

  it('more fields than the server is told to read', async () => {
    const { app, port } = await listening()
    app.server.maxHeadersCount = 50
    expect(await raw(port, get('/', ...Array<string>(50).fill('a: ')))).toMatch(/^HTTP\/1.1 431 /)
    expect(await raw(port, get('/', ...Array<string>(40).fill('a: ')))).toMatch(/^HTTP\/1.1 200 /)
    app.server.maxHeadersCount = 2_000
    expect(await raw(port, get('/', ...Array<string>(1_500).fill('a: ')))).toMatch(/^HTTP\/1.1 200 /)
  })

  it.each(['hunter2@a', 'hunter2/x', 'hunter2 x', 'hunter2:99x', '[hunter2]', 'hunter2?', '"hunter2"', 'h\u00fcnter2'])(
    'the Host %s',
    async (host) => {
      const { port } = await listening()
      const answer = await raw(port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1.1 400 /)
      expect(answer).toContain('"code":"PTC_HOST_INVALID"')
      expect(answer).not.toContain('hunter2')
    },
  )

  it.each(['HTTP/0.9', 'HTTP/2.0'])('a request line that names %s', async (version) => {
    const { port } = await listening()
    const answer = await raw(port, `GET /?hunter2 ${version}\r\nHost: a\r\nHost: b\r\n\r\n`)
    expect(answer).toContain('"code":"PTC_REQUEST_MALFORMED"')
    expect(answer).not.toContain('hunter2')
  })

  it.each(['http://hunter2/', 'https://u:hunter2@a.example/', 'HTTP://a.example:81/'])(
    'the target %s',
    async (target) => {
      const { port } = await listening()
      const answer = await raw(port, get(target))
      expect(answer).toMatch(/^HTTP\/1.1 400 /)
      expect(answer).toContain('"code":"PTC_HOST_INVALID"')
      expect(answer).not.toContain('hunter2')
    },
  )

  it('but not a target that names the host of the Host field (RFC 9112 §3.2.2)', async () => {
    const { port } = await listening()
    expect(await raw(port, get('http://A.example/'))).not.toContain('PTC_HOST_INVALID')
  })

  it('a request whose header section never ends', async () => {
    const { port } = await listening(serverOptions({ headersTimeoutMs: 500, requestTimeoutMs: 1_000 }))
    const answer = await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\nX-')
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
    expect(answer.toLowerCase()).toContain('x-headers: early')
  })

  it('a body that never ends is cut', async () => {
    const { port } = await listening(serverOptions({ headersTimeoutMs: 500, requestTimeoutMs: 1_000 }))
    const answer = await raw(
      port,
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{',
    )
    expect(answer).toMatch(/^HTTP\/1.1 408 /)
  })

  it('a request on an open connection while the app closes', async () => {
    const { app, port, slow, closing } = await listening()
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk.toString()))
    const ended = once(socket, 'close')
    socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(app.server, 'request')
    const closed = app.close()
    await closing
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(app.server, 'request')
    slow.answer('slow')
    await Promise.all([ended, closed])
    const second = answer.slice(answer.indexOf('HTTP/1.1 503'))
    expect(answer).toContain('slow')
    expect(second).toMatch(/^HTTP\/1.1 503 /)
    expect(second.toLowerCase()).toContain('x-headers: default')
    expect(second).toContain('PTC_SERVER_CLOSING')
  })
})

it('admits HTTP/1.0 without Host', async () => {
  const { port } = await listening()
  expect(await raw(port, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /)
})

it.each(['a', 'a:1', 'a.example', '[::1]', '[::1]:65535', '127.0.0.1', 'a_b', 'xn--a.example.', '%41', ''])(
  'admits the Host "%s"',
  async (host) => {
    const { port } = await listening()
    expect(await raw(port, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 /)
  },
)

describe('serverOptions', () => {
  it.each([
    [{ trustProxy: true }, 'trustProxy', 'trust-everybody'],
    [{ trustProxy: 1 }, 'trustProxy', 'accepts'],
    [{ headersTimeoutMs: 30_000 }, 'headersTimeoutMs', 'below-request-timeout'],
    [{ bodyLimit: '1mb' }, 'bodyLimit', 'type'],
    [{ bodylimit: 5 }, 'bodylimit', 'additionalProperties'],
    [{ formatProblem: 'x' }, 'formatProblem', 'accepts'],
    [{ https: { keyFile: 'server.key' } }, 'https.keyFile', 'tls-arguments'],
    [{ https: { acme: { agreeToTerms: true, folder: 'x' } } }, 'https.acme', 'tls-arguments'],
  ])('refuses %j', (given, path, rule) => {
    expect(() => serverOptions(given as never)).toThrow(
      expect.objectContaining({ code: 'PTC_OPTIONS_INVALID', mistakes: [expect.objectContaining({ path, rule })] }),
    )
  })
})

describe('what stands behind a message whose answer ends the connection is no request (RFC 9112 §9.6)', () => {
  const next = 'DELETE /next HTTP/1.1\r\nHost: a\r\n\r\n'

  async function served(bytes: string, app: FastifyInstance): Promise<{ answer: string; paths: string[] }> {
    const paths: string[] = []
    app.post('/', async () => 'ok')
    app.delete('/next', async ({ url }) => paths.push(url))
    await app.listen({ port: 0, host: '127.0.0.1' })
    open.push(app)
    return { answer: await raw((app.server.address() as AddressInfo).port, bytes), paths }
  }

  it.each([
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 'HTTP/1.1 400 '],
    ['two Host fields', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 'HTTP/1.1 400 '],
    ['another protocol in its first line', 'GET /x HTTP/2.0\r\nHost: a\r\n\r\n', 'HTTP/1.1 400 '],
    [
      'a body that is too large',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n123456789',
      'HTTP/1.1 413 ',
    ],
  ])('after %s', async (_what, first, status) => {
    const app = Fastify({ ...serverOptions(), bodyLimit: 8 })
    app.register(marking('headers'))
    const { answer, paths } = await served(first + next, app)
    expect(answer).toMatch(new RegExp(`^${status}`))
    expect(answer.match(/^HTTP\//gm)).toHaveLength(1)
    expect(paths).toEqual([])
  })

  it('where a room stands in one scope alone, and for routes beside it', async () => {
    const app = Fastify(serverOptions())
    app.register(async (scope) => void scope.register(marking('headers')).get('/in', async () => 'ok'), {
      prefix: '/a',
    })
    const { answer, paths } = await served(`GET /a/in HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${next}`, app)
    expect(answer.match(/^HTTP\//gm)).toHaveLength(1)
    expect(paths).toEqual([])
  })

  it('a bare Fastify serves it, and its client never hears of that', async () => {
    const app = Fastify()
    app.addHook('onRequest', async (request, reply) => {
      if (request.url === '/refused') await reply.code(400).header('connection', 'close').send('')
    })
    const { answer, paths } = await served(`GET /refused HTTP/1.1\r\nHost: a\r\n\r\n${next}`, app)
    expect(answer.match(/^HTTP\//gm)).toHaveLength(1)
    expect(paths).toEqual(['/next'])
  })
})
