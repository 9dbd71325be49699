import type { FastifyReply, FastifyRequest } from 'fastify'
import { answer } from './problem.ts'
import type { Refusal } from './refusal.ts'
import { stateOf } from './state.ts'

/**
 * Answers with a refusal from a handler, as the kernel does for steps: `return refuse(request, reply, errors.PTC_X)`.
 * @returns the reply, so that an async handler can return it.
 */
export function refuse(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply {
  if (!reply.sent) answer(stateOf(request.server, true), request, reply, refusal)
  return reply
}
