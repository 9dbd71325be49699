import { createServer as createPlainServer, type Server as PlainServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { once } from 'node:events'
import type { Config } from './config.ts'
import type { Generation } from './generation.ts'

/** The process's sockets for clients, and the generation that answers there. */
export class Front {
  readonly #listener: Server
  #plaintext: PlainServer | undefined
  #current: Generation
  /** Every generation that may still have connections. */
  readonly #alive = new Set<Generation>()

  private constructor(first: Generation) {
    this.#current = first
    this.#alive.add(first)
    this.#listener = createServer({ noDelay: true }, (socket) => this.#current.accept(socket))
  }

  static async listen(first: Generation, { listen }: Config): Promise<Front> {
    const front = new Front(first)
    front.#listener.listen({ host: listen.host, port: listen.port })
    await once(front.#listener, 'listening')
    if (listen.plaintextPort !== undefined) await front.#listenInTheClear(listen.host, listen.plaintextPort)
    return front
  }

  async #listenInTheClear(host: string, port: number): Promise<void> {
    // Answers here are final: there is no conversation to keep open.
    const times = { requestTimeout: 30_000, headersTimeout: 10_000, connectionsCheckingInterval: 1_000 }
    const server = createPlainServer(
      { ...times, keepAliveTimeout: 1_000, requireHostHeader: false },
      (request, response) => this.#current.app.routing(request, response),
    )
    server.on('checkContinue', (request, response) => this.#current.app.routing(request, response))
    for (const event of ['checkExpectation', 'clientError'] as const) {
      server.on(event, (...given: unknown[]) => void this.#current.server.emit(event, ...given))
    }
    server.listen({ host, port })
    await once(server, 'listening')
    this.#plaintext = server
  }

  get current(): Generation {
    return this.#current
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port
  }

  get plaintextPort(): number | null {
    return this.#plaintext === undefined ? null : (this.#plaintext.address() as AddressInfo).port
  }

  /**
   * From now on the next generation answers, on old connections too. What is under way ends where it began.
   * @param deadline milliseconds that the old one has for that
   */
  async replace(next: Generation, deadline: number): Promise<void> {
    const old = this.#current
    this.#current = next
    this.#alive.add(next)
    old.handOver(() => this.#current)
    await old.retire(deadline)
    old.onceEmpty(() => this.#alive.delete(old))
  }

  /**
   * Takes no further connections, lets what is under way end, and ends.
   * @param deadline milliseconds
   */
  async close(deadline: number): Promise<void> {
    this.#listener.close()
    this.#plaintext?.close()
    for (const generation of this.#alive) generation.drain()
    await Promise.all([...this.#alive].map((generation) => generation.finished(deadline)))
    for (const generation of this.#alive) generation.destroy()
    this.#plaintext?.closeAllConnections()
    await this.#current.app.close()
  }
}
