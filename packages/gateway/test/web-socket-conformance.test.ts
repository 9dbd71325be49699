import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import Fastify from 'fastify'
import { beforeAll, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import gateway from '../src/index.ts'
import { optionsFor } from './stage.ts'

// What a client hears through the gateway is what it hears from the service itself (the groups of cases are those of the
// Autobahn test suite).

/** One frame of a client's, masked with zeros. */
function frame(opcode: number, payload: Buffer | string = '', { final = true, reserved = 0 } = {}): Buffer {
  const body = Buffer.from(payload)
  const size = body.length < 126 ? 0 : body.length < 65_536 ? 2 : 8
  const head = Buffer.alloc(2 + size + 4)
  head[0] = (final ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] = 0x80 | (size === 0 ? body.length : size === 2 ? 126 : 127)
  if (size === 2) head.writeUInt16BE(body.length, 2)
  if (size === 8) head.writeBigUInt64BE(BigInt(body.length), 2)
  return Buffer.concat([head, body])
}

const [TEXT, BYTES, PING, PONG] = [1, 2, 9, 10]
const open = { final: false }
const more = (payload: Buffer | string = '', options = {}): Buffer => frame(0, payload, options)
const goodbye = (code: number, reason: Buffer | string = ''): Buffer =>
  frame(8, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]))
const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const END = goodbye(1000)

let direct: number
let through: number
beforeAll(async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  server.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  direct = (server.address() as AddressInfo).port
  const upstream = { targets: [`http://user-service.local:${direct}`], dangerouslyPlaintext: true }
  const webSocket = { framesPerSecond: 1000, connections: 1000, connectionsPerCaller: 1000 }
  const routes = [{ match: { path: '/chat' }, upstream: 'user-service', webSocket }]
  const app = Fastify()
  await app.register(gateway, await optionsFor(direct, { routes, upstream }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  through = (app.server.address() as AddressInfo).port
  return async () => {
    await app.close()
    for (const socket of server.clients) socket.terminate()
    server.close()
  }
})

/** Says frames behind the opening, one after another or byte by byte, and hears what comes until the other side ends. */
async function hear(port: number, frames: readonly Buffer[], bytewise: boolean): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let heard = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (chunk) => (heard = Buffer.concat([heard, chunk])))
  socket.write(
    'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  await once(socket, 'data')
  for (const one of frames) {
    for (const piece of bytewise ? [...one].map((byte) => Buffer.from([byte])) : [one]) socket.write(piece)
  }
  await once(socket, 'close')
  return heard.subarray(heard.indexOf('\r\n\r\n') + 4).toString('hex')
}

const letters = (payload: Buffer): Buffer[] =>
  [...payload].map((byte, at) => frame(at === 0 ? TEXT : 0, Buffer.from([byte]), open)).concat(more())

const CASES: Record<string, readonly Buffer[]> = {}
for (const length of [0, 1, 125, 126, 127, 65_535, 65_536]) {
  CASES[`a text of ${length} bytes`] = [frame(TEXT, 'x'.repeat(length)), END]
  CASES[`${length} bytes`] = [frame(BYTES, Buffer.alloc(length, 0xfe)), END]
}
Object.assign(CASES, {
  'a ping': [frame(PING), END],
  'the longest ping': [frame(PING, Buffer.alloc(125, 0xff)), END],
  'a ping that is too long': [frame(PING, Buffer.alloc(126)), END],
  'a pong nobody asked for': [frame(PONG, 'x'), frame(PING, 'y'), END],
  'many pings': [...Array.from({ length: 10 }, (_, at) => frame(PING, String(at))), END],
  'a ping in pieces': [frame(PING, 'a', open), more('b'), END],
  'a message in pieces': [frame(TEXT, 'a', open), more('b', open), more(), END],
  'pings between pieces': [frame(TEXT, 'a', open), frame(PING, '1'), more('b', open), frame(PING, '2'), more('c'), END],
  'a piece of nothing': [more('x'), frame(TEXT, 'y'), END],
  'a message within a message': [frame(TEXT, 'a', open), frame(TEXT, 'b'), END],
  'many pieces': [frame(TEXT, '', open), ...Array.from({ length: 200 }, () => more('x', open)), more(), END],
  'no code': [frame(8)],
  'half a code': [frame(8, 'a')],
  'a reason': [goodbye(1000, 'Hello')],
  'the longest reason': [goodbye(1000, 'x'.repeat(123))],
  'a reason that is too long': [goodbye(1000, 'x'.repeat(124))],
  'two goodbyes': [END, END],
  'a ping after the goodbye': [frame(TEXT, 'a'), END, frame(PING)],
  'a message after the goodbye': [END, frame(TEXT, 'late')],
  'a goodbye within a message': [frame(TEXT, 'a', open), END, more('b')],
  'no frame after the goodbye': [frame(TEXT, 'x'.repeat(60_000)), END, hex('ffffffff')],
})
for (const reserved of [1, 2, 4, 7]) CASES[`the reserved bits ${reserved}`] = [frame(TEXT, 'a', { reserved }), END]
for (const opcode of [3, 7, 11, 15]) CASES[`the opcode ${opcode}`] = [frame(opcode), frame(PING), END]
for (const code of [0, 999, 1001, 1003, 1004, 1005, 1006, 1007, 1011, 1014, 1015, 2999, 3000, 4999, 5000, 65_535]) {
  CASES[`the code ${code}`] = [goodbye(code)]
}
for (const text of [
  'cebae1bdb9',
  'f09f9880',
  'eda080',
  'c080',
  'e08080',
  'f4908080',
  '80',
  'e282',
  'ff',
  'efbfbf',
  '00',
]) {
  CASES[`the text ${text}`] = [frame(TEXT, hex(text)), END]
  CASES[`the text ${text}, byte by byte`] = [...letters(hex(text)), END]
  CASES[`the reason ${text}`] = [goodbye(1000, hex(text))]
}

it.each(Object.entries(CASES))('%s: is heard as it is, and answered as it is', async (_what, frames) => {
  const told = await hear(direct, frames, false)
  expect(await hear(through, frames, false)).toBe(told)
  if (frames.length < 10 && Buffer.concat(frames).length < 300) expect(await hear(through, frames, true)).toBe(told)
})
