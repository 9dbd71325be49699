import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { type Download, downloadFields } from './download.ts'
import { guardHead } from './hijack.ts'
import { type Allowed, compilePolicy } from './policy.ts'

/**
 * Offers a file that somebody else has made for saving: as `attachment` under a harmless name, under a type that
 * nothing runs, and sandboxed should a browser open it after all.
 * @returns the reply: send the file next
 * @example return attachment(reply, { name: file.name, type: file.type }).send(createReadStream(file.path))
 */
export function attachment(reply: FastifyReply, download: Download = {}): FastifyReply {
  const fields = downloadFields(download)
  for (const name in fields) reply.header(name, fields[name])
  return reply
}

/**
 * `reply.hijack()` for answers that are written past Fastify, where no hook sees them: their head is guarded as the
 * room guards others. What may not be what it says leaves as bytes.
 * @param allowed the documents that this answer may be, as a route says it; the route's own policy does not reach here
 * @returns the response to write on
 * @example hijack(reply).writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
 */
export function hijack(reply: FastifyReply, allowed: Allowed = {}): ServerResponse {
  reply.hijack()
  return guardHead(reply.raw, compilePolicy(allowed))
}
