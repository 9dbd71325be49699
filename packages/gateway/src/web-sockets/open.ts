import { createHash } from 'node:crypto'
import { type ClientRequest, type IncomingMessage, request as ask } from 'node:http'
import type { Duplex } from 'node:stream'
import { addressKey, emit, refuse, type Refusal } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { whileAdmitted } from '../admission.ts'
import { errors } from '../errors.ts'
import { events } from '../events.ts'
import { faultOfAnswer } from '../failures.ts'
import { writeResponseFields } from '../response-fields.ts'
import type { RoutePolicy } from '../policy.ts'
import type { Target } from '../upstreams/target.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import { faultOfHandshake, mayOpen } from './handshake.ts'
import { Tunnel, type TunnelTerms } from './tunnel.ts'
import type { Upgrade } from './upgrade.ts'

/** What the WebSockets of a route may do. */
export interface WebSocketPolicy extends TunnelTerms {
  /** Origins whose pages may open one, beside our own. */
  readonly origins: ReadonlySet<string>
  /** At the same time, of all callers and of one. */
  readonly connections: number
  readonly connectionsPerCaller: number
}

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const acceptOf = (key: string): string =>
  createHash('sha1')
    .update(key + GUID)
    .digest('base64')

const VERSION: Refusal = errors.PTC_GATEWAY_WEB_SOCKET_VERSION.with({
  fields: { upgrade: 'websocket', 'sec-websocket-version': '13' },
})

/** The WebSockets of one route that are open. */
export class WebSockets {
  readonly #policy: WebSocketPolicy
  readonly #callers = new Map<string, number>()
  readonly #tunnels = new Set<Tunnel>()
  #open = 0

  constructor(policy: WebSocketPolicy) {
    this.#policy = policy
  }

