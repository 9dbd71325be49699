import { buildConnector, type Dispatcher, Pool } from 'undici'

/** A private service, as compiled from the options. */
export interface ServiceTerms {
  readonly name: string
  readonly origin: URL
  readonly ca: string | Buffer | undefined
  /** Milliseconds. */
  readonly timeouts: { readonly connect: number; readonly headers: number; readonly body: number }
  readonly concurrency: number
  /** Where the host really is: `127.0.0.1`, `127.0.0.1:7001`, `[::1]:7001`; null: ask DNS. */
  readonly address: string | null
}

/** The connections to one service. They speak HTTP/1.1, verify the certificate, and never send a request twice. */
export class Service {
  readonly #pool: Pool
  readonly #concurrency: number
  #underWay = 0

  constructor(terms: ServiceTerms) {
    this.#concurrency = terms.concurrency
    this.#pool = new Pool(terms.origin, {
      connect: connectorTo(terms),
      allowH2: false,
      pipelining: 1,
      headersTimeout: terms.timeouts.headers,
      bodyTimeout: terms.timeouts.body,
    })
  }

  /** Takes one of the service's places; false when all are taken. A waiting line would only grow. */
  enter(): boolean {
    if (this.#underWay >= this.#concurrency) return false
    this.#underWay++
    return true
  }

  leave(): void {
    this.#underWay--
  }

  send(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#pool.dispatch(options, handler)
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.#pool.destroy()
  }
}

/** `127.0.0.1:7001`, `[::1]:7001`, either without a port. */
export function splitAddress(text: string): { address: string; port: string | null } {
  const found = /^(?:\[(?<six>[^\]]*)\]|(?<four>[^:]*))(?::(?<port>\d+))?$/.exec(text)?.groups
  return { address: found?.six ?? found?.four ?? '', port: found?.port ?? null }
}

function connectorTo({ ca, timeouts, address, origin }: ServiceTerms): buildConnector.connector {
  const connect = buildConnector({
    // Written out, because NODE_TLS_REJECT_UNAUTHORIZED=0 only changes the default.
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    timeout: timeouts.connect,
    allowH2: false,
    ...(ca === undefined ? {} : { ca }),
  })
  if (address === null) return connect
  const { address: hostname, port } = splitAddress(address)
  return (target, done) =>
    connect({ ...target, hostname, port: port ?? target.port, servername: target.servername ?? origin.hostname }, done)
}
