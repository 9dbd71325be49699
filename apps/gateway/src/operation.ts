import { createServer as createPlain, type RequestListener, type Server } from 'node:http'
import { createServer as createTls } from 'node:https'
import { type SecureContextOptions, Server as TlsServer } from 'node:tls'
import { type AddressInfo, isIP } from 'node:net'
import { once } from 'node:events'
import { serverOptions } from '@portcullis/security'
import type { Config } from './config.ts'

/** An answer of the private address. */
export interface Fact {
  readonly type: string
  readonly body: string
  /** Seconds for which it may be kept; absent: it may not. */
  readonly maxAge?: number
}

/** What the private address answers, by path. Null: 503. */
export type Facts = Readonly<Record<string, () => Fact | null | Promise<Fact | null>>>

/** The address where operators, orchestrators and services look. It has no route that changes anything. */
export class Operation {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async listen(facts: Facts, { host, port, tls }: Config['operation']): Promise<Operation> {
    const answer = answerWith(facts, LOOPBACK.test(host))
    const times = { requestTimeout: 5_000, headersTimeout: 2_000, connectionsCheckingInterval: 1_000 }
    const { https } = serverOptions(tls === undefined ? {} : { https: tls }) as { https?: object }
    const server = https === undefined ? createPlain(times, answer) : createTls({ ...https, ...times }, answer)
    server.listen({ host, port })
    await once(server, 'listening')
    return new Operation(server)
  }

  /** Serves certificates that have changed. @throws what is wrong with them */
  renew({ tls }: Config['operation']): void {
    if (tls === undefined || !(this.#server instanceof TlsServer)) return
    // With the whole policy: what is left out would be forgotten.
    this.#server.setSecureContext((serverOptions({ https: tls }) as { https: SecureContextOptions }).https)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

const LOOPBACK = /^(?:localhost|127\..*|::1)$/

/** Addresses of this machine, under names that nobody else can give it. */
function isLocal(host: string): boolean {
  const name = host.replace(/:\d*$/, '').toLowerCase()
  return isIP(name.replace(/^\[|\]$/g, '')) !== 0 || name === 'localhost' || name.endsWith('.localhost')
}

/** @param local refuses names that pages of a browser on this machine may have given it (DNS rebinding) */
function answerWith(facts: Facts, local: boolean): RequestListener {
  return (request, response) => {
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('cross-origin-resource-policy', 'same-origin')
    const { host } = request.headers
    if (local && host !== undefined && !isLocal(host)) return void response.writeHead(403).end()
    const [pathname = ''] = (request.url ?? '').split('?')
    const fact = Object.hasOwn(facts, pathname) ? facts[pathname] : undefined
    if (fact === undefined) return void response.writeHead(404).end()
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return void response.writeHead(405, { allow: 'GET, HEAD' }).end()
    }
    Promise.resolve()
      .then(fact)
      .then(
        (found) => {
          if (found === null) return response.writeHead(503, { 'cache-control': 'no-store' }).end()
          response.writeHead(200, {
            'cache-control': found.maxAge === undefined ? 'no-store' : `max-age=${found.maxAge}`,
            'content-type': found.type,
            'content-length': Buffer.byteLength(found.body),
          })
          response.end(request.method === 'HEAD' ? undefined : found.body)
        },
        () => response.writeHead(500).end(),
      )
  }
}
