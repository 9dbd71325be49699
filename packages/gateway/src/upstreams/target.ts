import { type buildConnector, type Dispatcher, Pool } from 'undici'
import type { Circuit, CircuitState, CircuitTerms } from './circuit.ts'
import type { Duplex } from 'node:stream'
import { Connections } from './connections.ts'
import { connectorTo, type Way } from './connector.ts'
import { StreamWatch } from './streams.ts'
import type { TargetState, TargetStates } from './target-states.ts'

/** One process that answers for an upstream, as compiled from the options. */
export interface TargetTerms {
  /** As the options name it. */
  readonly name: string
  readonly way: Way
  /** Milliseconds. */
  readonly timeouts: { readonly headers: number; readonly body: number }
  readonly circuit: CircuitTerms
}

/** How a target is. */
export interface TargetStatus {
  readonly name: string
  /** What the active checks say; true without checks. */
  readonly healthy: boolean
  readonly circuit: CircuitState
  /** Requests that it has not answered yet. */
  readonly underWay: number
}

/** Milliseconds after which a connection is not used again, so that a name that moved is found where it is. */
const CONNECTION_LIFETIME = 60_000

/** The connections to one target. They verify its certificate, and never send a request twice by themselves. */
export class Target {
  readonly name: string
  readonly circuit: Circuit
  /** What requests remember of it. */
  readonly reference: { readonly upstream: string; readonly target: string }
  readonly #connections: Connections | Pool
  readonly #connect: buildConnector.connector
  readonly #origin: URL
  readonly #state: TargetState
  readonly #release: () => void
  underWay = 0

  /** @param upstream the name of its upstream */
  constructor({ name, way, timeouts, circuit }: TargetTerms, upstream: string, states: TargetStates) {
    this.name = name
    this.reference = Object.freeze({ upstream, target: name })
    const { state, release } = states.take(upstream, name, circuit)
    this.#state = state
    this.#release = release
    this.circuit = state.circuit
    this.#origin = way.origin
    // A WebSocket is opened in HTTP/1.1 (RFC 6455 §4.1).
    this.#connect = connectorTo({ ...way, http2: false })
    // Whatever has an address of its own stays where it is.
    const lifetime = way.address === null && way.socketPath === null ? CONNECTION_LIFETIME : null
    const { origin, http2 } = way
    const connect = this.#connect
    this.#connections = http2
      ? new Pool(origin, {
          connect: connectorTo(way),
          allowH2: true,
          pipelining: 100,
          headersTimeout: timeouts.headers,
          bodyTimeout: timeouts.body,
          clientTtl: lifetime,
        })
      : new Connections({ origin, connect, lifetime })
  }

  /** What the active checks say. */
  get healthy(): boolean {
    return this.#state.healthy
  }

  set healthy(well: boolean) {
    this.#state.healthy = well
  }

  isAvailable(now: number): boolean {
    return this.healthy && this.circuit.admits(now)
  }

  send(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    const connections = this.#connections
    connections.dispatch(options, connections instanceof Pool ? new StreamWatch(handler) : handler)
  }

  /** The name and port that requests are for. */
  get authority(): string {
    return this.#origin.host
  }

  /** A connection of its own, for what is not a request and an answer. */
  connect(done: (error: Error | null, socket: Duplex | null) => void): void {
    const { hostname, host, protocol, port } = this.#origin
    this.#connect({ hostname, host, protocol, port }, (...[error, socket]) => done(error, socket))
  }

  status(now: number): TargetStatus {
    return { name: this.name, healthy: this.healthy, circuit: this.circuit.state(now), underWay: this.underWay }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#release()
    const connections = this.#connections
    await (connections instanceof Pool ? connections.destroy() : connections.close())
  }
}
