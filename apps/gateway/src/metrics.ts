import { upstreamStatus } from '@portcullis/gateway'
import { onSecurityEvent } from '@portcullis/security'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from '@prometheus-io/client'
import type { FastifyInstance } from 'fastify'
import { Tally } from './tally.ts'

/** From a cached answer to a slow report. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** The metrics of one process. */
export type Snapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** The metrics of several processes as those of one. */
export function aggregate(snapshots: readonly Snapshot[]): Registry {
  return Registry.aggregate([...snapshots])
}

/** What is counted over all generations. Labels are names of the file, methods and status codes: nothing of a client's. */
export class Metrics {
  readonly #registry: Registry = new Registry()
  /** By method and route, a space between them. */
  readonly #answered = new Tally<string>()
  readonly #passedOn = new Tally<Readonly<Record<'upstream' | 'target', string>>>()
  readonly #requests = new Counter({
    name: 'gateway_requests_total',
    help: 'Requests that were answered, by route; no route: an unknown path.',
    labelNames: ['route', 'method', 'status'],
    registers: [this.#registry],
    collect: () => this.#pour(),
  })
  readonly #durations = new Histogram({
    name: 'gateway_request_duration_seconds',
    help: 'Time from a request to the last byte of its answer, by route.',
    labelNames: ['route', 'method'],
    buckets: SECONDS,
    registers: [this.#registry],
  })
  readonly #forwarded = new Counter({
    name: 'gateway_forwarded_total',
    help: 'Requests that a target was sent, by what the client was answered.',
    labelNames: ['upstream', 'target', 'status'],
    registers: [this.#registry],
    collect: () => this.#pour(),
  })
  readonly #aborted = new Counter({
    name: 'gateway_aborted_total',
    help: 'Requests whose client left before the last byte.',
    labelNames: ['route', 'method'],
    registers: [this.#registry],
  })
  readonly #events = new Counter({
    name: 'gateway_security_events_total',
    help: 'Decisions of the rooms, by event and outcome.',
    labelNames: ['event', 'outcome'],
    registers: [this.#registry],
  })

  /** @param app the generation that answers now */
  constructor(app: () => FastifyInstance) {
    collectDefaultMetrics({ register: this.#registry })
    const gauge = (
      name: string,
      help: string,
      aggregator: 'min' | 'sum',
      of: (target: TargetStatus) => number,
    ): void => {
      new Gauge({
        name,
        help,
        // Over several workers.
        aggregator,
        labelNames: ['upstream', 'target'],
        registers: [this.#registry],
        collect() {
          this.reset()
          for (const { name: upstream, targets } of upstreamStatus(app())) {
            for (const target of targets) this.set({ upstream, target: target.name }, of(target))
          }
        },
      })
    }
    gauge('gateway_target_up', 'Whether a target is asked: 1, or 0 for one that is given up.', 'min', (target) =>
      target.healthy && target.circuit === 'closed' ? 1 : 0,
    )
    gauge('gateway_target_requests', 'Requests that a target has not answered yet.', 'sum', ({ underWay }) => underWay)
  }

  /** In the text format of Prometheus. */
  text(): Promise<string> {
    return this.#registry.metrics()
  }

  /** As data, for another process. */
  snapshot(): Promise<Snapshot> {
    return this.#registry.getMetricsAsJSON()
  }

  #pour(): void {
    this.#answered.pour((of, status, count) => {
      const end = of.indexOf(' ')
      this.#requests.inc({ route: of.slice(end + 1), method: of.slice(0, end), status }, count)
    })
    this.#passedOn.pour((to, status, count) => this.#forwarded.inc({ ...to, status }, count))
  }

  /** Counts what a generation does. */
  observe(app: FastifyInstance): void {
    // Nothing of those before it stays, though nobody asks.
    this.#pour()
    app.addHook('onResponse', (request, reply, done) => {
      const route = request.routeOptions.url ?? ''
      const { method } = request
      const { statusCode } = reply
      this.#answered.add(`${method} ${route}`, statusCode)
      this.#durations.observe({ route, method }, reply.elapsedTime / 1000)
      const to = request.security.forwardedTo
      if (to !== undefined) this.#passedOn.add(to, statusCode)
      done()
    })
    app.addHook('onRequestAbort', (request, done) => {
      this.#aborted.inc({ route: request.routeOptions.url ?? '', method: request.method })
      done()
    })
    onSecurityEvent(app, ({ type, outcome }) => this.#events.inc({ event: type, outcome }))
  }
}

type TargetStatus = ReturnType<typeof upstreamStatus>[number]['targets'][number]
