import { once } from 'node:events'
import { connect } from 'node:tls'
import { frame, PREFACE } from '@portcullis/testing/http2-frames'

const [DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY] = [0, 1, 3, 4, 7]
const [END_STREAM, END_HEADERS] = [1, 4]

/** RFC 7541 §5.1, with a prefix of seven bits. */
function integer(value: number): number[] {
  if (value < 127) return [value]
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return [...bytes, rest]
}

/** A field as it is, in no table and without Huffman's code (RFC 7541 §6.2.3): whatever bytes it has. */
function field([name, value]: readonly [string, string]): Buffer {
  const parts = [name, value].flatMap((text) => [Buffer.from(integer(text.length)), Buffer.from(text, 'latin1')])
  return Buffer.concat([Buffer.from([0x10]), ...parts])
}

/** One request: fields, pieces of a body, perhaps trailers. */
export interface RawRequest {
  readonly fields: readonly (readonly [string, string])[]
  readonly body?: string
  readonly trailers?: readonly (readonly [string, string])[]
}

/** How the server took a request. */
export interface Outcome {
  /** `answered`, `reset` (the stream) or `closed` (the connection). */
  readonly how: 'answered' | 'reset' | 'closed'
  readonly body: string
}

const block = (fields: RawRequest['fields']): Buffer => Buffer.concat(fields.map(field))

/** Says something in HTTP/2 that no client library says. The stream is the first of a connection of its own. */
export async function sayFrames(port: number, ca: string, request: RawRequest): Promise<Outcome> {
  const socket = connect({ host: '127.0.0.1', port, ca, servername: 'gateway.local', ALPNProtocols: ['h2'] })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  const { fields, body, trailers } = request
  const ends = body === undefined && trailers === undefined ? END_STREAM : 0
  socket.write(PREFACE)
  socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)))
  socket.write(frame(HEADERS, END_HEADERS + ends, 1, block(fields)))
  if (body !== undefined) socket.write(frame(DATA, trailers === undefined ? END_STREAM : 0, 1, Buffer.from(body)))
  if (trailers !== undefined) socket.write(frame(HEADERS, END_HEADERS + END_STREAM, 1, block(trailers)))
  let read = Buffer.alloc(0)
  let text = ''
  let how: Outcome['how'] = 'closed'
  socket.on('data', (chunk) => {
    read = Buffer.concat([read, chunk])
    while (read.length >= 9 && read.length >= 9 + read.readUIntBE(0, 3)) {
      const length = read.readUIntBE(0, 3)
      const [type, flags, stream] = [read.readUInt8(3), read.readUInt8(4), read.readUInt32BE(5)]
      const payload = read.subarray(9, 9 + length)
      read = read.subarray(9 + length)
      if (type === DATA) text += payload.toString()
      if (type === RST_STREAM && how !== 'answered') how = 'reset'
      if (stream === 1 && (type === DATA || type === HEADERS) && (flags & END_STREAM) > 0) how = 'answered'
      if (how !== 'closed' || type === GOAWAY) socket.destroy()
    }
  })
  await once(socket, 'close')
  return { how, body: text }
}
