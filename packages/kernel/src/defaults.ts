import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { STATUS_CODES } from 'node:http'
import { errors } from './kernel-errors.ts'
import { answerLastResort } from './last-resort.ts'
import { dress } from './problem.ts'
import { recordOf } from './record.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import type { RequestSecurityState } from './request.ts'
import type { State } from './state.ts'

/** The refusal that stands for an error of Fastify's own, or of a room's. */
export function refusalFor(error: Partial<FastifyError>, status: number): Refusal {
  const own = refusalOf(error)
  if (own !== undefined) return own
  if (error.validation !== undefined) return invalid(error)
  if (status >= 500) return status === 500 ? errors.PTC_INTERNAL : withStatus(errors.PTC_INTERNAL, status)
  if (status === 413) return errors.PTC_BODY_TOO_LARGE
  if (status === 415) return errors.PTC_MEDIA_TYPE_UNSUPPORTED
  if (status === 414) return errors.PTC_URL_TOO_LONG
  if (status === 404) return errors.PTC_NOT_FOUND
  if (status === 400) return errors.PTC_REQUEST_MALFORMED
  return withStatus(errors.PTC_REQUEST_REFUSED, status)
}

function withStatus(refusal: Refusal, status: number): Refusal {
  return refusal.at(status)
}

/**
 * How Ajv words what a schema asks. Its messages never hold what the client sent; those of other validators may
 * (`Unrecognized key: "…"`), so they stay here.
 */
const OF_THE_SCHEMA = /^must (?:be|have|NOT|match|contain|pass) /

/** What the schema asks, in its own words. */
function invalid(error: Partial<FastifyError>): Refusal {
  const first = error.validation?.[0] as { schemaPath?: unknown; message?: unknown } | undefined
  const { schemaPath, message } = first ?? {}
  if (typeof schemaPath !== 'string' || typeof message !== 'string' || !OF_THE_SCHEMA.test(message))
    return errors.PTC_REQUEST_INVALID
  const names: string[] = []
  const path = schemaPath.split('/')
  for (let i = 0; i < path.length - 1; i++) if (path[i] === 'properties') names.push(decoded(path[++i] ?? ''))
  const place = [error.validationContext ?? 'request', ...names].join('.')
  return errors.PTC_REQUEST_INVALID.with({ sentence: `Invalid request: ${place} ${message}.` })
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** What a room throws into a handler brings its refusal along, and a handler may throw one as it is. */
function refusalOf(error: object): Refusal | undefined {
  if (isRefusal(error)) return error
  const { refusal } = error as { readonly refusal?: unknown }
  return isRefusal(refusal) ? refusal : undefined
}

/** Errors whose message the app's author did not write for the client. */
function isFastifysOwn(error: FastifyError | string | null): boolean {
  if (typeof error !== 'object' || error === null) return true
  const status = error.statusCode ?? (error as { status?: number }).status
  return (
    status === undefined ||
    status < 400 ||
    status >= 500 ||
    error.validation !== undefined ||
    refusalOf(error) !== undefined ||
    String(error.code).startsWith('FST_')
  )
}

/** The first onError hook: remembers an error whose default answer would tell too much. */
export function rememberFailure(
  state: State,
): (request: FastifyRequest, reply: FastifyReply, error: FastifyError, done: () => void) => void {
  return (request, reply, error, done) => {
    const security = request.security as RequestSecurityState | undefined
    if (!state.active || security === undefined) return done()
    // Fastify comes here a second time only if its answer to an error failed too: a hook that throws, a field that
    // cannot be written. What it would do next, it would do past every hook.
    if (security.failed && !reply.raw.headersSent && !reply.raw.destroyed) {
      const { failure } = security
      // A refusal that was thrown as it is: Fastify answers with what is no Error as if it were data.
      const thrown = typeof failure === 'object' && failure !== null && isRefusal(failure) ? failure : undefined
      if (thrown === undefined) request.log.error({ err: error }, 'the answer to an error failed')
      const status = reply.statusCode < 400 ? 500 : reply.statusCode
      return answerLastResort(state, request, reply, thrown ?? refusalFor({}, status))
    }
    security.failed = true
    if (isFastifysOwn(error)) security.failure = error
    done()
  }
}

/** If the payload is one of Fastify's default answers: the problem that leaves instead. The user's answers stay. */
export function replaceDefault(
  state: State,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Buffer | undefined {
  if (typeof payload !== 'string') return undefined
  const refusal = standIn(state, request, payload, reply.raw.statusCode)
  if (refusal === undefined) return undefined
  const body = dress(state, request, reply, refusal)
  reply.header('content-length', String(body.byteLength))
  return body
}

/** The refusal that stands for a payload, if the payload is Fastify's own. */
function standIn(state: State, request: FastifyRequest, payload: string, status: number): Refusal | undefined {
  const { failure } = request.security as RequestSecurityState
  // Whatever Fastify's handler says of a failure; what was thrown as a string is not even JSON.
  if (failure !== null && hasDefaultHandler(state, request)) return refusalFor(failure, statusOf(failure, status))
  if (payload.charCodeAt(0) !== 0x7b) return undefined
  if (failure !== null && isDefaultBody(payload, status, failure)) return refusalFor(failure, status)
  if (status === 404 && payload.startsWith('{"message":"Route ') && payload.endsWith(DEFAULT_404))
    return errors.PTC_NOT_FOUND
  // An error thrown by the user's own error handler ends in Fastify's.
  return status >= 500 && isDefaultBody(payload, status, undefined) ? refusalFor({}, status) : undefined
}

/**
 * The error's own status, which Fastify's handler takes over. A serializer of the route's that cannot write the error
 * turns it into a 500 on the way; it is still what the client did.
 */
function statusOf(error: Partial<FastifyError>, status: number): number {
  const own = error.statusCode
  return own !== undefined && own >= 400 && own < 600 ? own : status
}

const DEFAULT_404 = ' not found","error":"Not Found","statusCode":404}'
const MEMBERS: ReadonlySet<string> = new Set(['statusCode', 'code', 'error', 'message'])

function hasDefaultHandler(state: State, request: FastifyRequest): boolean {
  return (
    request.server.errorHandler === state.defaultErrorHandler && recordOf(request)?.options.errorHandler === undefined
  )
}

function isDefaultBody(payload: string, status: number, error: Error | undefined): boolean {
  let parsed: Record<string, unknown>
  try {
    parsed = JSON.parse(payload) as Record<string, unknown>
  } catch {
    return false
  }
  return (
    parsed['statusCode'] === status &&
    parsed['error'] === STATUS_CODES[status] &&
    Object.keys(parsed).every((key) => MEMBERS.has(key)) &&
    (error === undefined || parsed['message'] === error.message)
  )
}
