import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2Session } from 'node:http2'
import type { Duplex } from 'node:stream'

// What connections are told that began under an earlier reading of the file.

/** Another connection will do (RFC 9110 §15.5.20). */
export function misdirect(request: IncomingMessage, response: ServerResponse): void {
  const overHttp2 = request.httpVersionMajor === 2
  response.writeHead(421, { 'cache-control': 'no-store', ...(overHttp2 ? {} : { connection: 'close' }) }).end()
  if (overHttp2) notify((request as unknown as Http2ServerRequest).stream.session)
}

/** The same, of one that asks for an upgrade. */
export function misdirectUpgrade(socket: Duplex): void {
  endWith(socket, '421 Misdirected Request')
}

/** Nobody here upgrades connections any more. */
export function refuseUpgrade(socket: Duplex): void {
  endWith(socket, '501 Not Implemented')
}

/** Node has let go of a connection that asks for an upgrade: what goes wrong with it, nobody else hears. */
function endWith(socket: Duplex, status: string): void {
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}

/** The greatest identifier of a stream: nothing that is on its way is refused. */
const LAST_STREAM = 2 ** 31 - 1

const notified = new WeakSet<Http2Session>()

/** Says once to a client of HTTP/2 that it should open no further streams. */
export function notify(session: Http2Session | undefined): void {
  if (session === undefined || session.destroyed || notified.has(session)) return
  notified.add(session)
  session.goaway(0, LAST_STREAM)
}
