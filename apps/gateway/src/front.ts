import { createServer as createPlainServer, type Server as PlainServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { once } from 'node:events'
import { relayChallenge } from './challenges.ts'
import type { Config } from './config.ts'
import type { Generation } from './generation.ts'

/**
 * Old generations with something under way. A reload beyond that ends the WebSockets of the oldest, and waits for one
 * where requests are what is under way.
 */
const MOST_RETIRING = 4

/** Milliseconds in which a client that has just connected asks, and one of HTTP/2 has read that it is being left. */
const HEARD = 1_000

/** The process's sockets for clients, and the generation that answers there. */
export class Front {
  readonly #listener: Server
  #plaintext: PlainServer | undefined
  #current: Generation
  /** Every generation that may still have connections. */
  readonly #alive = new Set<Generation>()
  /** Those with something under way, the oldest first. */
  readonly #retiring = new Map<Generation, Promise<void>>()

  private constructor(first: Generation) {
    this.#current = first
    this.#alive.add(first)
    this.#listener = createServer({ noDelay: true }, (socket) => this.#current.accept(socket))
  }

  static async listen(first: Generation, { listen }: Config): Promise<Front> {
    const front = new Front(first)
    front.#listener.listen({ host: listen.host, port: listen.port })
    await once(front.#listener, 'listening')
    try {
      if (listen.plaintextPort !== undefined)
        await front.#listenInTheClear(listen.host, listen.plaintextPort, listen.challenges)
    } catch (error) {
      front.#listener.close()
      throw error
    }
    return front
  }

  async #listenInTheClear(host: string, port: number, challenges: number | undefined): Promise<void> {
    // Answers here are final: there is no conversation to keep open.
    const times = { requestTimeout: 30_000, headersTimeout: 10_000, connectionsCheckingInterval: 1_000 }
    const server = createPlainServer(
      { ...times, keepAliveTimeout: 1_000, requireHostHeader: false },
      (request, response) => {
        if (challenges !== undefined && relayChallenge(challenges, request, response)) return
        this.#current.app.routing(request, response)
      },
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
   * From now on the next generation answers, on old connections too. What is under way ends where it began; that is
   * waited for only where several are still at it.
   * @param deadline milliseconds that the old one has for that
   */
  async replace(next: Generation, deadline: number): Promise<void> {
    const old = this.#current
    this.#current = next
    this.#alive.add(next)
    old.handOver(() => this.#current)
    for (const one of this.#alive) if (one.admission !== next.admission) one.endWebSockets()
    const retiring = old
      .retire(deadline)
      .catch((error: unknown) => old.app.log.error({ err: error }, 'gateway: an old generation did not close well'))
      .then(() => {
        this.#retiring.delete(old)
        old.onceEmpty(() => this.#alive.delete(old))
      })
    this.#retiring.set(old, retiring)
    if (this.#retiring.size <= MOST_RETIRING) return
    const [oldest] = this.#retiring.keys()
    oldest?.endWebSockets()
    await Promise.race(this.#retiring.values())
  }

  /** Says to clients, with each answer, that they should go elsewhere; still takes what comes. */
  leave(): void {
    for (const generation of this.#alive) generation.leave()
  }

  /**
   * Takes no further connections, lets what is under way end, and ends.
   * @param deadline milliseconds
   */
  async close(deadline: number): Promise<void> {
    this.leave()
    await whatHasArrived()
    this.#listener.close()
    this.#plaintext?.close()
    await whatHasArrived()
    const all = [...this.#alive]
    for (const generation of all) generation.endWebSockets()
    const heard = Math.min(HEARD, deadline)
    await Promise.all(all.map((generation) => generation.dismiss(heard)))
    await Promise.all(all.map((generation) => generation.finished(deadline - heard)))
    for (const generation of all) generation.destroy()
    this.#plaintext?.closeAllConnections()
    await Promise.all(this.#retiring.values())
    await this.#current.app.close()
  }
}

/**
 * Resolves when the sockets have been looked at: connections that wait are taken, and a request whose bytes have arrived
 * on an idle connection is under way, so that none of them is closed.
 */
async function whatHasArrived(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}
