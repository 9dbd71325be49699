import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type WebSocket as Socket, WebSocket, WebSocketServer } from 'ws'
import type { WebSocketOptions } from '../src/options.ts'
import gateway from '../src/index.ts'
import { watchingRoom } from './watched-room.ts'
import { authority, listen, optionsFor, rawExchange, stage, type Staged } from './stage.ts'

interface Chat {
  readonly port: number
  readonly opened: { readonly request: IncomingMessage; readonly socket: Socket }[]
}

/** A service that says again what it hears. */
async function startChat(options: object = {}): Promise<Chat> {
  const server = createServer(await (await authority()).issue('user-service.local'), (_request, response) => {
    response.writeHead(401, { server: 'Chat/1', 'content-type': 'application/json' }).end('{"error":"no"}')
  })
  const chat = new WebSocketServer({ noServer: true, ...options })
  const opened: Chat['opened'] = []
  server.on('upgrade', (request, socket, head) => {
    if (request.url?.startsWith('/refused') === true) {
      socket.end(
        'HTTP/1.1 403 Forbidden\r\nserver: Chat/1\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}',
      )
      return
    }
    chat.handleUpgrade(request, socket, head, (client) => {
      opened.push({ request, socket: client })
      client.on('message', (data, isBinary) => client.send(data, { binary: isBinary }))
    })
  })
  onTestFinished(() => {
    for (const client of chat.clients) client.terminate()
    server.closeAllConnections()
    server.close()
  })
  return { port: await listen(server), opened }
}

async function stageChat(
  port: number,
  webSocket: WebSocketOptions = {},
  more: Parameters<typeof stage>[1] = {},
): Promise<Staged & { url: string; portOf: number }> {
  const staged = await stage(port, {
    routes: [{ match: { path: '/chat' }, upstream: 'user-service', rewrite: '/ws', webSocket }],
    ...more,
  })
  const open = await staged.listen()
  return { ...staged, url: `ws://127.0.0.1:${open}/chat`, portOf: open }
}

function client(url: string, options: object = {}): Socket {
  const socket = new WebSocket(url, { perMessageDeflate: false, ...options })
  onTestFinished(() => socket.terminate())
  socket.on('error', () => {})
  return socket
}
/** The status that an opening was refused with. */
const refusalOf = async (url: string, options: object = {}): Promise<number> => {
  const socket = client(url, options)
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
  return response.statusCode as number
}
const said = async (socket: Socket): Promise<string> => String((await once(socket, 'message'))[0])
const closeCode = async (socket: Socket): Promise<number> => (await once(socket, 'close'))[0] as number

