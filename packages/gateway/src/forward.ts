import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { emit, refuse, type Refusal } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Download, Upload } from './bodies.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { type Downstream, Exchange, type Failure, type Fields } from './exchange.ts'
import type { TokenMint } from './internal-token.ts'
import { isMalformedTarget, type PathParams } from './path.ts'
import type { GatewayPolicy, RoutePolicy } from './policy.ts'
import { hasBody, unseenBody } from './request-body.ts'
import { buildRequestFields, hasTwoHosts, isMalformedFraming, isMalformedHost } from './request-fields.ts'
import { writeResponseFields } from './response-fields.ts'
import { judgeAnswer } from './schemas/answers.ts'
import { bytesOf } from './schemas/intake.ts'
import type { Output } from './schemas/output.ts'
import { compileTrace } from './trace.ts'
import type { Target } from './upstreams/target.ts'
import type { Upstream } from './upstreams/upstream.ts'
import { asksForWebSocket } from './web-sockets/handshake.ts'
import type { WebSockets } from './web-sockets/open.ts'
import { upgradeOf } from './web-sockets/upgrade.ts'

/** Where a route leads: an open upstream, and the tokens for it. */
export interface Destination {
  readonly upstream: Upstream
  readonly mint: TokenMint
  /** The caller's own Authorization travels, and the internal token beside it. */
  readonly forwardAuthorization: boolean
}

/** One route, open. */
export interface Lane extends Destination {
  readonly route: RoutePolicy
  /** Null: it has none. */
  readonly webSockets: WebSockets | null
  /** What answers are held to. Null: nothing. */
  readonly output: Output | null
  /** Names of the fields that travel. */
  readonly forwarded: ReadonlySet<string>
}

const FAILURES: Readonly<Record<Failure, Refusal>> = {
  upstream: errors.PTC_GATEWAY_UPSTREAM_FAILED,
  'time-out': errors.PTC_GATEWAY_UPSTREAM_TIMED_OUT,
  'body-too-large': errors.PTC_GATEWAY_BODY_TOO_LARGE,
  'request-malformed': errors.PTC_GATEWAY_REQUEST_MALFORMED,
}

const trace = compileTrace()

const OVERLOADED: Refusal = errors.PTC_GATEWAY_OVERLOADED.with({ retryAfter: 1 })

/**
 * Sends a request on its way to an upstream; the answer comes by itself.
 * @returns the refusal to answer with, if the request may not go; null if it is on its way.
 */
export function forward(
  request: FastifyRequest,
  reply: FastifyReply,
  lane: Lane,
  policy: GatewayPolicy,
): Refusal | null {
  const { route, upstream, mint, forwardAuthorization, webSockets } = lane
  const { raw, headers } = request
  const url = raw.url as string
  // The same in the log, at the service and in the answer.
  reply.header('x-request-id', request.id)
  if (isMalformedTarget(url) || hasTwoHosts(raw.rawHeaders) || isMalformedHost(headers.host)) {
    return errors.PTC_GATEWAY_REQUEST_MALFORMED
  }
  if (isMalformedFraming(headers['transfer-encoding'], raw.httpVersion) || closing.has(raw.socket)) {
    close(raw, reply)
    return errors.PTC_GATEWAY_REQUEST_MALFORMED
  }
  const query = url.indexOf('?')
  const path = route.rewrite({
    path: pathOf(query === -1 ? url : url.slice(0, query)),
    params: request.params as PathParams,
    host: headers.host,
    judged: (request.security as { pathFault?: unknown }).pathFault === null,
  })
  if (path === null) return errors.PTC_GATEWAY_PATH_REFUSED
  // Other upgrades are offers, which a server may ignore (RFC 9110 §7.8); a WebSocket client waits for a 101.
  const opens = headers.upgrade !== undefined && asksForWebSocket(headers)
  const upgrade = opens ? upgradeOf(raw) : undefined
  if (opens) {
    if (webSockets === null || upgrade === undefined) return errors.PTC_GATEWAY_UPGRADE_REFUSED
    const refusal = webSockets.admit(request)
    if (refusal !== null) return refusal
  }
  const { identity } = request.security
  if (identity !== null && identity.subject === policy.token.anonymousSubject) {
    return errors.PTC_GATEWAY_SUBJECT_RESERVED
  }
  const declared = headers['content-length']
  const length = declared === undefined ? null : Number(declared)
  if (length !== null && length > route.bodyLimit) {
    // The body will not be read.
    close(raw, reply)
    return errors.PTC_GATEWAY_BODY_TOO_LARGE
  }
  const source = request.body === undefined ? unseenBody(raw) : (request.body as Readable)
  if (source === 'read') return errors.PTC_GATEWAY_REQUEST_MALFORMED
  const now = performance.now()
  const first = upstream.pick(now, null)
  if (first === null) return unavailable(upstream, now)
  if (upgrade === undefined && !upstream.enter()) return OVERLOADED

  const target = query === -1 ? path : path + url.slice(query)
  const fields = buildRequestFields(headers, lane.forwarded, route.cookies, {
    ip: request.ip,
    encrypted: request.protocol === 'https',
    host: request.host,
    requestId: request.id,
    trace: trace(headers.traceparent, headers.tracestate),
  })
  if (!forwardAuthorization) fields.push('authorization', mint.field(identity))
  else {
    fields.push('x-internal-token', mint.field(identity))
    if (headers.authorization !== undefined) fields.push('authorization', headers.authorization)
  }
  if (upgrade !== undefined) {
    const timeout = route.openingTimeout
    webSockets?.open(request, reply, route, { upgrade, upstream, target: first, path: target, fields, timeout })
    return null
  }
  let upload: Upload | null = null
  const read = bytesOf(request)
  if (read === null && source !== null && hasBody(raw)) {
    upload = new Upload(source, route.bodyLimit)
    // A body that somebody replaced on its way has another length.
    if (length !== null && source === raw) fields.push('content-length', declared as string)
  }
  const { headersTimeout, bodyTimeout, totalTimeout } = route
  const exchange = new Exchange(
    new Client(request, reply, lane, target, upload),
    upstream,
    {
      path: target,
      method: request.method,
      headers: fields,
      body: read === null || read.length === 0 ? upload : read,
      headersTimeout,
      bodyTimeout,
    },
    policy.patience,
  )
  reply.raw.once('close', () => exchange.cancel())
  exchange.start(first, totalTimeout ?? upstream.totalTimeout)
  return null
}

