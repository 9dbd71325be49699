import type { Refusal } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  blankCharge,
  counted,
  memoryDecider,
  refusing,
  runningWindow,
  type Charge,
  type Counted,
  type Decision,
} from './decision.ts'
import type { Engine } from './engine.ts'
import { errors } from './errors.ts'
import { exceeded } from './exceeded.ts'
import { compileFields } from './fields.ts'
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
  readonly onStoreError: NonNullable<RateLimitOptions['onStoreError']>
  /** Told when a `partitionBy` function throws or returns no name. */
  readonly onThrow: (policy: string, error: unknown) => void
  /** Told when newcomers begin to share a policy's quota, for its memory holds nobody that may be forgotten. */
  readonly onOverflow: (policy: string) => void
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
    const { engine, redis, apiKeyField, onStoreError, onThrow, clock } = this.#parts
    const of = quotas.map(({ name, partitionBy }) =>
      compileSubject(partitionBy, apiKeyField, (error) => onThrow(name, error)),
    )
    const charges = quotas.map(blankCharge)
    const chargesOf = (request: FastifyRequest): Charge[] =>
      charges.map((blank, i) => ({ ...blank, subject: (of[i] as SubjectOf)(request) }))
    const tables = quotas.map((quota) => this.#tableOf(quota))
    const inMemory = memoryDecider(tables)
    const writeFields = compileFields(advertised, joins)

    const settle = (reply: FastifyReply, decision: Decision): Refusal | undefined => {
      const refused = refusing(decision)
      // The one place for the time of day: `X-RateLimit-Reset` is a date.
      writeFields(reply, decision, refused, Date.now())
      return refused && exceeded(refused)
    }

    if (redis !== undefined) {
      const inRedis = redis.decider()
      const without = (reply: FastifyReply, asked: readonly Charge[]): Refusal | undefined => {
        if (onStoreError === 'open') return undefined
        if (onStoreError === 'closed') return errors.PTC_RATE_LIMIT_UNAVAILABLE.with({ retryAfter: 1 })
        return settle(reply, inMemory(asked, clock()))
      }
      return (request, reply) => {
        const asked = chargesOf(request)
        const answer = inRedis(asked)
        if (answer === null) return without(reply, asked)
        return answer.then((decision) => (decision === null ? without(reply, asked) : settle(reply, decision)))
      }
    }

    const byEngine = engine.decider(tables)
    const [first] = of
    const [only] = tables
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
    return (request, reply) => {
      let place = 0
      for (const charge of charges) charge.subject = (of[place++] as SubjectOf)(request)
      return settle(reply, inMemory(charges, clock()))
    }
  }

  #tableOf(quota: Quota): Counted {
    const known = this.#tables.find((one) => one.quota.name === quota.name && sameQuota(one.quota, quota))
    if (known !== undefined) return { ...known, quota }
    const { maxKeys, onOverflow } = this.#parts
    const made = counted(quota, maxKeys, () => onOverflow(quota.name))
    this.#tables.push(made)
    return made
  }
}
