import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { selfSigned } from './certificates.ts'

/** What was asked about one token. */
export interface Asked {
  readonly method: string | undefined
  readonly type: string | undefined
  readonly authorization: string | undefined
  readonly form: Readonly<Record<string, string>>
}

/** An introspection endpoint over real TLS on loopback that a test may break in every way. */
export class AuthorizationServer {
  readonly endpoint: string
  readonly ca: string
  readonly asked: Asked[] = []
  /** What it says of tokens. */
  tokens: Record<string, unknown> = {}
  /** Answers something else. */
  instead: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  readonly #server: Server

  constructor(server: Server, ca: string) {
    this.#server = server
    this.ca = ca
    this.endpoint = `https://localhost:${(server.address() as AddressInfo).port}/introspect`
    server.on('request', (request, response) => void this.#answer(request, response))
  }

  static async start(): Promise<AuthorizationServer> {
    const { key, cert } = await selfSigned()
    const server = createServer({ key, cert }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new AuthorizationServer(server, cert)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const form = Object.fromEntries(new URLSearchParams(body))
    const { method, headers } = request
    this.asked.push({ method, type: headers['content-type'], authorization: headers.authorization, form })
    if (this.instead !== undefined) return this.instead(request, response)
    const said = this.tokens[form['token'] ?? ''] ?? { active: false }
    response.setHeader('content-type', 'application/json').end(JSON.stringify(said))
  }
}
