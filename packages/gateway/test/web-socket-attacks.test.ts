import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { mayOpen } from '../src/web-sockets/handshake.ts'
import { listen, stage, type Staged } from './stage.ts'

const KEY = 'AAAAAAAAAAAAAAAAAAAAAA=='
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
const SWITCHING = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n`
const opening = (path = '/chat', more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n${more}\r\n`
const PLAIN = 'GET /plain HTTP/1.1\r\nHost: a\r\n\r\n'

interface Raw extends Staged {
  readonly open: number
  /** What the service received, piece by piece. */
  readonly heard: string[]
  readonly sockets: ReadonlySet<Socket>
}

/** A gateway in front of a service that reads bytes and answers them with bytes. */
async function inFrontOf(
  answer: (socket: Socket, text: string) => void,
  webSocket: object = {},
  server: object = {},
): Promise<Raw> {
  const heard: string[] = []
  const sockets = new Set<Socket>()
  const service = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      heard.push(chunk.toString('latin1'))
      answer(socket, chunk.toString('latin1'))
    })
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    service.close()
  })
  const port = await listen(service)
  const targets = [`http://user-service.local:${port}`]
  const staged = await stage(port, {
    server,
    routes: [
      { match: { path: '/chat' }, upstream: 'user-service', rewrite: '/ws', webSocket },
      { match: { path: '/plain' }, upstream: 'user-service' },
    ],
    upstream: { targets, dangerouslyPlaintext: true, timeouts: { headers: 1 }, retries: { attempts: 0 } },
  })
  return { ...staged, heard, sockets, open: await staged.listen() }
}

const switches = (socket: Socket, text: string): void => {
  if (text.startsWith('GET /ws')) socket.write(`${SWITCHING}\r\n`)
}

/** A client's connection, and what it has heard. */
function dial(port: number): { socket: Socket; text: () => string } {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (chunk) => (text += chunk.toString('latin1')))
  return { socket, text: () => text }
}

