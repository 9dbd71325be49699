import type { IncomingHttpHeaders } from 'node:http'

/** Why a request is not the opening of a WebSocket (RFC 6455 §4.2.1). */
export type HandshakeFault = 'not-an-upgrade' | 'version' | 'malformed'

// 16 bytes in base64: the last of 24 characters before the padding holds two bits.
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/
// RFC 9110 §5.6.2, as a list.
const PROTOCOLS = /^[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*$/

/** Whether a request asks for a WebSocket, whatever else is wrong with it. */
export function asksForWebSocket({ upgrade }: IncomingHttpHeaders): boolean {
  return upgrade !== undefined && /websocket/i.test(upgrade)
}

/** What is wrong with the opening of a WebSocket, or null. */
export function faultOfHandshake(method: string, version: string, headers: IncomingHttpHeaders): HandshakeFault | null {
  if (method !== 'GET' || version !== '1.1') return 'malformed'
  if (headers.upgrade?.toLowerCase() !== 'websocket') return 'not-an-upgrade'
  if (!/(?:^|[\s,])upgrade(?:$|[\s,])/i.test(headers.connection ?? '')) return 'not-an-upgrade'
  if (headers['sec-websocket-version'] !== '13') return 'version'
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) return 'malformed'
  const protocols = headers['sec-websocket-protocol']
  if (protocols !== undefined && !PROTOCOLS.test(protocols)) return 'malformed'
  // A body would be taken for frames.
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined ? 'malformed' : null
}

/**
 * Whether the page that opens a WebSocket may. Browsers let every page open one anywhere, with the user's cookies; only
 * this field tells them apart (RFC 6455 §10.2). Clients that are no browsers send none.
 */
export function mayOpen(
  { origin, host }: IncomingHttpHeaders,
  encrypted: boolean,
  origins: ReadonlySet<string>,
): boolean {
  if (origin === undefined || origins.has(origin)) return true
  if (!URL.canParse(origin)) return false
  const { host: from, protocol } = new URL(origin)
  // Whoever stands in between writes the pages of http://, and is sent the cookies of https:// all the same. Where it is
  // not encrypted here, it may have been before.
  return (protocol === 'https:' || (protocol === 'http:' && !encrypted)) && from === host?.toLowerCase()
}
