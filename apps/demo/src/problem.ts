import type { FastifyReply } from 'fastify'
import { STATUS_CODES } from 'node:http'

/** The schema of every refusal, ours and the rooms' (RFC 9457 with an `error` sentence). */
export const problemSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['error', 'code', 'status', 'title'],
  properties: {
    error: { type: 'string', description: 'One readable sentence.' },
    code: { type: 'string' },
    status: { type: 'integer' },
    title: { type: 'string' },
    retryAfter: { type: 'integer', description: 'Seconds until a retry makes sense.' },
  },
} as const

/** Answers with a problem in the shape the rooms use. The sentence never quotes the request. */
export function answerProblem(
  reply: FastifyReply,
  status: number,
  code: `DEMO_${string}`,
  sentence: string,
  retryAfter?: number,
): FastifyReply {
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  return reply.code(status).send({
    error: sentence,
    code,
    status,
    title: STATUS_CODES[status] ?? 'Error',
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })
}
