import type { FastifyReply, FastifyRequest } from 'fastify'
import { emitRefusal } from './chain.ts'
import type { Problem, Refusal } from './refusal.ts'
import type { State } from './state.ts'
import { isThenable } from './steps.ts'

/** The body of a problem as this app formats it. A formatter that throws is not asked again for this answer. */
export function bodyOf(state: State | undefined, problem: Problem): Buffer {
  const format = state?.settings?.formatProblem
  if (format !== undefined) {
    try {
      const formatted: unknown = format(problem)
      if (isThenable(formatted)) {
        formatted.then(undefined, () => undefined)
        throw new TypeError('formatProblem must be synchronous')
      }
      return Buffer.from(JSON.stringify(formatted))
    } catch (error) {
      state?.root.log.error({ err: error, code: problem.code }, 'formatProblem failed')
    }
  }
  return Buffer.from(JSON.stringify(problem))
}

/** The body of a refusal: constant refusals are formatted once per app. */
function body(state: State, refusal: Refusal): Buffer {
  const { told } = refusal
  const known = state.bodies.get(told)
  if (known !== undefined) return known
  const made = bodyOf(state, refusal.problem)
  // One that was made for this request will not be asked for again.
  if (told.constant) state.bodies.set(told, made)
  return made
}

/** Fields that speak of a payload which does not leave. */
export const ofTheReplaced = [
  'content-length',
  'content-encoding',
  'content-range',
  'transfer-encoding',
  'trailer',
  'etag',
  'last-modified',
] as const

const PROBLEM = 'application/problem+json'

/** RFC 9457 §3 for clients that name it, plain JSON for everybody else. */
export function mediaType(request: FastifyRequest): string {
  return request.headers.accept?.includes(PROBLEM) === true ? PROBLEM : 'application/json'
}

/** Sets status and fields of a refusal and returns its body. */
export function dress(state: State, request: FastifyRequest, reply: FastifyReply, refusal: Refusal): Buffer {
  const { fields, retryAfter } = refusal.details
  reply.code(refusal.status)
  // Whatever the route allows of its answers: a refusal that caches keep would be shown to others (RFC 9111 §3).
  reply.header('cache-control', 'no-store')
  for (const name in fields) reply.header(name, fields[name])
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  reply.header('content-type', mediaType(request))
  // RFC 9113 §8.2.2: Fastify writes it with what ends a connection of HTTP/1.1.
  if (request.raw.httpVersionMajor === 2) reply.removeHeader('connection')
  return body(state, refusal)
}

/** Answers with a refusal. A Buffer passes no serializer, no error handler and no response schema of the user's. */
export function answer(state: State, request: FastifyRequest, reply: FastifyReply, refusal: Refusal): void {
  emitRefusal(request, refusal, 'denied')
  if (request.raw.headers.upgrade !== undefined) {
    // A refused upgrade leaves a socket that no HTTP server watches any more.
    reply.header('connection', 'close')
    // Injected requests have no socket to close.
    reply.raw.once('finish', () => request.raw.socket.destroySoon?.())
  }
  reply.send(dress(state, request, reply, refusal))
}
