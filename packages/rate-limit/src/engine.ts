import rateLimit, { type FastifyRateLimitStore } from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { blankCharge, type Counted, type Decision } from './decision.ts'
import type { MemoryTable } from './memory/memory-table.ts'
import { blankStanding } from './algorithms/standing.ts'

/** What @fastify/rate-limit is shown instead of a request: whose quota it is, and nothing it could mistake. */
interface Ticket {
  readonly subject: string
  readonly routeOptions: Readonly<Record<string, never>>
}

const routeOptions = Object.freeze({})

/** Counts for @fastify/rate-limit in our tables, for its own forgets blocked callers when it is full. */
class EngineStore {
  child({ table, clock }: { table: MemoryTable; clock: () => number }): FastifyRateLimitStore {
    const standing = blankStanding()
    return {
      incr(key, done, _windowMs, max) {
        const now = clock()
        table.judge(key, now, 1, standing)
        if (standing.allowed) table.commit(key, now, 1, standing)
        done(null, { current: max - standing.after + (standing.allowed ? 0 : 1), ttl: standing.resetMs })
      },
      child: () => {
        throw new TypeError('a quota has no routes of its own')
      },
    }
  }
}

/**
 * Decides whether a subject may spend one unit, and has `conclude` say what follows, which is the promise's value.
 * The decision is valid until `conclude` returns; `context` is handed through, so that no request needs a closure more.
 */
export type EngineDecider = <C, T>(
  subject: string,
  context: C,
  conclude: (context: C, decision: Decision) => T,
) => Promise<T>

/** @fastify/rate-limit on an instance of its own, which never listens. */
export class Engine {
  readonly #app: FastifyInstance
  readonly #clock: () => number

  constructor(app: FastifyInstance, clock: () => number) {
    this.#app = app
    this.#clock = clock
  }

  /** Compiles the decider of a list that it decides right: one fixed window, one unit a request. Others: undefined. */
  decider(counted: readonly Counted[]): EngineDecider | undefined {
    const [only, more] = counted
    if (only === undefined || more !== undefined) return undefined
    const { quota, table } = only
    if (quota.algorithm !== 'fixed-window' || quota.cost !== 1 || typeof quota.limit !== 'number' || quota.ban)
      return undefined
    if (quota.reportOnly) return undefined
    const settings = {
      max: quota.limit,
      timeWindow: quota.window * 1000,
      keyGenerator: (request: unknown) => (request as Ticket).subject,
      table,
      clock: this.#clock,
    }
    const take = this.#app.createRateLimit(settings)
    const standing = blankStanding()
    standing.capacity = quota.limit
    const part = { ...blankCharge(quota), standing }
    const decision: Decision = [part]
    return (subject, context, conclude) => {
      const ticket: Ticket = { subject, routeOptions }
      return take(ticket as unknown as FastifyRequest).then((result) => {
        if (result.isAllowed) throw new TypeError('@fastify/rate-limit let a caller pass without counting')
        const { isExceeded, remaining, ttl } = result
        part.subject = subject
        standing.allowed = !isExceeded
        standing.before = isExceeded ? 0 : remaining + 1
        standing.after = remaining
        standing.resetMs = ttl
        standing.retryMs = isExceeded ? ttl : 0
        return conclude(context, decision)
      })
    }
  }
}

/**
 * Opens the engine.
 * @param clock milliseconds, never going back
 */
export async function openEngine(clock: () => number): Promise<Engine> {
  const app = Fastify()
  await app.register(rateLimit, { global: false, store: EngineStore as never })
  await app.ready()
  return new Engine(app, clock)
}
