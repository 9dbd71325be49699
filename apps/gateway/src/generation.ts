import { createServer as createPlain, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createSecureServer, type Http2ServerRequest, type ServerHttp2Session } from 'node:http2'
import { createServer as createTls } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { endWebSockets } from '@portcullis/gateway'
import security, { onSecurityEvent, serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Config } from './config.ts'
import { optionsOf, type Outside } from './outside.ts'
import { RequestLog } from './request-log.ts'
import { misdirect, misdirectUpgrade, notify, refuseUpgrade } from './turned-away.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Milliseconds for which Fastify keeps a connection without a request. */
const KEEP_ALIVE = 72_000

/**
 * One reading of the file, ready to answer: an app, and a server that never listens. The process's one socket hands it
 * connections; when a later generation takes over, it hands their further requests to that one.
 */
export class Generation {
  readonly app: FastifyInstance
  readonly server: Server
  /** What decided on connections when they began: TLS or none, its versions, whose certificates clients must show. */
  readonly admission: string
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #sockets = new Set<Socket>()
  #underWay = 0
  #draining = false
  /** Called when a request or a connection has ended. */
  readonly #changed = new Set<() => void>()
  #empty: (() => void) | null = null

  private constructor(app: FastifyInstance, server: Server, admission: string) {
    this.app = app
    this.server = server
    this.admission = admission
  }

