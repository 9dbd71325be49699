import type { IncomingHttpHeaders } from 'node:http'
import { type buildConnector, Client, type Dispatcher } from 'undici'
import { Relay } from './relay.ts'

/** What connections to one target have in common. */
export interface ConnectionTerms {
  readonly origin: URL
  readonly connect: buildConnector.connector
  /** Milliseconds after which a connection is not used again; null: none. */
  readonly lifetime: number | null
}

/** At most so many clients without a connection are kept for the next one. */
const SPARE = 64

/** One connection, or a client that opens one with the next request: it serves one request at a time. */
interface Connection {
  readonly client: Client
  connected: boolean
  /** When it was connected, in milliseconds of the monotonic clock. */
  since: number
  /** It has a request. */
  lent: boolean
}

/** A request that has a connection to itself, until undici is done with it. */
class Loan extends Relay {
  readonly #done: (connection: Connection, again: boolean) => void
  readonly #connection: Connection

  constructor(asked: Dispatcher.DispatchHandler, connection: Connection, done: Connections['giveBack']) {
    super(asked)
    this.#connection = connection
    this.#done = done
  }

  override onResponseEnd(controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    this.#done(this.#connection, true)
    super.onResponseEnd(controller, trailers)
  }

  override onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    // Without a controller, undici has refused the request itself: nothing was sent.
    this.#done(this.#connection, controller === null)
    super.onResponseError(controller, error)
  }
}

/**
 * The connections of HTTP/1.1 to one target. The one used last is used next: those that are needed no longer are closed
 * by time, and nobody looks through all of them for each request, as undici's own pool does. A client whose connection
 * has ended opens the next: V8 keeps undici's clients until it collects the old generation (decision 0020), and
 * services that reset connections would have it copy what hangs on each.
 */
export class Connections {
  readonly #terms: ConnectionTerms
  readonly #idle: Connection[] = []
  readonly #spare: Connection[] = []
  readonly #all = new Set<Connection>()

  constructor(terms: ConnectionTerms) {
    this.#terms = terms
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    const connection = this.#take()
    connection.lent = true
    connection.client.dispatch(options, new Loan(handler, connection, this.giveBack))
  }

  #take(): Connection {
    const { lifetime } = this.#terms
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (lifetime === null || performance.now() - idle.since < lifetime) return idle
      this.#drop(idle)
    }
    return this.#spare.pop() ?? this.#open()
  }

  #open(): Connection {
    const { origin, connect } = this.#terms
    const client = new Client(origin, {
      connect,
      allowH2: false,
      pipelining: 1,
      // Whoever asks watches the time.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    const connection: Connection = { client, connected: false, since: 0, lent: false }
    this.#all.add(connection)
    client.on('connect', () => {
      connection.connected = true
      connection.since = performance.now()
    })
    client.on('disconnect', () => {
      connection.connected = false
      const place = this.#idle.indexOf(connection)
      if (place !== -1) this.#idle.splice(place, 1)
      // A request that it still has is sent on its next connection.
      if (!connection.lent) this.#keep(connection)
    })
    return connection
  }

  /** @param again whether it may serve another request */
  readonly giveBack = (connection: Connection, again: boolean): void => {
    connection.lent = false
    // Not before undici is done with what failed: another attempt may follow at once.
    if (!connection.connected) queueMicrotask(() => this.#keep(connection))
    else if (again) this.#idle.push(connection)
    // Otherwise undici is about to end it, and says so.
  }

  /** Keeps a client that has no connection, unless it was dropped. */
  #keep(connection: Connection): void {
    if (!this.#all.has(connection)) return
    if (this.#spare.length < SPARE) this.#spare.push(connection)
    else this.#drop(connection)
  }

  #drop(connection: Connection): void {
    this.#all.delete(connection)
    connection.client.close(() => {})
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#all].map(({ client }) => client.destroy()))
  }
}