describe('a WebSocket', () => {
  it('carries texts and bytes both ways, with the internal token and no credential of the client', async () => {
    const chat = await startChat()
    const { url } = await stageChat(chat.port)
    const socket = client(`${url}?room=1`, { headers: { authorization: 'Bearer theirs', 'x-user-id': '7' } })
    await once(socket, 'open')
    socket.send('hello')
    expect(await said(socket)).toBe('hello')
    const bytes = Buffer.alloc(60_000, 7)
    socket.send(bytes)
    expect(((await once(socket, 'message'))[0] as Buffer).equals(bytes)).toBe(true)
    const { headers, url: path } = (chat.opened[0] as Chat['opened'][0]).request
    expect(path).toBe('/ws?room=1')
    expect(headers.authorization).toMatch(/^Bearer ey/)
    expect([headers['x-user-id'], headers['sec-websocket-extensions']]).toEqual([undefined, undefined])
    socket.close(1000)
    expect(await closeCode(socket)).toBe(1000)
  })

  it('agrees on a protocol', async () => {
    const chat = await startChat({ handleProtocols: () => 'chat.2' })
    const { url } = await stageChat(chat.port)
    const socket = new WebSocket(url, ['chat.1', 'chat.2'], { perMessageDeflate: false })
    await once(socket, 'open')
    expect(socket.protocol).toBe('chat.2')
    socket.terminate()
  })

  it('is opened at a service that speaks HTTP/2 with everybody who can', async () => {
    const server = createSecureServer({
      ...(await (await authority()).issue('user-service.local')),
      allowHTTP1: true,
    })
    const chat = new WebSocketServer({ noServer: true })
    server.on('upgrade', (request, socket, head) =>
      chat.handleUpgrade(request, socket, head, (one) => one.on('message', (data) => one.send(data))),
    )
    onTestFinished(() => {
      for (const one of chat.clients) one.terminate()
      server.close()
    })
    const { url } = await stageChat(await listen(server), {}, { upstream: { http2: true } })
    const socket = client(url)
    await once(socket, 'open')
    socket.send('hello')
    expect(await said(socket)).toBe('hello')
  })

  it('is opened behind the prefix of a child scope, and two scopes have their own', async () => {
    const chats = [await startChat(), await startChat()]
    const app = Fastify()
    onTestFinished(() => app.close())
    for (const [place, chat] of chats.entries()) {
      const routes = [{ match: { path: '/chat' }, upstream: 'user-service', rewrite: '/ws', webSocket: {} }]
      const options = await optionsFor(chat.port, { routes })
      await app.register((scope) => scope.register(gateway, options), { prefix: `/${place}` })
    }
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    for (const place of [0, 1]) await once(client(`ws://127.0.0.1:${port}/${place}/chat`), 'open')
    expect(chats.map(({ opened }) => opened.length)).toEqual([1, 1])
    expect(await refusalOf(`ws://127.0.0.1:${port}/chat`)).toBe(404)
  })

  it('is none where the route has none, and reaches no service', async () => {
    const chat = await startChat()
    const { app } = await stageChat(chat.port)
    await app.close()
    const plain = await stage(chat.port, { routes: [{ match: { path: '/chat' }, upstream: 'user-service' }] })
    expect(await refusalOf(`ws://127.0.0.1:${await plain.listen()}/chat`)).toBe(501)
    expect(chat.opened).toEqual([])
  })

  it('is refused by whatever refuses the request', async () => {
    const chat = await startChat()
    const { url } = await stageChat(
      chat.port,
      {},
      {
        before: (app: FastifyInstance) => {
          app.addHook('onRequest', async (_request, reply) => reply.code(401).send({ error: 'who are you?' }))
        },
      },
    )
    expect(await refusalOf(url)).toBe(401)
    expect(chat.opened).toEqual([])
  })

  it.each([
    ['a foreign page', 'https://evil.example', 403],
    ['a sandboxed page', 'null', 403],
    ['what only begins like us', 'http://127.0.0.1.evil.example', 403],
  ])('is refused to %s', async (_name, origin, status) => {
    const chat = await startChat()
    const { url } = await stageChat(chat.port)
    expect(await refusalOf(url, { origin })).toBe(status)
    expect(chat.opened).toEqual([])
  })

  it('is opened by pages of our own origin and of those that are listed', async () => {
    const chat = await startChat()
    const { url, portOf } = await stageChat(chat.port, { origins: ['https://app.example.com'] })
    for (const origin of [`http://127.0.0.1:${portOf}`, 'https://app.example.com']) {
      await once(client(url, { origin }), 'open')
    }
    expect(chat.opened).toHaveLength(2)
  })

  it('is answered what the service answers that does not want to', async () => {
    const chat = await startChat()
    const { listen: open } = await stage(chat.port, {
      routes: [{ match: { path: '/refused' }, upstream: 'user-service', webSocket: {} }],
    })
    const socket = client(`ws://127.0.0.1:${await open()}/refused`)
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
    expect([response.statusCode, response.headers['server']]).toEqual([403, undefined])
  })

  it('is answered 502 where nobody listens', async () => {
    const { url, events } = await stageChat(1)
    expect(await refusalOf(url)).toBe(502)
    expect(events.map(({ type }) => type)).toContain('gateway.upstream-failed')
  })

  it('ends when a message is too large, in whatever pieces', async () => {
    const chat = await startChat()
    const { url, events } = await stageChat(chat.port, { maxMessageBytes: 100 })
    const whole = client(url)
    await once(whole, 'open')
    whole.send('x'.repeat(101))
    expect(await closeCode(whole)).toBe(1009)
    const pieces = client(url)
    await once(pieces, 'open')
    for (let i = 0; i < 3; i++) pieces.send('x'.repeat(50), { fin: false })
    expect(await closeCode(pieces)).toBe(1009)
    expect(events.filter(({ type }) => type === 'gateway.cut')).toHaveLength(2)
  })

  it('ends when frames come too fast', async () => {
    const chat = await startChat()
    const { url } = await stageChat(chat.port, { framesPerSecond: 5 })
    const socket = client(url)
    await once(socket, 'open')
    for (let i = 0; i < 7; i++) socket.send('x')
    expect(await closeCode(socket)).toBe(1008)
  })

  it('ends when nobody says anything', async () => {
    const chat = await startChat()
    const { url } = await stageChat(chat.port, { idle: 1 })
    expect(await closeCode(client(url))).toBe(1001)
  })

  it('ends when the token does', async () => {
    const chat = await startChat()
    const { url, events } = await stageChat(
      chat.port,
      {},
      {
        identity: { subject: '101', claims: { exp: Math.ceil(Date.now() / 1000) + 1 } },
      },
    )
    const socket = client(url)
    await once(socket, 'open')
    const [code] = (await once(socket, 'close')) as [number]
    expect(code).toBe(3000)
    expect(events).toMatchObject([{ type: 'gateway.cut', detail: { reason: 'expired' } }])
    await vi.waitFor(() => expect(chat.opened[0]?.socket.readyState).toBe(WebSocket.CLOSED))
  })

  it.each([
    ['expired', 3000],
    ['revoked', 3000],
    ['unavailable', 1013],
  ] as const)('that a room says is %s ends with %i', async (why, code) => {
    const chat = await startChat()
    const { room, end, watched } = watchingRoom()
    const { url, events } = await stageChat(chat.port, {}, { before: (app) => void app.register(room) })
    const socket = client(url)
    await once(socket, 'open')
    await vi.waitFor(() => expect(watched()).toBe(1))
    const ended = closeCode(socket)
    end(why)
    expect([await ended, watched()]).toEqual([code, 0])
    expect(events).toMatchObject([{ type: 'gateway.cut', detail: { reason: why } }])
  })

  it('is one of a few, of all and of one caller; closed ones count no more', async () => {
    const chat = await startChat()
    const { url } = await stageChat(chat.port, { connectionsPerCaller: 2 })
    const sockets = [client(url), client(url)]
    await Promise.all(sockets.map((socket) => once(socket, 'open')))
    expect(await refusalOf(url)).toBe(429)
    sockets[0]?.close()
    await once(sockets[0] as Socket, 'close')
    await vi.waitFor(async () => {
      const again = client(url)
      await once(again, 'open')
    })
    const full = await stageChat(chat.port, { connections: 1 })
    await once(client(full.url), 'open')
    expect(await refusalOf(full.url)).toBe(503)
  })

  it('ends on both sides when one leaves without a word', async () => {
    const chat = await startChat()
    const { url } = await stageChat(chat.port)
    const [gone, left] = [client(url), client(url)]
    await Promise.all([once(gone, 'open'), once(left, 'open')])
    gone.terminate()
    await vi.waitFor(() => expect(chat.opened.map(({ socket }) => socket.readyState)).toContain(WebSocket.CLOSED))
    for (const { socket } of chat.opened) socket.terminate()
    expect(await closeCode(left)).toBe(1006)
  })

  it('is told that the gateway restarts', async () => {
    const chat = await startChat()
    const { url, app } = await stageChat(chat.port)
    const socket = client(url)
    await once(socket, 'open')
    const code = closeCode(socket)
    await app.close()
    expect(await code).toBe(1012)
  })

  it.each([
    ['another version', 'Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n', 426],
    ['no key', 'Sec-WebSocket-Version: 13\r\n', 400],
    ['a key of another length', 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n', 400],
    [
      'a body',
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nContent-Length: 5\r\n',
      400,
    ],
  ])('is not opened with %s', async (_name, fields, status) => {
    const chat = await startChat()
    const { portOf } = await stageChat(chat.port)
    const answer = await rawExchange(
      portOf,
      `GET /chat HTTP/1.1\r\nHost: 127.0.0.1:${portOf}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${fields}\r\n`,
    )
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(chat.opened).toEqual([])
  })

  it('takes nothing for a request that comes behind a refused opening', async () => {
    const chat = await startChat()
    const { portOf } = await stageChat(chat.port)
    const socket = connect(portOf, '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => void (text += chunk.toString('latin1')))
    socket.write(
      `GET /chat HTTP/1.1\r\nHost: a\r\nOrigin: https://evil.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\nGET /chat HTTP/1.1\r\nHost: a\r\n\r\n',
    )
    await once(socket, 'close')
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
  })
})