  /**
   * Reads nothing and listens to nothing: an options mistake, a store or a key set that is away end it here.
   * @throws whatever the rooms refuse to boot with
   */
  static async open(config: Config, outside: Outside): Promise<Generation> {
    const { http2, trustProxy, tls } = config.listen
    const options = serverOptions({
      trustProxy: trustProxy.length === 0 ? false : [...trustProxy],
      ...(tls === undefined ? {} : { https: tls, http2 }),
    }) as FastifyServerOptions & { https?: object; http2?: boolean; http?: object }
    let server: Server | undefined
    const serverFactory = (handler: Handler): Server => {
      server = createServer(options, (request, response) => generation.#answer(handler, request, response))
      server.keepAliveTimeout = KEEP_ALIVE
      return server
    }
    const app = Fastify({
      ...options,
      loggerInstance: outside.logger,
      // The access record says the same, once.
      ...(config.audit === false ? {} : { logController: new RequestLog() }),
      serverFactory,
    } as never) as unknown as FastifyInstance
    const generation = new Generation(app, server as unknown as Server, admissionOf(tls, options.https))
    try {
      outside.observe(app)
      const { routes, onEvent } = outside.extension
      if (onEvent !== undefined) onSecurityEvent(app, onEvent)
      await app.register(security, optionsOf(config, outside))
      // In a scope: its hooks and parsers are for its own routes.
      if (routes !== undefined) await app.register(async (scope) => routes(scope))
      await app.ready()
    } catch (error) {
      await app.close()
      throw error
    }
    generation.#track()
    return generation
  }

  #track(): void {
    // Time-outs of connections are looked after from then on.
    this.server.emit('listening')
    // Another listener makes an upgrade of what was a request to Node: only where there is one already.
    if (this.server.listenerCount('upgrade') > 0) {
      this.server.on('upgrade', (_request: IncomingMessage, socket: Duplex) => this.#begin(socket))
    }
    this.server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session)
      session.once('close', () => this.#sessions.delete(session))
    })
  }

  #answer(handler: Handler, request: IncomingMessage, response: ServerResponse): void {
    this.#begin(response)
    if (this.#draining) {
      if (request.httpVersionMajor === 1) response.setHeader('connection', 'close')
      else notify((request as unknown as Http2ServerRequest).stream.session)
    }
    handler(request, response)
  }

  /** Something is under way until it closes: an answer, or a connection that is a WebSocket now. */
  #begin(one: ServerResponse | Duplex): void {
    this.#underWay++
    one.once('close', () => {
      this.#underWay--
      this.#hasChanged()
    })
  }

  /** A connection, before its first byte. */
  accept(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#hasChanged()
      if (this.#sockets.size === 0) this.#empty?.()
    })
    this.server.emit('connection', socket)
  }

  /**
   * Hands all further requests of its connections to whichever generation answers then; where that one would not have
   * admitted them, they are answered 421 and closed.
   */
  handOver(current: () => Generation): void {
    for (const event of ['request', 'checkContinue', 'checkExpectation', 'upgrade', 'clientError'] as const) {
      if (this.server.listenerCount(event) === 0) continue
      this.server.removeAllListeners(event)
      this.server.on(event, (...given: unknown[]) => {
        const next = current()
        if (next.admission !== this.admission && event !== 'clientError') {
          if (event === 'upgrade') misdirectUpgrade(given[1] as Duplex)
          else misdirect(given[0] as IncomingMessage, given[1] as ServerResponse)
          return
        }
        // A later generation may have no WebSockets at all; nobody else would ever answer.
        if (!next.server.emit(event, ...given) && event === 'upgrade') refuseUpgrade(given[1] as Duplex)
      })
    }
  }

  /**
   * Says to clients that they should go elsewhere: with each further answer (RFC 9112 §9.6), and on HTTP/2 by a GOAWAY
   * that still takes all they send until they have read it (RFC 9113 §6.8).
   */
  leave(): void {
    if (this.#draining) return
    this.#draining = true
    for (const session of this.#sessions) notify(session)
  }

  /** Closes connections that ask nothing, and waits for the others until they have heard that they are being left. */
  async dismiss(milliseconds: number): Promise<void> {
    this.server.closeIdleConnections?.()
    await this.#until(() => this.#sockets.size === 0, milliseconds)
    for (const session of this.#sessions) session.close()
  }

  /** Resolves when nothing is under way, or when the time is over. */
  async finished(milliseconds: number): Promise<void> {
    await this.#until(() => this.#underWay === 0, milliseconds)
  }

  async #until(holds: () => boolean, milliseconds: number): Promise<void> {
    if (holds()) return
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (holds()) done()
      }
      const done = (): void => {
        clearTimeout(timer)
        this.#changed.delete(look)
        resolve()
      }
      const timer = setTimeout(done, milliseconds)
      this.#changed.add(look)
    })
  }

  #hasChanged(): void {
    for (const look of this.#changed) look()
  }

  /** Ends its WebSockets: nobody waits for them any more. */
  endWebSockets(): void {
    endWebSockets(this.app)
  }

  /** Closes what the app has opened; its connections go on, for a later generation answers them. */
  async retire(milliseconds: number): Promise<void> {
    await this.finished(milliseconds)
    await this.app.close()
  }

  /** Calls back once its last connection has ended: after it was handed over, no other comes. */
  onceEmpty(act: () => void): void {
    this.#empty = () => {
      this.server.close()
      act()
    }
    if (this.#sockets.size === 0) this.#empty()
  }

  /** Ends its connections. */
  destroy(): void {
    for (const session of this.#sessions) session.destroy()
    for (const socket of this.#sockets) (socket as Duplex).destroy()
    this.server.close()
  }
}

/** Not the certificates that are shown: connections that stand outlive those. */
function admissionOf(tls: object | undefined, made: { readonly ca?: unknown } | undefined): string {
  const { policy, clientCertificates } = (tls ?? {}) as Readonly<Record<string, unknown>>
  return JSON.stringify([tls !== undefined, policy, clientCertificates, made?.ca])
}

function createServer(options: { https?: object; http2?: boolean; http?: object }, handler: Handler): Server {
  if (options.https === undefined) return createPlain({ ...options.http }, handler)
  if (options.http2 === true) return createSecureServer(options.https, handler as never) as unknown as Server
  return createTls(options.https, handler) as unknown as Server
}
