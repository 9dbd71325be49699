import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** One answer as it came over the wire. */
export interface WireAnswer {
  readonly status: number
  readonly fields: Readonly<Record<string, string>>
  readonly body: string
  /** Every byte of it. */
  readonly text: string
}

/** Opens a connection; with `ca`, over TLS. */
export function dial(port: number, ca?: string): Socket {
  return ca === undefined
    ? connectTcp(port, '127.0.0.1')
    : connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca })
}

/** Writes bytes and reads until the server closes the connection. */
export function exchange(socket: Socket, ...parts: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.setTimeout(15_000, () => reject(new Error(`no end; so far: ${text.slice(0, 400)}`)))
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
    for (const part of parts) socket.write(part)
  })
}

/** The last answer in what a connection gave. */
export function lastAnswer(text: string): WireAnswer {
  const own = text.slice(Math.max(0, text.lastIndexOf('HTTP/1.1 ')))
  const [head = '', ...rest] = own.split('\r\n\r\n')
  const [line = '', ...lines] = head.split('\r\n')
  const fields: Record<string, string> = {}
  for (const field of lines) {
    const cut = field.indexOf(':')
    fields[field.slice(0, cut).toLowerCase()] = field.slice(cut + 1).trim()
  }
  return { status: Number(line.split(' ')[1]), fields, body: rest.join('\r\n\r\n'), text: own }
}

/** The bytes of a request that closes its connection. */
export function request(line: string, fields: Readonly<Record<string, string>> = {}, body = ''): string {
  const all: Record<string, string> = { Host: 'localhost', Connection: 'close', ...fields }
  if (body !== '' && all['Transfer-Encoding'] === undefined) all['Content-Length'] ??= String(Buffer.byteLength(body))
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${line} HTTP/1.1\r\n${head.join('')}\r\n${body}`
}
