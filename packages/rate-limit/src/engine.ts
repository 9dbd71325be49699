import rateLimit, { type FastifyRateLimitStore } from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Counted, Decision } from './decision.ts'
import type { MemoryTable } from './memory-table.ts'
import { blankStanding } from './standing.ts'

/** What @fastify/rate-limit is shown instead of a request: whose quota it is, and nothing it could mistake. */
interface Ticket {
  readonly subject: string
  readonly routeOptions: Readonly<Record<string, never>>
}

const routeOptions = Object.freeze({})

/** Counts for @fastify/rate-limit in our tables, for its own forgets blocked callers when it is full. */
class EngineStore {
  child({ table }: { table: MemoryTable }): FastifyRateLimitStore {
    const standing = blankStanding()
    return {
      incr(key, done, _windowMs, max) {
        const now = Date.now()
        table.judge(key, now, 1, standing)
        if (standing.allowed) table.commit(key, now, standing, 1)
        done(null, { current: max - standing.after + (standing.allowed ? 0 : 1), ttl: standing.resetMs })
      },
      child: () => {
        throw new TypeError('a quota has no routes of its own')
      },
    }
  }
}

/** Decides over the one subject of a list of one. */
export type EngineDecider = <T>(subjects: readonly string[], conclude: (decision: Decision) => T) => Promise<T>

/** @fastify/rate-limit on an instance of its own, which never listens. */
export class Engine {
  readonly #app: FastifyInstance

  constructor(app: FastifyInstance) {
    this.#app = app
  }

  /**
   * Compiles the decider of a list that it decides right: one fixed window, one unit a request. Others: undefined.
   * `conclude` is called with the decision; what it returns is the promise's value.
   */
  decider(counted: readonly Counted[]): EngineDecider | undefined {
    const [only, more] = counted
    if (only === undefined || more !== undefined) return undefined
    const { quota, table } = only
    if (quota.algorithm !== 'fixed-window' || quota.cost !== 1) return undefined
    const settings = {
      max: quota.limit,
      timeWindow: quota.window * 1000,
      keyGenerator: (request: unknown) => (request as Ticket).subject,
      table,
    }
    const take = this.#app.createRateLimit(settings)
    return ([subject], conclude) => {
      const ticket = { subject, routeOptions } as Ticket
      return take(ticket as unknown as FastifyRequest).then((result) => {
        if (result.isAllowed) throw new TypeError('@fastify/rate-limit let a caller pass without counting')
        const { isExceeded, remaining, ttl } = result
        const before = isExceeded ? 0 : remaining + 1
        const retryMs = isExceeded ? ttl : 0
        const standing = { allowed: !isExceeded, before, after: remaining, resetMs: ttl, retryMs, level: 0, until: 0 }
        return conclude([{ quota, subject: ticket.subject, standing }])
      })
    }
  }
}

/** Opens the engine. */
export async function openEngine(): Promise<Engine> {
  const app = Fastify()
  await app.register(rateLimit, { global: false, store: EngineStore as never })
  await app.ready()
  return new Engine(app)
}
