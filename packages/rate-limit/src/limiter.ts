import type { Refusal } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  blankCharge,
  memoryDecider,
  refusing,
  runningWindow,
  type BlankCharge,
  type Charge,
  type Counted,
  type Decision,
} from './decision.ts'
import { compileCharging, type Charging, type ChargingParts } from './charging.ts'
import type { Engine } from './engine.ts'
import { errors } from './errors.ts'
import { exceeded, tellObserved } from './exceeded.ts'
import { compileFields, type Reset } from './fields.ts'
import type { QuotaMemory } from './memory/quota-memory.ts'
import { Nearing } from './nearing.ts'
import type { Penalties } from './penalties/penalties.ts'
import { sameQuota, type Quota } from './policy.ts'
import type { SharedStore } from './stores/shared-store.ts'
import type { OnStoreError } from './stores/store-options.ts'
import { withoutStore } from './stores/without-store.ts'

/** Spends the quotas of one stage; says nothing, or the refusal. A promise only if something is waited for. */
export type Limiter = (
  request: FastifyRequest,
  reply: FastifyReply,
) => Refusal | undefined | Promise<Refusal | undefined>

/** What limiters of one registration share. */
export interface LimiterParts {
  readonly engine: Engine
  /** Where several processes count together; undefined: nowhere. */
  readonly shared: SharedStore | undefined
  /** What this process counts with. */
  readonly memory: QuotaMemory
  readonly maxKeys: number
  readonly apiKeyField: string
  readonly onStoreError: OnStoreError
  /** Told when a function of a policy throws, or returns what it must not. */
  readonly onWrong: ChargingParts['onWrong']
  /** The share of a quota that is left when `rate-limit.nearing` is raised; 0: never. */
  readonly nearing: number
  /** What `X-RateLimit-Reset` counts. */
  readonly reset: Reset
  readonly penalties: Penalties
  /** Told when newcomers begin to share a policy's quota, for its memory holds nobody that may be forgotten. */
  readonly onOverflow: (policy: string) => void
  /** Milliseconds, never going back. */
  readonly clock: () => number
}

/** The limiters of one registration: quotas of one name are one quota. */
export class Limiters {
  readonly #parts: LimiterParts
  readonly #tables: Counted[] = []
  readonly #nearing: Nearing

  constructor(parts: LimiterParts) {
    this.#parts = parts
    this.#nearing = new Nearing(parts.nearing)
  }

  /**
   * Compiles the limiter of one stage.
   * @param quotas of this stage
   * @param advertised all quotas of the route
   * @param joins whether an earlier stage of the same request also limits
   */
  compile(quotas: readonly Quota[], advertised: readonly Quota[], joins: boolean): Limiter {
    const { engine, shared, onStoreError, clock, reset, penalties } = this.#parts
    const charging = quotas.map((quota) => compileCharging(quota, this.#parts))
    const charges = quotas.map(blankCharge)
    /** Fills charges; or the refusal of one that cannot be filled. */
    const fill = (request: FastifyRequest, asked: readonly BlankCharge[]): Refusal | undefined => {
      for (let place = 0; place < asked.length; place++) {
        const charge = asked[place] as BlankCharge
        if (!(charging[place] as Charging)(request, charge))
          return errors.PTC_RATE_LIMIT_AMOUNT_INVALID.with({ detail: { policy: charge.quota.name } })
      }
      return undefined
    }
    const tables = quotas.map((quota) => this.counted(quota))
    const inMemory = memoryDecider(tables)
    const writeFields = compileFields(advertised, joins, reset)

    const reports = quotas.some(({ reportOnly }) => reportOnly)
    const nearing = this.#nearing
    const nears = this.#parts.nearing > 0

    const settle = (reply: FastifyReply, decision: Decision): Refusal | undefined => {
      const refused = refusing(decision)
      // The one place for the time of day: `X-RateLimit-Reset` is a date.
      writeFields(reply, decision, refused, Date.now())
      if (reports) tellObserved(reply.request, decision)
      if (refused !== undefined) {
        penalties.note(reply.request, decision)
        return exceeded(refused)
      }
      if (nears) nearing.tell(reply, decision, clock)
      return undefined
    }

    if (shared !== undefined) {
      const away = withoutStore(tables, onStoreError)
      const without = (reply: FastifyReply, asked: readonly Charge[]): Refusal | undefined => {
        const decision = away(asked, clock())
        if (decision === 'closed') return errors.PTC_RATE_LIMIT_UNAVAILABLE.with({ retryAfter: 1 })
        return decision === null ? undefined : settle(reply, decision)
      }
      return (request, reply) => {
        const asked = quotas.map(blankCharge)
        const wrong = fill(request, asked)
        if (wrong !== undefined) return wrong
        const answer = shared.decide(asked)
        if (answer === null) return without(reply, asked)
        return answer.then((decision) => (decision === null ? without(reply, asked) : settle(reply, decision)))
      }
    }

    const byEngine = engine.decider(tables)
    const [first] = charging
    const [charge] = charges
    const [only] = tables
    if (byEngine !== undefined && first !== undefined && charge !== undefined && only !== undefined) {
      const conclude = (reply: FastifyReply, decision: Decision): Refusal | undefined => settle(reply, decision)
      const within = runningWindow(only)
      return (request, reply) => {
        first(request, charge)
        const { subject } = charge
        // The engine opens windows; what follows within one needs no promise, a flood of refusals least of all.
        const decision = within(subject, clock())
        return decision === undefined ? byEngine(subject, reply, conclude) : settle(reply, decision)
      }
    }

    // Nothing waits between filling and reading: one list serves all requests.
    return (request, reply) => {
      const wrong = fill(request, charges)
      return wrong ?? settle(reply, inMemory(charges, clock()))
    }
  }

  /** Every quota that has been compiled. */
  get all(): readonly Counted[] {
    return this.#tables
  }

  /** The memory of a quota: one for all routes that name it. */
  counted(quota: Quota): Counted {
    const known = this.#tables.find((one) => one.quota.name === quota.name && sameQuota(one.quota, quota))
    if (known !== undefined) return { ...known, quota }
    const { memory, maxKeys, onOverflow } = this.#parts
    const made = memory.take(quota, maxKeys, () => onOverflow(quota.name))
    this.#tables.push(made)
    return made
  }

  /** Gives back what it counts with. */
  close(): void {
    this.#parts.memory.release(this.#tables)
  }
}