describe('a client', () => {
  it('cannot end the process by asking for a WebSocket before an earlier answer has come', async () => {
    const { open, heard, app } = await inFrontOf(switches)
    const { socket, text } = dial(open)
    socket.write(PLAIN + opening())
    await once(socket, 'close')
    // Neither has an answer, and no WebSocket began.
    expect(text()).toBe('')
    expect(heard.filter((one) => one.startsWith('GET /ws'))).toEqual([])
    expect((await app.inject('/nowhere')).statusCode).toBe(404)
  })

  it.each([
    ['a second opening', opening()],
    ['a request', PLAIN],
    ['a frame without a mask', '\x81\x01A'],
    ['a frame that says it is larger than memory', `\x81\xff${'\x7f'.repeat(8)}\0\0\0\0`],
    ['a Ping in pieces', '\x09\x80\0\0\0\0'],
  ])('has %s behind its opening taken for no request', async (_what, bytes) => {
    const { open, heard, events } = await inFrontOf(switches)
    const { socket, text } = dial(open)
    socket.write(Buffer.from(opening() + bytes, 'latin1'))
    await once(socket, 'close')
    expect(text().match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(heard.filter((one) => one.startsWith('GET'))).toHaveLength(1)
    expect(events).toMatchObject([{ type: 'gateway.cut', detail: { reason: 'client-breach' } }])
  })

  it('has its first frames kept until the service has opened', async () => {
    const { open, heard } = await inFrontOf(switches)
    const { socket } = dial(open)
    socket.write(Buffer.from(`${opening()}\x81\x81\0\0\0\0A`, 'latin1'))
    await vi.waitFor(() => expect(heard.slice(1)).toEqual(['\x81\x81\0\0\0\0A']))
  })

  it.each([
    ['two protocols at once', opening().replace('websocket', 'websocket, h2c')],
    ['two Upgrade fields', opening('/chat', 'Upgrade: h2c\r\n')],
    ['two keys', opening('/chat', `Sec-WebSocket-Key: ${KEY}\r\n`)],
    ['two versions', opening('/chat', 'Sec-WebSocket-Version: 8\r\n')],
    ['two origins', opening('/chat', 'Origin: http://a\r\nOrigin: http://b\r\n')],
    ['HTTP/1.0', opening().replace('HTTP/1.1', 'HTTP/1.0')],
    ['POST', opening().replace('GET', 'POST')],
    ['a body in chunks', opening('/chat', 'Transfer-Encoding: chunked\r\n')],
    ['no Connection', opening().replace('Connection: Upgrade\r\n', '')],
  ])('opens nothing with %s', async (_what, bytes) => {
    const { open, heard } = await inFrontOf(switches)
    const { socket, text } = dial(open)
    socket.write(bytes)
    if (!bytes.includes('Connection')) socket.end()
    await once(socket, 'close')
    expect(text()).toMatch(/^HTTP\/1\.1 (?:400|403|426|501) /)
    expect(heard).toEqual([])
  })

  it('is one caller from all the addresses that are its own', async () => {
    const { open } = await inFrontOf(switches, { connectionsPerCaller: 1 }, { trustProxy: true })
    const heard: string[] = []
    for (const address of ['2001:db8::1', '2001:db8:0:0:ffff::2', '2001:db8:0:1::1']) {
      const { socket, text } = dial(open)
      socket.write(opening('/chat', `X-Forwarded-For: ${address}\r\n`))
      await vi.waitFor(() => expect(text()).toContain('\r\n\r\n'))
      heard.push(text().slice(9, 12))
    }
    expect(heard).toEqual(['101', '429', '101'])
  })

  it('leaves nothing behind when it comes and goes many times', async () => {
    const { open, sockets, app } = await inFrontOf(switches, { connectionsPerCaller: 4, connections: 4 })
    const once200 = async (): Promise<void> => {
      const { socket, text } = dial(open)
      socket.write(opening())
      await vi.waitFor(() => expect(text()).toMatch(/^HTTP\/1\.1 (?:101|429|503) /), { interval: 1 })
      socket.destroy()
      await once(socket, 'close')
    }
    for (let i = 0; i < 300; i++) await once200()
    await vi.waitFor(() => expect(sockets.size).toBe(0), 5_000)
    const { socket, text } = dial(open)
    socket.write(opening())
    await vi.waitFor(() => expect(text()).toMatch(/^HTTP\/1\.1 101 /))
    await app.close()
  })
})

describe('a service', () => {
  it.each([
    ['another accept', `${SWITCHING.replace(ACCEPT, 'x')}\r\n`],
    ['no accept', `${SWITCHING.replace(/Sec-WebSocket-Accept: .*\r\n/, '')}\r\n`],
    ['another protocol of connections', `${SWITCHING.replace('websocket', 'h2c')}\r\n`],
    ['an extension', `${SWITCHING}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n`],
    ['a protocol that nobody offered', `${SWITCHING}Sec-WebSocket-Protocol: evil\r\n\r\n`],
    ['an empty protocol', `${SWITCHING}Sec-WebSocket-Protocol:\r\n\r\n`],
  ])('cannot open with %s', async (_what, answer) => {
    const { open, events } = await inFrontOf((socket) => socket.write(answer))
    const { socket, text } = dial(open)
    socket.write(opening())
    await once(socket, 'close')
    expect(text()).toMatch(/^HTTP\/1\.1 502 /)
    expect(events).toMatchObject([{ type: 'gateway.upstream-failed', detail: { reason: 'BAD_HANDSHAKE' } }])
  })

  it.each([
    ['a masked frame', '\x81\x81\0\0\0\0B'],
    ['a body', 'hello'],
  ])('is cut for %s behind its opening', async (_what, bytes) => {
    const { open, events } = await inFrontOf((socket, text) => {
      if (text.startsWith('GET')) socket.write(Buffer.from(`${SWITCHING}\r\n${bytes}`, 'latin1'))
    })
    const { socket, text } = dial(open)
    socket.write(opening())
    await once(socket, 'close')
    expect(text()).not.toContain(bytes)
    expect(events).toMatchObject([{ type: 'gateway.cut', detail: { reason: 'upstream-breach' } }])
  })

  it.each([
    ['a status that nobody knows', 'HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nno'],
    ['a status below all', 'HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nno'],
    ['a status of zeros', 'HTTP/1.1 000 Odd\r\nContent-Length: 2\r\n\r\nno'],
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n'],
    ['too many fields', `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(20_000)}\r\n`],
    ['a coding that nobody undoes', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['two framings', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n'],
  ])('that refuses with %s is answered 502 for', async (_what, answer) => {
    const { open, app } = await inFrontOf((socket) => socket.write(Buffer.from(answer, 'latin1')))
    const { socket, text } = dial(open)
    socket.write(opening())
    await once(socket, 'close')
    expect(text()).toMatch(/^HTTP\/1\.1 502 /)
    expect((await app.inject('/nowhere')).statusCode).toBe(404)
  })

  it('that refuses and then does not end holds nobody', async () => {
    const { open } = await inFrontOf((socket) =>
      socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 200\r\n\r\nno'),
    )
    const { socket, text } = dial(open)
    socket.write(opening())
    await once(socket, 'close')
    expect(text()).toMatch(/^HTTP\/1\.1 403 /)
  })

  it('that answers for ever in the interim holds nobody', async () => {
    const { open } = await inFrontOf((socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 20)
      socket.on('close', () => clearInterval(timer))
    })
    const { socket, text } = dial(open)
    socket.write(opening())
    await once(socket, 'close')
    expect(text()).toMatch(/^HTTP\/1\.1 504 /)
  })
})

it.each([
  ['http://a', false, true],
  ['https://a', false, true],
  ['https://a', true, true],
  ['http://a', true, false],
  ['https://a:8443', true, false],
  ['null', true, false],
  ['file://a', false, false],
  ['', true, false],
])('the page of %j is our own where encrypted is %s: %s', (origin, encrypted, own) => {
  expect(mayOpen({ origin, host: 'a' }, encrypted, new Set())).toBe(own)
})
