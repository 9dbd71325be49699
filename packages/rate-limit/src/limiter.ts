import type { Refusal } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { memoryDecider, refusing, runningWindow, type Counted, type Decision } from './decision.ts'
import type { Engine } from './engine.ts'
import { errors } from './errors.ts'
import { exceeded } from './exceeded.ts'
import { compileFields } from './fields.ts'
import { fixedWindow } from './fixed-window.ts'
import { gcra } from './gcra.ts'
import { MemoryTable } from './memory-table.ts'
import type { RateLimitOptions } from './options.ts'
import { sameQuota, type Quota } from './policy.ts'
import type { RedisStore } from './redis-store.ts'
import { compileSubject, type SubjectOf } from './subject.ts'

/** Spends the quotas of one stage; says nothing, or the refusal. A promise only if something is waited for. */
export type Limiter = (
  request: FastifyRequest,
  reply: FastifyReply,
) => Refusal | undefined | Promise<Refusal | undefined>

/** What limiters of one registration share. */
export interface LimiterParts {
  readonly engine: Engine
  readonly redis: RedisStore | undefined
  readonly maxKeys: number
  readonly apiKeyField: string
  readonly onStoreFailure: NonNullable<RateLimitOptions['onStoreFailure']>
  /** Told when a `partitionBy` function throws or returns no name. */
  readonly onThrow: (policy: string, error: unknown) => void
  /** Milliseconds, never going back. */
  readonly clock: () => number
}

/** The limiters of one registration: quotas of one name are one quota. */
export class Limiters {
  readonly #parts: LimiterParts
  readonly #tables: Counted[] = []

  constructor(parts: LimiterParts) {
    this.#parts = parts
  }

  /**
   * Compiles the limiter of one stage.
   * @param quotas of this stage
   * @param advertised all quotas of the route
   * @param joins whether an earlier stage of the same request also limits
   */
  compile(quotas: readonly Quota[], advertised: readonly Quota[], joins: boolean): Limiter {
    const { engine, redis, apiKeyField, onStoreFailure, onThrow, clock } = this.#parts
    const of = quotas.map(({ name, partitionBy }) =>
      compileSubject(partitionBy, apiKeyField, (error) => onThrow(name, error)),
    )
    const subjectsOf = (request: FastifyRequest): string[] => of.map((subjectOf) => subjectOf(request))
    const counted = quotas.map((quota) => ({ quota, table: this.#tableOf(quota) }))
    const inMemory = memoryDecider(counted)
    const writeFields = compileFields(advertised, joins)

    const settle = (reply: FastifyReply, decision: Decision): Refusal | undefined => {
      const refused = refusing(decision)
      // The one place for the time of day: `X-RateLimit-Reset` is a date.
      writeFields(reply, decision, refused, Date.now())
      return refused && exceeded(refused)
    }

    if (redis !== undefined) {
      const inRedis = redis.decider(quotas)
      const without = (reply: FastifyReply, subjects: readonly string[]): Refusal | undefined => {
        if (onStoreFailure === 'open') return undefined
        if (onStoreFailure === 'closed') return errors.PTC_RATE_LIMIT_UNAVAILABLE.with({ retryAfter: 1 })
        return settle(reply, inMemory(subjects, clock()))
      }
      return (request, reply) => {
        const subjects = subjectsOf(request)
        const asked = inRedis(subjects)
        if (asked === null) return without(reply, subjects)
        return asked.then((decision) => (decision === null ? without(reply, subjects) : settle(reply, decision)))
      }
    }

    const byEngine = engine.decider(counted)
    const [first] = of
    const [only] = counted
    if (byEngine !== undefined && first !== undefined && only !== undefined) {
      const conclude = (reply: FastifyReply, decision: Decision): Refusal | undefined => settle(reply, decision)
      const within = runningWindow(only)
      return (request, reply) => {
        const subject = first(request)
        // The engine opens windows and refuses; one unit more of a window that it opened needs no promise.
        const decision = within(subject, clock())
        return decision === undefined ? byEngine(subject, reply, conclude) : settle(reply, decision)
      }
    }

    // Nothing waits between filling and reading: one list serves all requests.
    const subjects = of.map(() => '')
    return (request, reply) => {
      for (let place = 0; place < of.length; place++) subjects[place] = (of[place] as SubjectOf)(request)
      return settle(reply, inMemory(subjects, clock()))
    }
  }

  #tableOf(quota: Quota): MemoryTable {
    const known = this.#tables.find((one) => one.quota.name === quota.name && sameQuota(one.quota, quota))
    if (known !== undefined) return known.table
    const { algorithm, limit, window, capacity } = quota
    const judge = algorithm === 'gcra' ? gcra(limit, window, capacity) : fixedWindow(limit, window)
    const table = new MemoryTable(judge, capacity, this.#parts.maxKeys)
    this.#tables.push({ quota, table })
    return table
  }
}
