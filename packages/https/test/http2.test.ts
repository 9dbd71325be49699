import type http2 from 'node:http2'
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { serverOptions } from '@portcullis/kernel'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { plaintextAddress, tlsServerOptions } from '../src/index.ts'
import { frame, PREFACE } from '@portcullis/testing/http2-frames'
import { closed, PING, send, SETTINGS, UNFINISHED } from './http2-client.ts'
import { listen, open, session } from './http2-server.ts'
import { ask, certificates } from './tls.ts'

const { key, cert, ca } = certificates
const YEAR = 'max-age=31536000; includeSubDomains'

describe('one port', () => {
  it('speaks HTTP/2, and HTTP/1.1 to those who do not', async () => {
    const { port } = await listen()
    const answer = await send(session(port), { ':path': '/' })
    expect([JSON.parse(answer.body), answer.fields['strict-transport-security']]).toEqual([{ version: '2.0' }, YEAR])
    expect(JSON.parse((await ask(port, { tls: true, path: '/' })).body)).toEqual({ version: '1.1' })
  })

  it('refuses protocols that are neither', async () => {
    const { port } = await listen()
    const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h3'] })
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve))
    expect(error.code).toContain('NO_APPLICATION_PROTOCOL')
  })

  it('has a plaintext port beside it that redirects', async () => {
    const { app } = await listen({}, {}, undefined, { port: 0 })
    const { port } = plaintextAddress(app) as AddressInfo
    const answer = await ask(port, { path: '/?a=b' })
    expect([answer.status, answer.fields.location]).toEqual([301, 'https://localhost/?a=b'])
    expect((await ask(port, { path: '/', headers: { padding: 'x'.repeat(20_000) } })).status).toBe(431)
  })

  it('keeps TLS 1.2 out of a modern policy, over either', async () => {
    const { port } = await listen({ policy: 'modern' })
    for (const protocol of ['h2', 'http/1.1']) {
      const socket = connect({ host: '127.0.0.1', port, ca, maxVersion: 'TLSv1.2', ALPNProtocols: [protocol] })
      const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve))
      expect(error.code).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
    }
  })
})

describe('answers that no hook sees carry HSTS and a problem', () => {
  it.each<[string, http2.OutgoingHttpHeaders, string | undefined, number]>([
    ['an over-long parameter', { ':path': `/p/${'x'.repeat(300)}` }, undefined, 414],
    ['a malformed URL', { ':path': '/%zz' }, undefined, 400],
    ['an unknown URL', { ':path': '/none' }, undefined, 404],
    ['an unknown expectation', { ':path': '/', expect: 'tea' }, undefined, 417],
    [
      'a large body',
      { ':path': '/', ':method': 'POST', 'content-type': 'application/json' },
      `"${'x'.repeat(2000)}"`,
      413,
    ],
    ['a body of no known type', { ':path': '/', ':method': 'POST', 'content-type': 'a/b' }, 'x', 415],
  ])('over HTTP/2: %s', async (_what, fields, body, status) => {
    const { port } = await listen()
    const answer = await send(session(port), fields, body)
    expect([answer.status, answer.fields['strict-transport-security']]).toEqual([status, YEAR])
    expect(JSON.parse(answer.body)).toMatchObject({ status, code: expect.stringMatching(/^PTC_/) })
  })

  it.each([
    ['bytes that are no HTTP', 'hunter2\r\n\r\n', 400],
    ['fields that are too large', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['a missing Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['an unknown expectation', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: tea\r\n\r\n', 417],
  ])('over HTTP/1.1 of the same port: %s', async (_what, bytes, status) => {
    const { port } = await listen()
    const answer = await raw(port, bytes)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer.toLowerCase()).toContain(`strict-transport-security: ${YEAR.toLowerCase()}`)
    expect(answer).toContain('"code":"PTC_')
  })

  it('and so does a hijacked reply', async () => {
    const { port } = await listen()
    const answer = await send(session(port), { ':path': '/hijacked' })
    expect([answer.body, answer.fields['strict-transport-security']]).toEqual(['mine', YEAR])
  })
})

/** Bytes on one TLS connection, and all that comes back until it ends. */
function raw(port: number, bytes: string | Buffer, ALPNProtocols: string[] = []): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols }, () => socket.write(bytes))
    let answer = ''
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')))
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
}

async function rawSession(port: number, bytes: Buffer): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] })
  socket.on('error', () => {})
  socket.resume()
  await new Promise<void>((resolve) => socket.once('secureConnect', () => resolve()))
  socket.write(bytes)
  open.push({ close: () => socket.destroy() })
  return socket
}

