import { counted, type Counted } from '../decision.ts'
import { sameQuota, type Quota } from '../policy.ts'

interface Kept {
  readonly counted: Counted
  readonly maxKeys: number
  /** Told when newcomers begin to share the quota: whoever took it last. */
  tell: () => void
  users: number
}

/**
 * The counts of quotas in this process, apart from the app that spends them: what is counted goes on when an app is
 * replaced by its successor. A quota is kept as long as somebody who took it has not released it.
 */
export class QuotaMemory {
  readonly #kept: Kept[] = []

  /** The memory of a quota. Another definition, or other `maxKeys`, is another quota. */
  take(quota: Quota, maxKeys: number, onOverflow: () => void): Counted {
    let kept = this.#kept.find(
      (one) => one.maxKeys === maxKeys && one.counted.quota.name === quota.name && sameQuota(one.counted.quota, quota),
    )
    if (kept === undefined) {
      const made: Kept = { counted: counted(quota, maxKeys, () => made.tell()), maxKeys, tell: onOverflow, users: 0 }
      this.#kept.push((kept = made))
    }
    kept.users++
    kept.tell = onOverflow
    return kept.counted.quota === quota ? kept.counted : { ...kept.counted, quota }
  }

  /** Whoever took these counts needs them no longer. */
  release(taken: readonly Counted[]): void {
    for (const { table } of taken) {
      const at = this.#kept.findIndex((one) => one.counted.table === table)
      const kept = this.#kept[at]
      if (kept !== undefined && --kept.users === 0) this.#kept.splice(at, 1)
    }
  }

  /** Quotas kept now. */
  get size(): number {
    return this.#kept.length
  }
}

/**
 * Opens a memory for quotas that outlives an app: give it to each app that replaces another, as `store.memory`.
 * @example await app.register(rateLimit, { policies, store: { memory: openMemory() } })
 */
export function openMemory(): QuotaMemory {
  return new QuotaMemory()
}