  /** Whether a request may open one; the refusal if not. */
  admit(request: FastifyRequest): Refusal | null {
    const { raw, headers } = request
    const fault = faultOfHandshake(request.method, raw.httpVersion, headers)
    if (fault === 'version') return VERSION
    if (fault !== null) return errors.PTC_GATEWAY_REQUEST_MALFORMED
    const { origins, connections, connectionsPerCaller } = this.#policy
    if (!mayOpen(headers, request.protocol === 'https', origins)) return errors.PTC_GATEWAY_WEB_SOCKET_ORIGIN_REFUSED
    if ((this.#callers.get(callerOf(request)) ?? 0) >= connectionsPerCaller) return errors.PTC_GATEWAY_WEB_SOCKETS_SPENT
    return this.#open >= connections ? errors.PTC_GATEWAY_OVERLOADED.with({ retryAfter: 1 }) : null
  }

  /** Opens an admitted one; the answer comes by itself. */
  open(request: FastifyRequest, reply: FastifyReply, route: RoutePolicy, parts: OpeningParts): void {
    const caller = callerOf(request)
    this.#open++
    this.#callers.set(caller, (this.#callers.get(caller) ?? 0) + 1)
    const opening = new Opening(request, reply, route, parts, this.#policy, {
      began: (tunnel) => this.#tunnels.add(tunnel),
      ended: (tunnel) => {
        if (tunnel !== null) this.#tunnels.delete(tunnel)
        this.#open--
        const left = (this.#callers.get(caller) as number) - 1
        if (left === 0) this.#callers.delete(caller)
        else this.#callers.set(caller, left)
      },
    })
    opening.start()
  }

  /** Ends them all: the app closes. */
  close(): void {
    for (const tunnel of this.#tunnels) tunnel.end('going-away')
  }
}

const callerOf = ({ security: { identity }, ip }: FastifyRequest): string =>
  identity === null ? `ip ${addressKey(ip)}` : `${identity.scheme} ${identity.subject}`

/** What an opening is made of. */
export interface OpeningParts {
  readonly upgrade: Upgrade
  readonly upstream: Upstream
  readonly target: Target
  /** Path and query. */
  readonly path: string
  /** Name, value, name, value. */
  readonly fields: readonly string[]
  /** Milliseconds until the upstream's answer. */
  readonly timeout: number
}

interface Count {
  readonly began: (tunnel: Tunnel) => void
  readonly ended: (tunnel: Tunnel | null) => void
}

/** One WebSocket on its way to an upstream. */
class Opening {
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #route: RoutePolicy
  readonly #parts: OpeningParts
  readonly #policy: WebSocketPolicy
  readonly #count: Count
  #asked: ClientRequest | null = null
  #timer: NodeJS.Timeout | undefined
  #settled = false

  constructor(
    request: FastifyRequest,
    reply: FastifyReply,
    route: RoutePolicy,
    parts: OpeningParts,
    policy: WebSocketPolicy,
    count: Count,
  ) {
    this.#request = request
    this.#reply = reply
    this.#route = route
    this.#parts = parts
    this.#policy = policy
    this.#count = count
  }

  start(): void {
    const { upstream, target, timeout } = this.#parts
    upstream.begin(target)
    this.#request.security.forwardedTo = target.reference
    this.#timer = setTimeout(() => this.#fail('time-out', 'UND_ERR_HEADERS_TIMEOUT'), timeout)
    this.#reply.raw.once('close', () => this.#gone())
    target.connect((error, socket) => {
      if (error !== null || socket === null) return this.#fail('upstream', codeOf(error))
      if (this.#settled) return void socket.destroy()
      this.#ask(socket)
    })
  }

  #ask(socket: Duplex): void {
    const { path, fields, target } = this.#parts
    const { 'sec-websocket-key': key, 'sec-websocket-protocol': protocols } = this.#request.headers
    const opening = ['connection', 'Upgrade', 'upgrade', 'websocket', 'sec-websocket-version', '13']
    const headers = [
      ...fields,
      ...opening,
      'host',
      target.authority,
      'sec-websocket-key',
      key as string,
      ...(protocols === undefined ? [] : ['sec-websocket-protocol', protocols]),
    ]
    const asked = ask({ method: 'GET', path, headers, createConnection: () => socket as never, setHost: false })
    this.#asked = asked
    asked.on('error', (error) => this.#fail('upstream', codeOf(error)))
    asked.once('response', (answer) => this.#answer(answer))
    asked.once('upgrade', (answer, upstreamSocket, head) => this.#begin(answer, upstreamSocket, head))
    asked.end()
  }

  /** The upstream does not want to: its answer is the answer. */
  #answer(answer: IncomingMessage): void {
    const fault = faultOfAnswer(answer.statusCode as number, answer.headers['transfer-encoding'])
    if (fault !== null) return this.#fail('upstream', fault.code)
    if (!this.#settle('answered')) return
    const reply = this.#reply
    reply.code(answer.statusCode as number)
    writeResponseFields(answer.headers, reply, this.#route.publicLocation, this.#parts.path)
    this.#count.ended(null)
    // It has as long again for the rest.
    const timer = setTimeout(() => answer.destroy(), this.#parts.timeout)
    answer.once('close', () => clearTimeout(timer))
    reply.send(answer)
  }

  #begin(answer: IncomingMessage, upstreamSocket: Duplex, head: Buffer): void {
    const { headers } = this.#request
    const protocol = answer.headers['sec-websocket-protocol']
    const offered = headers['sec-websocket-protocol']?.split(',').map((one) => one.trim()) ?? []
    // RFC 6455 §4.1
    const sound =
      answer.headers.upgrade?.toLowerCase() === 'websocket' &&
      answer.headers['sec-websocket-accept'] === acceptOf(headers['sec-websocket-key'] as string) &&
      answer.headers['sec-websocket-extensions'] === undefined &&
      (protocol === undefined || offered.includes(protocol))
    if (!sound) {
      upstreamSocket.destroy()
      return this.#fail('upstream', 'BAD_HANDSHAKE')
    }
    if (!this.#settle('answered')) return void upstreamSocket.destroy()
    const { socket, head: early } = this.#parts.upgrade
    const { raw } = this.#reply
    this.#reply.hijack()
    raw.detachSocket(socket as never)
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n' +
        `sec-websocket-accept: ${answer.headers['sec-websocket-accept']}\r\n` +
        `${protocol === undefined ? '' : `sec-websocket-protocol: ${protocol}\r\n`}\r\n`,
    )
    if (early.length > 0) socket.unshift(early)
    if (head.length > 0) upstreamSocket.unshift(head)
    const now = (): number => performance.now()
    let stopWatching = (): void => {}
    const tunnel = new Tunnel(socket, upstreamSocket, this.#policy, now, (why) => {
      stopWatching()
      this.#count.ended(tunnel)
      // Whoever waits for the end of the request has waited for this.
      raw.emit('close')
      if (why === 'closed' || why === 'idle' || why === 'going-away') return
      const detail = { upstream: this.#parts.upstream.name, reason: why }
      emit(this.#request, events['gateway.cut'], { outcome: 'denied', detail })
    })
    this.#count.began(tunnel)
    stopWatching = whileAdmitted(this.#request, (why) => tunnel.end(why))
  }

  #fail(failure: 'upstream' | 'time-out', reason: string): void {
    if (!this.#settle('failed', reason)) return
    this.#asked?.destroy()
    this.#count.ended(null)
    const detail = { upstream: this.#parts.upstream.name, target: this.#parts.target.name, reason }
    this.#request.log.warn(detail, 'gateway: no answer')
    const refusal = failure === 'upstream' ? errors.PTC_GATEWAY_UPSTREAM_FAILED : errors.PTC_GATEWAY_UPSTREAM_TIMED_OUT
    refuse(this.#request, this.#reply, refusal.with({ detail }))
  }

  #gone(): void {
    if (!this.#settle('gone')) return
    this.#asked?.destroy()
    this.#count.ended(null)
  }

  #settle(outcome: 'answered' | 'failed' | 'gone', reason = ''): boolean {
    if (this.#settled) return false
    this.#settled = true
    clearTimeout(this.#timer)
    const { upstream, target } = this.#parts
    upstream.end(target, outcome, performance.now(), reason)
    return true
  }
}

const codeOf = (error: Error | null): string => (error as NodeJS.ErrnoException | null)?.code ?? 'CONNECTION_FAILED'
