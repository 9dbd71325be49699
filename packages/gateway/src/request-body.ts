import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'

const goesOn = (raw: IncomingMessage): boolean =>
  (raw as { stream?: { readonly endAfterHeaders?: boolean } }).stream?.endAfterHeaders === false

/** Methods whose content means nothing (RFC 9110 §9.3.1): Fastify reads none, and none travels. */
const BODYLESS: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD'])

/**
 * A body that Fastify has not seen, for in HTTP/2 it looks for fields that need not be there; null if there is none;
 * `read` if somebody else has read it.
 */
export function unseenBody(raw: IncomingMessage): Readable | 'read' | null {
  if (!goesOn(raw) || BODYLESS.has(raw.method) || raw.headers['content-length'] !== undefined) return null
  if (raw.readableDidRead) return 'read'
  return raw.readableEnded ? null : raw
}
