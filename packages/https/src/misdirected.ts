import type { Http2ServerRequest, ServerHttp2Session } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { requestedName } from './host.ts'

/** What each session's handshake asked for; false if it named nobody. */
const asked = new WeakMap<ServerHttp2Session, string | false>()

/**
 * Whether an HTTP/2 request is for another host than the one that its connection asked for (RFC 9110 §7.4, §15.5.20):
 * what was decided in the handshake (certificate, client certificate) was decided for that one. Browsers send such
 * requests when a certificate covers both names, and repeat them on a connection of their own.
 */
export function isMisdirected({ stream, authority }: Http2ServerRequest): boolean {
  const { session } = stream
  if (session === undefined || session === null) return false
  let name = asked.get(session as ServerHttp2Session)
  if (name === undefined) {
    const { servername } = session.socket as TLSSocket & { servername?: string | false | null }
    name = typeof servername === 'string' && servername !== '' ? requestedName(servername) : false
    asked.set(session as ServerHttp2Session, name)
  }
  return name !== false && requestedName(authority) !== name
}
