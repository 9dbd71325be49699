import type { FastifyReply, FastifyRequest } from 'fastify'
import { emitRefusal } from './chain.ts'
import { endsWith } from './ending.ts'
import { isLastToSee } from './record.ts'
import type { Problem, Refusal } from './refusal.ts'
import type { RequestSecurityState } from './request.ts'
import type { State } from './state.ts'
import { isThenable } from './steps.ts'

/** The body of a problem as this app formats it. A formatter that throws is not asked again for this answer. */
export function bodyOf(state: State | undefined, problem: Problem): Buffer {
  return Buffer.from(textOf(state, problem))
}

function textOf(state: State | undefined, problem: Problem): string {
  const format = state?.settings?.formatProblem
  if (format !== undefined) {
    try {
      const formatted: unknown = format(problem)
      if (isThenable(formatted)) {
        formatted.then(undefined, () => undefined)
        throw new TypeError('formatProblem must be synchronous')
      }
      return JSON.stringify(formatted)
    } catch (error) {
      state?.root.log.error({ err: error, code: problem.code }, 'formatProblem failed')
    }
  }
  return JSON.stringify(problem)
}

/** A body as an app formats it. */
export interface Body {
  readonly text: string
  /** The same, once somebody has asked for it. */
  bytes: Buffer | undefined
}

const bytesOf = (body: Body): Buffer => (body.bytes ??= Buffer.from(body.text))

/** The body of a refusal: refusals that others are made of are formatted once per app. */
function bodyOfRefusal(state: State, refusal: Refusal): Body {
  const { told } = refusal
  const known = state.bodies.get(told)
  if (known !== undefined) return known
  const made = { text: textOf(state, refusal.problem), bytes: undefined }
  // One that was made for this request will not be asked for again.
  if (told.constant || told !== refusal) state.bodies.set(told, made)
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
  return bytesOf(dressed(state, request, reply, refusal))
}

function dressed(state: State, request: FastifyRequest, reply: FastifyReply, refusal: Refusal): Body {
  const { fields, retryAfter } = refusal.details
  reply.code(refusal.status)
  // Whatever the route allows of its answers: a refusal that caches keep would be shown to others (RFC 9111 §3).
  reply.header('cache-control', 'no-store')
  for (const name in fields) reply.header(name, fields[name])
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  reply.header('content-type', mediaType(request))
  // RFC 9113 §8.2.2: Fastify writes it with what ends a connection of HTTP/1.1.
  if (request.raw.httpVersionMajor === 2) reply.removeHeader('connection')
  else if (reply.getHeader('connection') === 'close') endsWith(request.raw)
  return bodyOfRefusal(state, refusal)
}

/**
 * Answers with a refusal, past every serializer, error handler and response schema of the user's. Where hooks of the
 * user's see it, it is a Buffer; where none does it is text, which Node writes in one piece with the fields.
 */
export function answer(state: State, request: FastifyRequest, reply: FastifyReply, refusal: Refusal): void {
  emitRefusal(request, refusal, 'denied')
  if (request.raw.headers.upgrade !== undefined) {
    // A refused upgrade leaves a socket that no HTTP server watches any more.
    reply.header('connection', 'close')
    // Injected requests have no socket to close.
    reply.raw.once('finish', () => request.raw.socket.destroySoon?.())
  }
  const body = dressed(state, request, reply, refusal)
  const security = request.security as RequestSecurityState | undefined
  if (security === undefined || !isLastToSee(request)) {
    reply.send(bytesOf(body))
    return
  }
  security.answered = body.text
  reply.serializer(asItIs).send(body.text)
}

/** Without a serializer of the reply's, Fastify would name a charset, which JSON has not (RFC 8259 §11). Serves once. */
function asItIs(this: FastifyReply, payload: unknown): string {
  this.serializer(null as never)
  return payload as string
}