describe('a client that does not keep to HTTP/2', () => {
  it.each([
    ['no preface', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')],
    ['a frame that is none', Buffer.concat([PREFACE, SETTINGS, frame(1, 0x5, 1, Buffer.from('hunter2'))])],
    ['a frame that is too long', Buffer.concat([PREFACE, SETTINGS, frame(0, 0, 1, Buffer.alloc(20_000))])],
    ['an even stream', Buffer.concat([PREFACE, SETTINGS, frame(1, 0x5, 2, Buffer.from([0x82, 0x84, 0x86]))])],
    ['a stream that is not open', Buffer.concat([PREFACE, SETTINGS, frame(0, 1, 1, Buffer.from('x'))])],
  ])('is left without a line above debug, and others are served: %s', async (_what, bytes) => {
    const { port, lines } = await listen()
    await closed(await rawSession(port, bytes))
    expect((await send(session(port), { ':path': '/' })).status).toBe(200)
    expect(lines.filter((line) => !line.includes('"level":30'))).toEqual([])
  })

  it('is refused header sections above the limit of HTTP/1.1', async () => {
    const { port } = await listen()
    const fields = { ':path': '/', 'x-a': 'x'.repeat(20_000) }
    const bare = Fastify({ http2: true, https: { key, cert, settings: { maxHeaderListSize: 16_384 } } })
    bare.get('/', async () => 'ok')
    await bare.listen({ port: 0, host: '127.0.0.1' })
    open.push(bare)
    expect((await send(session((bare.server.address() as AddressInfo).port), fields)).status).toBe(200)
    const answer = await send(session(port), fields)
    expect([answer.status, answer.fields['strict-transport-security']]).toEqual([431, YEAR])
    const on = session(port, { maxSendHeaderBlockLength: 1_000_000 })
    await expect(send(on, { ':path': '/', 'x-a': 'x'.repeat(100_000) })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_HTTP2_(SESSION|STREAM)_ERROR$/),
    })
    expect((await send(session(port), { ':path': '/' })).status).toBe(200)
  })

  it('is heard no more when it opens and resets without end (CVE-2023-44487)', async () => {
    let requests = 0
    const { port } = await listen({}, {}, ({ server }) => void server.on('request', () => requests++))
    const open100 = (first: number): Buffer =>
      Buffer.concat(
        Array.from({ length: 100 }, (_, i) => {
          const id = first + 2 * i
          return Buffer.concat([
            frame(1, 0x5, id, Buffer.from([0x82, 0x84, 0x87, 0x41, 1, 0x61])),
            frame(3, 0, id, Buffer.from([0, 0, 0, 8])),
          ])
        }),
      )
    const socket = await rawSession(port, Buffer.concat([PREFACE, SETTINGS]))
    // GOAWAY, on stream 0; the newest versions of Node close the connection with it, others when it has rested.
    const over = new Promise((resolve) =>
      socket.on('data', (chunk: Buffer) => void (chunk.includes('\x07\0\0\0\0\0', 'latin1') && resolve('told'))),
    )
    for (let i = 0; i < 30; i++) socket.write(open100(1 + 200 * i))
    await over
    const before = requests
    for (let i = 30; i < 40; i++) socket.write(open100(1 + 200 * i))
    await send(session(port), { ':path': '/' })
    expect(requests).toBe(before + 1)
    expect((await send(session(port), { ':path': '/' })).status).toBe(200)
  })
})