/** The path of a request target, which may name a scheme and a host before it (RFC 9112 §3.2.2). */
const pathOf = (target: string): string => (target.startsWith('/') ? target : target.replace(/^[a-z]+:\/\/[^/]*/i, ''))

/** Connections that end with an answer under way. */
const closing = new WeakSet<object>()

/**
 * Where this message ends is not certain, or not waited for: nothing after it is a request (RFC 9112 §9.6). Node has
 * perhaps read it already.
 */
function close({ httpVersionMajor, socket }: IncomingMessage, reply: FastifyReply): void {
  reply.header('connection', 'close')
  if (httpVersionMajor === 1) closing.add(socket)
}

/** Every target is given up: said at once, with the time when one will be asked again. */
function unavailable(upstream: Upstream, now: number): Refusal {
  const retryAfter = upstream.retryAfter(now)
  return errors.PTC_GATEWAY_UPSTREAM_UNAVAILABLE.with({
    ...(retryAfter === null ? {} : { retryAfter }),
    detail: { upstream: upstream.name },
  })
}

/** The client of one exchange. */
class Client implements Downstream {
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #lane: Lane
  readonly #upstream: string
  readonly #target: string
  readonly #upload: Upload | null
  /** The answer is held until it is judged, or was refused then. */
  #held = false
  #refused = false

  constructor(request: FastifyRequest, reply: FastifyReply, lane: Lane, target: string, upload: Upload | null) {
    this.#request = request
    this.#reply = reply
    this.#lane = lane
    this.#upstream = lane.upstream.name
    this.#target = target
    this.#upload = upload
  }

  sent({ reference }: Target): void {
    this.#request.security.forwardedTo = reference
  }

  answer(status: number, fields: Fields, body: Buffer | Download | null): void {
    const { output } = this.#lane
    if (output === null) return this.#pass(status, fields, body)
    const { 'content-type': type, 'content-encoding': encoding } = fields
    const head = { method: this.#request.method, status, type: type?.toString(), encoding: encoding?.toString() }
    this.#held = true
    judgeAnswer(output, head, body, {
      pass: (passed) => {
        this.#held = false
        this.#pass(status, fields, passed)
      },
      refuse: ({ rule, asks }) => {
        this.#refused = true
        this.#closeAfterRest()
        const detail = { upstream: this.#upstream, rule, asks }
        refuse(this.#request, this.#reply, errors.PTC_GATEWAY_ANSWER_INVALID.with({ detail }))
      },
      observe: ({ rule, asks }) => {
        const detail = { upstream: this.#upstream, rule, asks }
        emit(this.#request, events['gateway.answer-invalid'], { outcome: 'observed', detail })
      },
    })
  }

  #pass(status: number, fields: Fields, body: Buffer | Readable | null): void {
    const reply = this.#reply
    try {
      this.#closeAfterRest()
      reply.code(status)
      writeResponseFields(fields, reply, this.#lane.route.publicLocation, this.#target)
      // RFC 9110 §8.6: a 204 declares no length, not even 0.
      if (status === 204) reply.removeHeader('content-length')
      // Before the first piece: the fields are written as soon as Fastify is done with them.
      if (body instanceof Download && body.readableLength === 0) body.onRead = () => reply.raw.flushHeaders()
      reply.send(body ?? undefined)
    } catch (error) {
      this.#request.log.error({ err: error, upstream: this.#upstream }, 'gateway: the answer could not be sent')
      reply.raw.destroy()
    }
  }

  fail(failure: Failure, target: string, reason: string): void {
    const detail = { upstream: this.#upstream, target, reason }
    this.#request.log.warn(detail, 'gateway: no answer')
    this.#closeAfterRest()
    refuse(this.#request, this.#reply, FAILURES[failure].with({ detail }))
  }

  cut(target: string, reason: string): void {
    if (this.#refused) return
    if (this.#held) return this.fail('upstream', target, reason)
    const detail = { upstream: this.#upstream, target, reason }
    this.#request.log.warn(detail, 'gateway: the answer broke off')
    emit(this.#request, events['gateway.cut'], { outcome: 'denied', detail })
  }

  /** What is left of a body that nobody reads would be taken for the next request. */
  #closeAfterRest(): void {
    if (this.#upload !== null && !this.#upload.readableEnded) this.#reply.header('connection', 'close')
  }
}
