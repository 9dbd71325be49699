import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import Fastify from 'fastify'
import { listen } from './stage.ts'

/** A request as a service received it. */
export interface Arrival {
  readonly method: string
  /** The request target, as it was sent. */
  readonly target: string
  /** Lower-case names; values as they were sent. */
  readonly fields: readonly (readonly [string, string])[]
  readonly body: string
}

/** A service that keeps what it received. */
export interface Recorder {
  readonly port: number
  readonly arrivals: Arrival[]
  /** What is no request in the strictest reading of RFC 9112. */
  readonly strays: string[]
  close(): Promise<void> | void
}

const REQUEST_LINE = /^([A-Z]+) (\/[\x21\x22\x24-\x7e]*) HTTP\/1\.1$/
const FIELD = /^([\w!#$%&'*+.^`|~-]+):[ ]?([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/

/** Reads one request; null: more must come; a string: what is none. */
function readStrictly(text: string): { arrival: Arrival; length: number } | string | null {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return null
  const [line = '', ...rest] = text.slice(0, end).split('\r\n')
  const request = REQUEST_LINE.exec(line)
  if (request === null) return line
  const fields: [string, string][] = []
  for (const one of rest) {
    const field = FIELD.exec(one)
    if (field === null) return one
    fields.push([(field[1] as string).toLowerCase(), field[2] ?? ''])
  }
  const arrival = { method: request[1] as string, target: request[2] as string, fields }
  const lengths = fields.filter(([name]) => name === 'content-length')
  const codings = fields.filter(([name]) => name === 'transfer-encoding')
  if (lengths.length + codings.length > 1) return 'two framings'
  if (fields.filter(([name]) => name === 'host').length !== 1) return 'not one host'
  let at = end + 4
  if (codings.length === 0) {
    const length = Number(lengths[0]?.[1] ?? '0')
    if (!Number.isSafeInteger(length)) return 'no length'
    if (text.length < at + length) return null
    return { arrival: { ...arrival, body: text.slice(at, at + length) }, length: at + length }
  }
  if (codings[0]?.[1] !== 'chunked') return 'another coding'
  let body = ''
  for (;;) {
    const eol = text.indexOf('\r\n', at)
    if (eol === -1) return null
    const size = text.slice(at, eol)
    if (!/^[0-9a-f]{1,8}$/i.test(size)) return `chunk size ${size}`
    const length = Number.parseInt(size, 16)
    if (text.length < eol + 2 + length + 2) return null
    if (text.slice(eol + 2 + length, eol + 4 + length) !== '\r\n') return 'chunk without an end'
    body += text.slice(eol + 2, eol + 2 + length)
    at = eol + 4 + length
    if (length === 0) return { arrival: { ...arrival, body }, length: at }
  }
}

/** A service that reads bytes itself, believes nothing, and answers each request with `ok`. */
export async function startRecorder(): Promise<Recorder> {
  const arrivals: Arrival[] = []
  const strays: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      for (let read = readStrictly(text); read !== null; read = readStrictly(text)) {
        if (typeof read === 'string') {
          strays.push(read)
          return void socket.destroy()
        }
        arrivals.push(read.arrival)
        text = text.slice(read.length)
        const body = read.arrival.method === 'HEAD' ? '' : 'ok'
        socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n${body}`)
      }
    })
  })
  const close = (): void => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port: await listen(server), arrivals, strays, close }
}

/** A Fastify app that keeps what it received. */
export async function startFastify(): Promise<Recorder> {
  const arrivals: Arrival[] = []
  const app = Fastify({ forceCloseConnections: true })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.all('*', async ({ raw, body }) => {
    const { method, url, rawHeaders } = raw
    const fields = rawHeaders.flatMap((name, at) =>
      at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] as string] as const] : [],
    )
    arrivals.push({
      method: method as string,
      target: url as string,
      fields,
      body: (body as Buffer | undefined)?.toString('latin1') ?? '',
    })
    return 'ok'
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { port: (app.server.address() as { port: number }).port, arrivals, strays: [], close: () => app.close() }
}

/** What a connection heard. */
export interface Spoken {
  readonly statuses: readonly number[]
  readonly text: string
}

/** Writes bytes, and reads until the other side closes. */
export async function speak(port: number, bytes: string): Promise<Spoken> {
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (chunk) => (text += chunk.toString('latin1')))
  socket.write(Buffer.from(bytes, 'latin1'))
  await once(socket, 'close')
  return { statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((one) => Number(one[1])), text }
}
