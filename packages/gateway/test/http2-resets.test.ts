import { once } from 'node:events'
import { createSecureServer } from 'node:http2'
import { request as ask } from 'node:http'
import { createServer, type TLSSocket } from 'node:tls'
import { frame, PREFACE } from '@portcullis/testing/http2-frames'
import { expect, it, onTestFinished } from 'vitest'
import { authority, listen, send, stage } from './stage.ts'

const [DATA, HEADERS, RST_STREAM, SETTINGS] = [0, 1, 3, 4]
const [END_STREAM, END_HEADERS] = [1, 4]
const [NO_ERROR, INTERNAL_ERROR, CANCEL] = [0, 2, 8]
/** `:status: 200`, from HPACK's table (RFC 7541 appendix A). */
const OK = Buffer.from([0x88])
const none = Buffer.alloc(0)
const reset = (code: number): Buffer => frame(RST_STREAM, 0, 1, Buffer.from([0, 0, 0, code]))
const fields = frame(HEADERS, END_HEADERS, 1, OK)
const half = frame(DATA, 0, 1, Buffer.from('half'))
const end = frame(DATA, END_STREAM, 1, none)

/** A service that answers the first request of each connection with frames of our choice. */
async function startFrames(...answer: Buffer[]): Promise<number> {
  const sockets = new Set<TLSSocket>()
  const identity = await (await authority()).issue('user-service.local')
  const server = createServer({ ...identity, ALPNProtocols: ['h2'] }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.write(frame(SETTINGS, 0, 0, none))
    let read = Buffer.alloc(0)
    let answered = false
    socket.on('data', (chunk) => {
      read = Buffer.concat([read, chunk])
      let at = PREFACE.length
      while (read.length >= at + 9 && read[at + 3] !== HEADERS) at += 9 + read.readUIntBE(at, 3)
      if (answered || read.length < at + 9) return
      answered = true
      for (const [place, one] of answer.entries()) setTimeout(() => socket.write(one), place * 20)
    })
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return listen(server)
}

const upstream = { http2: true, retries: { attempts: 0 } }

it.each([
  ['before anything has come', [fields, reset(NO_ERROR)], 502, ''],
  ['cancelled before anything has come', [fields, reset(CANCEL)], 502, ''],
  ['in the middle', [fields, half, reset(NO_ERROR)], 200, 'half'],
  ['cancelled in the middle', [fields, half, reset(CANCEL)], 200, 'half'],
  ['failed in the middle', [fields, half, reset(INTERNAL_ERROR)], 200, 'half'],
  ['in the same breath', [fields, Buffer.concat([half, reset(NO_ERROR)])], 200, 'half'],
])('an answer whose stream is reset %s does not pass for a whole one', async (_what, answer, status, body) => {
  const staged = await stage(await startFrames(...answer), { upstream })
  const heard = await send(await staged.listen())
  expect(heard.status).toBe(status)
  if (status === 502) return
  expect(heard).toMatchObject({ whole: false, body: Buffer.from(body) })
  expect(staged.events.map(({ type }) => type)).toContain('gateway.cut')
})

// RFC 9113 §8.1: a service may do so where it has no use for the rest of the request.
it.each([
  ['nothing but fields', [frame(HEADERS, END_HEADERS + END_STREAM, 1, OK), reset(NO_ERROR)], ''],
  ['a body', [fields, half, end, reset(NO_ERROR)], 'half'],
  ['a body, in the same breath', [Buffer.concat([fields, half, end, reset(NO_ERROR)])], 'half'],
  [
    'trailers',
    [fields, half, frame(HEADERS, END_HEADERS + END_STREAM, 1, Buffer.from([0x10, 1, 120, 1, 121]))],
    'half',
  ],
])('an answer of %s is whole, whatever comes of its stream after its end', async (_what, answer, body) => {
  const staged = await stage(await startFrames(...answer), { upstream })
  expect(await send(await staged.listen())).toMatchObject({ status: 200, whole: true, body: Buffer.from(body) })
})

it('an answer is whole that has ended long before its client has read it', async () => {
  const body = Buffer.alloc(3_000_000, 'x')
  const server = createSecureServer(await (await authority()).issue('user-service.local'))
  server.on('stream', (stream) => {
    stream.respond({ ':status': 200 })
    stream.end(body)
  })
  onTestFinished(() => void server.close())
  const staged = await stage(await listen(server as never), { upstream })
  const asked = ask({ port: await staged.listen(), host: '127.0.0.1', path: '/users/profile', agent: false }).end()
  const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage]
  let read = 0
  for await (const chunk of response) {
    read += (chunk as Buffer).length
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  expect([read, response.complete]).toEqual([body.length, true])
})
