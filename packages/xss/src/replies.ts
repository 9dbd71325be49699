import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { type Download, downloadFields } from './download.ts'
import { guardHead } from './hijack.ts'
import { type Allowed, compilePolicy } from './policy.ts'

/** A reply of any app, over HTTP/2 too, whatever its routes are typed with. */
interface Writable {
  header(name: string, value: string): unknown
}

/** The same, before it is taken over. */
interface Hijackable<Raw> {
  readonly raw: Raw
  hijack(): unknown
}

/**
 * Offers a file that somebody else has made for saving: as `attachment` under a harmless name, under a type that
 * nothing runs, and sandboxed should a browser open it after all.
 * @returns the reply: send the file next
 * @example return attachment(reply, { name: file.name, type: file.type }).send(createReadStream(file.path))
 */
export function attachment<Reply extends Writable>(reply: Reply, download: Download = {}): Reply {
  const fields = downloadFields(download)
  for (const [name, value] of Object.entries(fields)) reply.header(name, value)
  return reply
}

/**
 * `reply.hijack()` for answers that are written past Fastify, where no hook sees them: their head is guarded as the
 * room guards others. What may not be what it says leaves as bytes.
 * @param allowed the documents that this answer may be, as a route says it; the route's own policy does not reach here
 * @returns the response to write on
 * @example hijack(reply).writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
 */
export function hijack<Raw extends ServerResponse | Http2ServerResponse>(
  reply: Hijackable<Raw>,
  allowed: Allowed = {},
): Raw {
  reply.hijack()
  // HTTP/2 has the same methods under types of its own.
  guardHead(reply.raw as ServerResponse, compilePolicy(allowed))
  return reply.raw
}
