import type { FastifyRequest } from 'fastify'
import { compileAmount, NO_AMOUNT } from './amount.ts'
import type { BlankCharge } from './decision.ts'
import type { Quota } from './policy.ts'
import { compileSubject } from './subject.ts'

/** Fills the charge of one quota with what a request asks of it; false if its limit or its cost is no amount. */
export type Charging = (request: FastifyRequest, charge: BlankCharge) => boolean

/** What filling charges needs to know. */
export interface ChargingParts {
  readonly apiKeyField: string
  /** Told when a function of a policy throws, or returns what it must not. */
  readonly onWrong: (policy: string, property: 'partitionBy' | 'limit' | 'cost', error: unknown) => void
}

/** Compiles how charges of a quota are filled. */
export function compileCharging(quota: Quota, { apiKeyField, onWrong }: ChargingParts): Charging {
  const { name, limit, cost, burst, reportOnly } = quota
  const subjectOf = compileSubject(quota, apiKeyField, (error) => onWrong(name, 'partitionBy', error))
  if (typeof limit === 'number' && typeof cost === 'number') {
    return (request, charge) => {
      charge.subject = subjectOf(request)
      return true
    }
  }
  const limitOf = compileAmount(limit, 1, (error) => onWrong(name, 'limit', error))
  const costOf = compileAmount(cost, 0, (error) => onWrong(name, 'cost', error))
  return (request, charge) => {
    charge.subject = subjectOf(request)
    charge.limit = limitOf(request)
    charge.cost = costOf(request)
    if (charge.cost !== NO_AMOUNT && charge.limit !== NO_AMOUNT) {
      const capacity = burst ?? charge.limit
      if (charge.cost <= capacity) return true
      onWrong(name, 'cost', new TypeError(`is ${charge.cost}, and no more than ${capacity} can ever be spent at once`))
    }
    if (!reportOnly) return false
    // It refuses nobody, and nothing can be said of it.
    charge.limit = 1
    charge.cost = 0
    return true
  }
}
