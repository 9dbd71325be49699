import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { emitRefusal } from './chain.ts'
import { watch } from './close.ts'
import { continueLate } from './continue.ts'
import { refusalFor } from './defaults.ts'
import { emit } from './events.ts'
import { internal } from './internal.ts'
import { errors } from './kernel-errors.ts'
import { bodyOf, dress } from './problem.ts'
import type { Refusal } from './refusal.ts'
import { RequestSecurityState } from './request.ts'
import { decorate } from './run.ts'
import { stateOf, type State } from './state.ts'

/** `frameworkErrors`: malformed URLs, over-long parameters. A request exists, but no hook runs. */
export function answerFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const refusal = refusalFor(error, error.statusCode ?? 500)
  const state = stateOf(request.server)
  const chain = state?.notFound.get(state.root)
  if (state === undefined || chain === undefined) {
    reply.code(refusal.status).type('application/json').send(bodyOf(state, refusal.problem))
    return
  }
  trusting(request)
  request.security = new RequestSecurityState(chain)
  watch(chain, request, reply)
  decorate(chain, request, reply)
    .catch((failure: unknown) => request.log.error({ err: failure }, 'a security step threw'))
    .then(() => {
      if (reply.sent) return
      emitRefusal(request, refusal, 'denied')
      reply.send(dress(state, request, reply, refusal))
    })
    .catch((failure: unknown) => {
      request.log.error({ err: failure }, 'a refusal could not be written')
      reply.raw.destroy()
    })
}

/**
 * Fastify makes these requests without the app's `trustProxy`: behind a proxy their scheme, host and address would be
 * the proxy's. The class that knows it stands under a symbol of the root.
 */
function trusting(request: FastifyRequest): void {
  const known = internal(request.server, 'fastify.Request') as { prototype?: object } | undefined
  if (known?.prototype !== undefined) Object.setPrototypeOf(request, known.prototype)
}

const byCode: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: errors.PTC_FIELDS_TOO_LARGE,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: errors.PTC_BODY_TOO_LARGE,
  ERR_HTTP_REQUEST_TIMEOUT: errors.PTC_REQUEST_TIMEOUT,
}

/** Connections that have their answer and are given time to read it. */
const answered = new WeakSet<Socket>()
const LINGER_MS = 1_000

/** `clientErrorHandler`: what the parser refuses. No request exists. */
export function answerClientError(this: FastifyInstance, error: Error & { code?: string }, socket: Socket): void {
  // The parser goes on reading what the client still sends.
  if (answered.has(socket)) return
  // RFC 9112 §9.6: a reset connection or an answer already under way leaves nothing to say.
  // A failed handshake leaves nobody who could read.
  const handshake = error.code?.startsWith('ERR_SSL_') === true || error.code?.startsWith('ERR_TLS_') === true
  const answering = (socket as { _httpMessage?: { _headerSent?: boolean } })._httpMessage?._headerSent === true
  if (error.code === 'ECONNRESET' || handshake || !socket.writable || answering) {
    socket.destroy()
    return
  }
  const state = stateOf(this)
  const refusal = byCode[error.code ?? ''] ?? errors.PTC_REQUEST_MALFORMED
  tell(state, refusal, socket, error.code)
  const body = bodyOf(state, refusal.problem)
  const fields = {
    ...earlyFields(state, socket),
    'content-type': 'application/json',
    'content-length': String(body.byteLength),
    connection: 'close',
  }
  const head = Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
  answered.add(socket)
  socket.write(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${head}\r\n`)
  socket.end(body)
  // Closing with bytes unread would reset the connection, and the client would lose the answer: let it finish, briefly.
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}

/** Node asks this listener, instead of the app, about expectations that it does not know: the chain refuses them. */
export function answerExpectations({ root }: State, server: EventEmitter = root.server): void {
  if (server.listenerCount('checkExpectation') > 0) return
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => root.routing(request, response))
}

/**
 * `listen({ host: 'localhost' })` opens a server for each further address, and gives it no listener but the app's own:
 * what the parser refuses there would leave bare.
 */
export function answerOnEveryAddress(state: State): void {
  const { root, settings } = state
  const symbol = Object.getOwnPropertySymbols(root).find(({ description }) => description === 'fastify.serverBindings')
  const further = symbol === undefined ? [] : ((root as unknown as Record<symbol, EventEmitter[]>)[symbol] ?? [])
  for (const server of further) {
    answerExpectations(state, server)
    continueLate(server)
    if (settings !== undefined && server.listenerCount('clientError') === 0)
      server.on('clientError', answerClientError.bind(root))
  }
}

/** The constant fields that the root's rooms give to answers outside of any request. */
function earlyFields(state: State | undefined, socket: Socket): Record<string, string> {
  const encrypted = 'encrypted' in socket
  const fields: Record<string, string> = {}
  for (const { room } of state?.registrations.get(state.root)?.values() ?? [])
    Object.assign(fields, room?.earlyFields?.(encrypted))
  return fields
}

function tell(state: State | undefined, refusal: Refusal, socket: Socket, reason: string | undefined): void {
  if (state === undefined) return
  emit(state.root, refusal.event, {
    outcome: 'denied',
    code: refusal.code,
    detail: { remoteAddress: socket.remoteAddress ?? null, status: refusal.status, reason: reason ?? null },
  })
}
