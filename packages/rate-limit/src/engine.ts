import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Decision } from './decision.ts'
import type { MemoryTable } from './memory-table.ts'
import type { Quota } from './policy.ts'
import { blankStanding } from './standing.ts'

/** What @fastify/rate-limit is shown instead of a request: whose quota it is, and nothing it could mistake. */
interface Ticket {
  readonly subject: string
  readonly routeOptions: Readonly<Record<string, never>>
}

const routeOptions = Object.freeze({})

/** Counts for @fastify/rate-limit in our table, for its own forgets blocked callers when it is full. */
class EngineStore {
  readonly #table: MemoryTable | undefined
  readonly #standing = blankStanding()

  constructor(table?: MemoryTable) {
    this.#table = table
  }

  incr(
    key: string,
    done: (error: Error | null, result?: { current: number; ttl: number }) => void,
    _windowMs: number,
    max: number,
  ): void {
    const now = Date.now()
    const standing = this.#standing
    this.#table!.judge(key, now, 1, standing)
    if (standing.allowed) this.#table!.commit(key, now, standing, 1)
    done(null, { current: max - standing.after + (standing.allowed ? 0 : 1), ttl: standing.resetMs })
  }

  child({ table }: { table: MemoryTable }): EngineStore {
    return new EngineStore(table)
  }
}

/** @fastify/rate-limit on an instance of its own, which never listens. */
export class Engine {
  readonly #app: FastifyInstance

  constructor(app: FastifyInstance) {
    this.#app = app
  }

  /** Whether it decides this list right: one fixed window, one unit a request. */
  static fits(quotas: readonly Quota[]): boolean {
    const [quota, more] = quotas
    return more === undefined && quota?.algorithm === 'fixed-window' && quota.cost === 1
  }

  /** Compiles the decider of one quota. */
  decider({ limit, window }: Quota, table: MemoryTable): (subjects: readonly string[]) => Promise<Decision> {
    const settings = {
      max: limit,
      timeWindow: window * 1000,
      keyGenerator: (request: FastifyRequest) => (request as unknown as Ticket).subject,
      table,
    }
    const take = this.#app.createRateLimit(settings)
    return async (subjects) => {
      const ticket: Ticket = { subject: subjects[0]!, routeOptions }
      const result = await take(ticket as unknown as FastifyRequest)
      if (result.isAllowed) throw new TypeError('@fastify/rate-limit allowed a caller without counting')
      const { isExceeded, remaining, ttl } = result
      return {
        subjects,
        standings: [
          {
            allowed: !isExceeded,
            before: isExceeded ? 0 : remaining + 1,
            after: remaining,
            resetMs: ttl,
            retryMs: isExceeded ? ttl : 0,
            level: 0,
            until: 0,
          },
        ],
      }
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
