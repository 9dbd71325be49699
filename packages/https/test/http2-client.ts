import { frame } from '@portcullis/testing/http2-frames'
import type { ClientHttp2Session, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'

/** `localhost` without a resolver. */
export const loopback = (_name: string, options: { all?: boolean }, done: (...given: unknown[]) => void): void =>
  options.all === true ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)

interface Answer {
  readonly status: number | undefined
  readonly fields: IncomingHttpHeaders
  readonly body: string
}
/** One request of a session; a body of null is begun and never ended. */
export function send(on: ClientHttp2Session, fields: OutgoingHttpHeaders, body?: string | null): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = on.request(fields, { endStream: body === undefined })
    let head: IncomingHttpHeaders = {}
    let text = ''
    stream.setEncoding('utf8')
    stream.on('response', (given) => (head = given))
    stream.on('data', (chunk: string) => (text += chunk))
    stream.on('error', reject)
    stream.on('close', () => resolve({ status: Number(head[':status']), fields: head, body: text }))
    if (typeof body === 'string') stream.end(body)
    else if (body === null) stream.write('{')
  })
}
/** Resolves when a connection is gone. */
export const closed = (one: { once(event: 'close', listener: () => void): unknown }): Promise<void> =>
  new Promise((resolve) => one.once('close', () => resolve()))

export const SETTINGS = frame(4, 0, 0, Buffer.alloc(0))
export const PING = frame(6, 0, 0, Buffer.alloc(8))
/** HEADERS without END_HEADERS: `:method: GET` of the static table, and then no CONTINUATION. */
export const UNFINISHED = frame(1, 0, 1, Buffer.from([0x82]))
