import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import type { EventEmitter } from 'node:events'
import { METHODS } from 'node:http'
import { constants, type Http2ServerRequest, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { errors } from './kernel-errors.ts'
import { bodyOf } from './problem.ts'
import { refuse } from './refuse.ts'
import { stateOf } from './state.ts'

/** In milliseconds. Node has these time-outs for HTTP/1.1 alone. */
export interface SessionTimeOuts {
  /** Until the first request of a connection has its header section. */
  readonly headersTimeout: number
  /** Until a request has its body. */
  readonly requestTimeout: number
  /** Until the next request, after the last answer. */
  readonly idleTimeout: number
}

/** How long a client may take to read that it is being left. */
const LINGER_MS = 1_000

/**
 * Ends HTTP/2 sessions without a request: what is counted is requests, not bytes, so that neither PING frames nor a
 * header section that never ends (RFC 9113 §10.5) keep a connection.
 * @param all takes the sessions that are open
 */
export function guardSessions(
  server: EventEmitter | object,
  { headersTimeout, idleTimeout }: SessionTimeOuts,
  all: Set<ServerHttp2Session>,
): void {
  ;(server as EventEmitter).on('session', (session: ServerHttp2Session) => {
    all.add(session)
    let open = 0
    const leave = (): void => {
      if (open > 0 || session.destroyed) return
      session.close()
      setTimeout(() => session.destroy(), LINGER_MS).unref()
    }
    const beginning = setTimeout(leave, headersTimeout).unref()
    let idle: NodeJS.Timeout | undefined
    session.on('stream', (stream: ServerHttp2Stream) => {
      clearTimeout(beginning)
      open++
      stream.once('close', () => {
        if (--open > 0 || session.destroyed) return
        if (idle === undefined) idle = setTimeout(leave, idleTimeout).unref()
        else idle.refresh()
      })
    })
    session.once('close', () => {
      all.delete(session)
      clearTimeout(beginning)
      clearTimeout(idle)
    })
  })
}

/**
 * Gives connections that speak HTTP/1.1 to a server of HTTP/2 the time-outs of the others. Node 22 reads none of its
 * options for them, lets them rest without end, and looks for late ones a thousand times a second; 22.19, 24.6 and 24.7 add
 * to a time-out that somebody sets a buffer that is not set, and the sum, NaN, ends the process.
 */
export function limitFirstVersion(server: object, times: SessionTimeOuts): void {
  const { headersTimeout, requestTimeout, idleTimeout } = times
  const own = server as Partial<FirstVersion>
  own.headersTimeout = headersTimeout
  own.requestTimeout = requestTimeout
  own.connectionsCheckingInterval ??= 1_000
  own.keepAliveTimeout ??= idleTimeout
  own.keepAliveTimeoutBuffer ??= 1_000
}

interface FirstVersion {
  headersTimeout: number
  requestTimeout: number
  connectionsCheckingInterval: number
  keepAliveTimeout: number
  keepAliveTimeoutBuffer: number
}

/**
 * A method in HTTP/2 is any word. Fastify's router knows those of Node's parser, and answers others before any hook, each
 * time with a warning about itself and its routes. They are taken for one that the parser knows, and no route may have.
 */
export function admitMethods(server: EventEmitter | object): void {
  ;(server as EventEmitter).prependListener('request', (request: { method: string }) => {
    if (!known.has(request.method)) request.method = 'SOURCE'
  })
}

const known: ReadonlySet<string> = new Set(METHODS)

/** The hook that answers 408 to an HTTP/2 request whose body does not arrive in time. */
export function limitArrival({
  requestTimeout,
}: SessionTimeOuts): (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void {
  return (request, reply, done) => {
    const { stream } = request.raw as unknown as Partial<Http2ServerRequest>
    if (stream !== undefined && 'session' in stream && !stream.endAfterHeaders) {
      const timer = setTimeout(() => late(request, reply, stream as ServerHttp2Stream), requestTimeout).unref()
      stream.once('close', () => clearTimeout(timer))
    }
    done()
  }
}

function late(request: FastifyRequest, reply: FastifyReply, stream: ServerHttp2Stream): void {
  if (stream.destroyed || stream.state.remoteClose === 1) return
  if (reply.sent || stream.headersSent) {
    stream.close(constants.NGHTTP2_CANCEL)
    return
  }
  // RFC 9113 §8.1: NO_ERROR tells a client that it need not send the rest.
  stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
  const refusal = errors.PTC_REQUEST_TIMEOUT
  if (stateOf(request.server)?.active === true) refuse(request, reply, refusal)
  else
    reply
      .code(refusal.status)
      .type('application/json')
      .send(bodyOf(stateOf(request.server), refusal.problem))
}
