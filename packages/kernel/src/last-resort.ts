import type { FastifyReply, FastifyRequest } from 'fastify'
import { validateHeaderName, validateHeaderValue, type OutgoingHttpHeader, type OutgoingHttpHeaders } from 'node:http'
import { dress, ofTheReplaced } from './problem.ts'
import type { Refusal } from './refusal.ts'
import type { State } from './state.ts'

/**
 * Answers in place of Fastify's last resort, which writes the message of whatever failed, past every hook and, if a
 * field cannot be written, without any: the answer to an error met an error itself.
 */
export function answerLastResort(state: State, request: FastifyRequest, reply: FastifyReply, refusal: Refusal): void {
  for (const name of ofTheReplaced) reply.removeHeader(name)
  const body = dress(state, request, reply, refusal)
  reply.raw.writeHead(refusal.status, {
    ...writable(reply.getHeaders()),
    'content-length': String(body.byteLength),
  })
  reply.raw.end(request.method === 'HEAD' ? undefined : body)
}

function writable(fields: ReturnType<FastifyReply['getHeaders']>): OutgoingHttpHeaders {
  const kept: Record<string, OutgoingHttpHeader> = {}
  for (const [name, value] of Object.entries(fields)) {
    try {
      validateHeaderName(name)
      for (const one of [value].flat()) validateHeaderValue(name, one as string)
      kept[name] = value as OutgoingHttpHeader
    } catch {
      // This field is why there is a last resort.
    }
  }
  return kept
}
