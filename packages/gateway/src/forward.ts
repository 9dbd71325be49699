import type { Readable } from 'node:stream'
import { bringsBody, isEnding, type Refusal } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Upload } from './bodies.ts'
import { Client } from './client.ts'
import { errors } from './errors.ts'
import { Exchange } from './exchange.ts'
import type { TokenMint } from './internal-token.ts'
import { isMalformedTarget, type PathParams } from './path.ts'
import type { GatewayPolicy, RoutePolicy } from './policy.ts'
import { unseenBody } from './request-body.ts'
import { buildRequestFields, hasTwoHosts, isMalformedFraming, isMalformedHost } from './request-fields.ts'
import { bytesOf } from './schemas/intake.ts'
import type { Output } from './schemas/output.ts'
import { compileTrace } from './trace.ts'
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
  // RFC 9113 §8.3.1: HTTP/2 names it in another place.
  const host = headers.host ?? (headers[':authority'] as string | undefined)
  // The same in the log, at the service and in the answer.
  reply.header('x-request-id', request.id)
  if (isMalformedFraming(headers['transfer-encoding'], raw.httpVersion) || isEnding(raw)) {
    // Where this message ends is not certain: nothing after it is a request.
    reply.header('connection', 'close')
    return errors.PTC_GATEWAY_REQUEST_MALFORMED
  }
  if (isMalformedTarget(url) || hasTwoHosts(raw.rawHeaders) || isMalformedHost(host)) {
    return errors.PTC_GATEWAY_REQUEST_MALFORMED
  }
  const query = url.indexOf('?')
  const path = route.rewrite({
    path: pathOf(query === -1 ? url : url.slice(0, query)),
    params: request.params as PathParams,
    host,
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
    reply.header('connection', 'close')
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
  if (read === null && source !== null && bringsBody(raw)) {
    upload = new Upload(source, route.bodyLimit)
    // A body that somebody replaced on its way has another length.
    if (length !== null && source === raw) fields.push('content-length', declared as string)
  }
  const { limits, streamTimeouts, totalTimeout, responseLimit } = route
  const exchange = new Exchange(
    new Client(request, reply, lane, target, upload),
    upstream,
    {
      path: target,
      method: request.method,
      headers: fields,
      body: read === null || read.length === 0 ? upload : read,
      headersTimeout: streamTimeouts.headers,
      bodyTimeout: streamTimeouts.body,
      limits,
      responseLimit,
    },
    policy.patience,
  )
  reply.raw.once('close', () => exchange.cancel())
  exchange.start(first, totalTimeout ?? upstream.totalTimeout)
  return null
}

/** The path of a request target, which may name a scheme and a host before it (RFC 9112 §3.2.2). */
const pathOf = (target: string): string => (target.startsWith('/') ? target : target.replace(/^[a-z]+:\/\/[^/]*/i, ''))

/** Every target is given up: said at once, with the time when one will be asked again. */
function unavailable(upstream: Upstream, now: number): Refusal {
  const retryAfter = upstream.retryAfter(now)
  return errors.PTC_GATEWAY_UPSTREAM_UNAVAILABLE.with({
    ...(retryAfter === null ? {} : { retryAfter }),
    detail: { upstream: upstream.name },
  })
}
