import { type buildConnector, Client, type Dispatcher } from 'undici'

/** What connections to one target have in common. */
export interface ConnectionTerms {
  readonly origin: URL
  readonly connect: buildConnector.connector
  /** Milliseconds. */
  readonly timeouts: { readonly headers: number; readonly body: number }
  /** Milliseconds after which a connection is not used again; null: none. */
  readonly lifetime: number | null
}

/** One connection: it serves one request at a time. */
interface Connection {
  readonly client: Client
  /** When it was opened, in milliseconds of the monotonic clock. */
  readonly since: number
  gone: boolean
}

/** A request that has a connection to itself, until undici is done with it. */
class Loan implements Dispatcher.DispatchHandler {
  readonly #asked: Dispatcher.DispatchHandler
  readonly #done: (connection: Connection, again: boolean) => void
  readonly #connection: Connection

  constructor(asked: Dispatcher.DispatchHandler, connection: Connection, done: Connections['giveBack']) {
    this.#asked = asked
    this.#connection = connection
    this.#done = done
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#asked.onRequestStart?.(controller, context)
  }

  onResponseStart(...given: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>): void {
    this.#asked.onResponseStart?.(...given)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#asked.onResponseData?.(controller, chunk)
  }

  onResponseEnd(...given: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>): void {
    this.#done(this.#connection, true)
    this.#asked.onResponseEnd?.(...given)
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    // Without a controller, undici has refused the request itself: nothing was sent.
    this.#done(this.#connection, controller === null)
    this.#asked.onResponseError?.(controller, error)
  }
}

/**
 * The connections of HTTP/1.1 to one target. The one used last is used next: those that are needed no longer are closed
 * by time, and nobody looks through all of them for each request, as undici's own pool does.
 */
export class Connections {
  readonly #terms: ConnectionTerms
  readonly #idle: Connection[] = []
  readonly #all = new Set<Connection>()

  constructor(terms: ConnectionTerms) {
    this.#terms = terms
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    const connection = this.#take()
    connection.client.dispatch(options, new Loan(handler, connection, this.giveBack))
  }

  #take(): Connection {
    const { lifetime } = this.#terms
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (lifetime === null || performance.now() - idle.since < lifetime) return idle
      this.#drop(idle)
    }
    return this.#open()
  }

  #open(): Connection {
    const { origin, connect, timeouts } = this.#terms
    const client = new Client(origin, {
      connect,
      allowH2: false,
      pipelining: 1,
      headersTimeout: timeouts.headers,
      bodyTimeout: timeouts.body,
    })
    const connection: Connection = { client, since: performance.now(), gone: false }
    this.#all.add(connection)
    client.on('disconnect', () => this.#drop(connection))
    return connection
  }

  /** @param again whether it may serve another request */
  readonly giveBack = (connection: Connection, again: boolean): void => {
    if (again && !connection.gone) this.#idle.push(connection)
    else this.#drop(connection)
  }

  #drop(connection: Connection): void {
    if (connection.gone) return
    connection.gone = true
    this.#all.delete(connection)
    const place = this.#idle.indexOf(connection)
    if (place !== -1) this.#idle.splice(place, 1)
    // A request that it still has goes to its end.
    connection.client.close(() => {})
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#all].map(({ client }) => client.destroy()))
  }
}