describe('a slow client', () => {
  const short = { headersTimeout: 1, requestTimeout: 1 }

  it('that never begins the handshake is cut', async () => {
    const { port } = await listen()
    const socket = connectTcp(port, '127.0.0.1')
    socket.on('error', () => {})
    await closed(socket)
  })

  it.each([
    ['sends nothing', Buffer.alloc(0), Buffer.alloc(0)],
    ['sends PINGs and no request', Buffer.concat([PREFACE, SETTINGS]), PING],
    ['begins a header section and never ends it', Buffer.concat([PREFACE, SETTINGS, UNFINISHED]), Buffer.alloc(0)],
  ])('that %s over HTTP/2 keeps bare Fastify, and is cut by us', async (_what, first, again) => {
    const bare = Fastify({
      http2: true,
      https: { key, cert, allowHTTP1: true, headersTimeout: 1000, requestTimeout: 1000 } as never,
      requestTimeout: 1000,
    })
    await bare.listen({ port: 0, host: '127.0.0.1' })
    open.push(bare)
    const { port } = await listen(short)
    const theirs = await rawSession((bare.server.address() as AddressInfo).port, first)
    const ours = await rawSession(port, first)
    const timer = setInterval(() => {
      if (!ours.destroyed) ours.write(again)
      if (!theirs.destroyed) theirs.write(again)
    }, 100)
    await closed(ours)
    clearInterval(timer)
    expect(theirs.destroyed).toBe(false)
    theirs.destroy()
  })

  it('that never ends its body over HTTP/2 is answered 408, and the others of its session are not', async () => {
    const { port, events } = await listen(short)
    const on = session(port)
    const post = { ':path': '/', ':method': 'POST', 'content-type': 'application/json' }
    const [slow, quick] = await Promise.all([send(on, post, null), send(on, { ':path': '/' })])
    expect([slow.status, slow.fields['strict-transport-security'], quick.status]).toEqual([408, YEAR, 200])
    expect(JSON.parse(slow.body)).toMatchObject({ code: 'PTC_REQUEST_TIMEOUT' })
    expect(events.map(({ code }) => code)).toEqual(['PTC_REQUEST_TIMEOUT'])
    expect((await send(on, { ':path': '/' })).status).toBe(200)
  })

  it('is answered 408 over HTTP/2 by an app without rooms, too', async () => {
    const bare = Fastify(serverOptions({ http2: true, https: tlsServerOptions({ key, cert, ...short }) }))
    bare.post('/', async () => 'ok')
    await bare.listen({ port: 0, host: '127.0.0.1' })
    open.push(bare)
    const on = session((bare.server.address() as AddressInfo).port)
    const slow = await send(on, { ':path': '/', ':method': 'POST', 'content-type': 'application/json' }, null)
    expect([slow.status, JSON.parse(slow.body).code]).toEqual([408, 'PTC_REQUEST_TIMEOUT'])
  })

  it.each([
    ['header section', 'GET / HTTP/1.1\r\nHost: a\r\n'],
    ['body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{'],
  ])('that never ends its %s over HTTP/1.1 is answered 408', async (_what, bytes) => {
    for (const http2 of [true, false]) {
      const { port } = await listen(short, { http2 })
      expect(await raw(port, bytes)).toMatch(/^HTTP\/1\.1 408 /)
    }
  })
})

describe('while the app closes', () => {
  it('a request under way is answered, and its session ends', async () => {
    let arrived = (): void => {}
    let go = (): void => {}
    const waiting = new Promise<void>((resolve) => (arrived = resolve))
    const { app, port } = await listen({}, {}, (one) =>
      one.get('/slow', async () => {
        arrived()
        await new Promise<void>((resolve) => (go = resolve))
        return 'done'
      }),
    )
    const on = session(port)
    const slow = send(on, { ':path': '/slow' })
    await waiting
    const goaway = new Promise((resolve) => on.once('goaway', resolve))
    const over = closed(on)
    const finished = app.close()
    await goaway
    go()
    expect((await slow).body).toBe('done')
    await Promise.all([over, finished])
  })
})

describe('plaintext on the TLS port', () => {
  it.each([true, false])('is closed without a line above debug and without an event (http2: %s)', async (http2) => {
    const { port, events, lines } = await listen({}, { http2 })
    for (const bytes of [
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\0\0\0\0',
      'SSH-2.0\n',
    ]) {
      const socket = connectTcp(port, '127.0.0.1', () => socket.end(bytes))
      let answer = ''
      socket.on('error', () => {})
      socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
      await closed(socket)
      // A TLS alert at most (RFC 8446 §5.1: content type 21).
      expect(answer === '' || answer.startsWith('\x15\x03')).toBe(true)
    }
    expect([events, lines]).toEqual([[], []])
  })

  it.each([true, false])(
    'is no louder from clients that reset, break off, or mistrust us (http2: %s)',
    async (http2) => {
      const { port, events, lines } = await listen({}, { http2 })
      for (const act of [
        (socket: Socket) => socket.resetAndDestroy(),
        (socket: Socket) => socket.write('\x16\x03\x01\x02\x00', () => socket.resetAndDestroy()),
        (socket: Socket) => socket.end('\x16\x03\x01\x02\x00\x01\x00'),
      ]) {
        const socket = connectTcp(port, '127.0.0.1', () => act(socket))
        await closed(socket.on('error', () => {}))
      }
      for (const options of [{}, { ca, maxVersion: 'TLSv1.1' as const, minVersion: 'TLSv1' as const }])
        await closed(connect({ host: '127.0.0.1', port, servername: 'localhost', ...options }).on('error', () => {}))
      expect((await ask(port, { tls: true, path: '/' })).status).toBe(200)
      expect([events, lines.filter((line) => !line.includes('"reqId"'))]).toEqual([[], []])
    },
  )
})
