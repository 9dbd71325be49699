import type { FastifyReply } from 'fastify'

/**
 * A handler may return a web `Response`. Fastify writes its status and fields after every onSend hook; they are written
 * before the steps instead, so that these see what leaves. Anything else is returned as it is.
 */
export function unwrapResponse(reply: FastifyReply, payload: unknown): unknown {
  if (typeof payload !== 'object' || payload === null) return payload
  if (Object.prototype.toString.call(payload) !== '[object Response]') return payload
  const { status, headers, body, bodyUsed } = payload as Response
  // Fastify has an error of its own for bodies that were read.
  if (bodyUsed) return payload
  reply.code(status)
  for (const [name, value] of headers) reply.header(name, value)
  return body
}
