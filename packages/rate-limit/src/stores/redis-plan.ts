import type { Charge } from '../decision.ts'
import { emissionOf } from '../algorithms/emission.ts'
import type { Quota } from '../policy.ts'
import { LONGEST_LOG, SEGMENTS } from '../algorithms/sliding-window.ts'

/** What the script is asked to do. */
export type Act = 'take' | 'peek' | 'refund' | 'forget'

/** Decisions alike: what the script needs once for all of them. */
export interface Plan {
  readonly act: Act
  /** Quotas a decision. */
  readonly quotas: number
  /** Ten a quota. */
  readonly args: readonly string[]
  /** Integers that each decision is answered with. */
  readonly answers: number
}

/** Integers that a judged quota is answered with. */
export const NUMBERS = 3

/** Plans remembered at once, where functions name limits or costs. */
const MOST_PLANS = 1000

/** Whether refusals of a quota become a ban: one that only reports refuses nobody. */
export const bans = ({ ban, reportOnly }: Quota): boolean => ban !== undefined && !reportOnly

/** The numbers of a quota as the script takes them. */
function argsOf({ quota, limit, cost }: Charge, act: Act): string[] {
  const ban = act !== 'refund' && bans(quota) ? quota.ban : undefined
  return [
    ...countedBy(quota, limit),
    act === 'peek' ? 0 : cost,
    ban?.after ?? 0,
    (ban?.within ?? 0) * 1000,
    (ban?.for ?? 0) * 1000,
    quota.reportOnly ? 1 : 0,
  ].map(String)
}

function countedBy(quota: Quota, limit: number): (string | number)[] {
  const { algorithm, window, burst, delay } = quota
  switch (algorithm) {
    case 'fixed-window':
      return ['fixed', limit, window * 1000, 0, 0]
    case 'sliding-window':
      // As `compileAlgorithm`: limits that vary share one layout.
      return typeof quota.limit === 'number' && limit <= LONGEST_LOG
        ? ['log', limit, window * 1000, 0, 0]
        : ['segments', limit, (window * 1000) / SEGMENTS, SEGMENTS, 0]
    case 'token-bucket':
    case 'leaky-bucket': {
      const emission = emissionOf(limit, window)
      // The most that can be owed in µs; limits that vary share one layout, and the smallest owes longest.
      const most = typeof quota.limit === 'number' ? emission * (burst ?? limit) : window * 1_000_000 * (burst ?? 1)
      return [algorithm === 'token-bucket' ? 'token' : 'leaky', burst ?? limit, emission, 0, most]
    }
    case 'backoff':
      return [
        'backoff',
        limit,
        Math.ceil((window * 1000) / limit),
        (delay?.first ?? 0) * 1000,
        (delay?.longest ?? 0) * 1000,
      ]
  }
}

/** Makes plans, each once, so that decisions alike are known by one object. */
export class Plans {
  readonly #known = new Map<string, Plan>()
  readonly #single = new WeakMap<object, { limit: number; cost: number; plan: Plan }>()

  of(charges: readonly Charge[], act: Act): Plan {
    const [only] = charges
    if (act !== 'take' || only === undefined || charges.length > 1) return this.#find(charges, act)
    const last = this.#single.get(only.quota)
    if (last !== undefined && last.limit === only.limit && last.cost === only.cost) return last.plan
    const plan = this.#find(charges, act)
    this.#single.set(only.quota, { limit: only.limit, cost: only.cost, plan })
    return plan
  }

  #find(charges: readonly Charge[], act: Act): Plan {
    const args = charges.flatMap((charge) => argsOf(charge, act))
    const key = `${act} ${args.join(' ')}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const judged = act === 'take' || act === 'peek'
    const plan = { act, quotas: charges.length, args, answers: judged ? charges.length * NUMBERS : 1 }
    if (this.#known.size >= MOST_PLANS) this.#known.clear()
    this.#known.set(key, plan)
    return plan
  }
}
