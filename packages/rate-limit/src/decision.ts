import type { MemoryTable } from './memory-table.ts'
import type { Quota } from './policy.ts'
import { blankStanding, type Standing } from './standing.ts'

/** How a caller stands with each quota of a decision. All allow, or nothing was spent. */
export interface Decision {
  readonly subjects: readonly string[]
  readonly standings: readonly Standing[]
}

/** Where the refusing quota with the longest wait stands in the list; -1 if all allow. */
export function refusing({ standings }: Decision): number {
  let refused = -1
  let longest = 0
  for (let i = 0; i < standings.length; i++) {
    const { allowed, retryMs } = standings[i]!
    if (!allowed && (refused < 0 || retryMs > longest)) {
      refused = i
      longest = retryMs
    }
  }
  return refused
}

/**
 * Decides over several quotas in this process: all or nothing, nothing written when one refuses.
 * The returned decision is valid until the next call.
 */
export function memoryDecider(
  quotas: readonly Quota[],
  tables: readonly MemoryTable[],
): (subjects: readonly string[], now: number) => Decision {
  const standings = quotas.map(blankStanding)
  return (subjects, now) => {
    let all = true
    for (let i = 0; i < quotas.length; i++) {
      const standing = standings[i]!
      tables[i]!.judge(subjects[i]!, now, quotas[i]!.cost, standing)
      all = all && standing.allowed
    }
    if (all) for (let i = 0; i < quotas.length; i++) tables[i]!.commit(subjects[i]!, now, standings[i]!, quotas[i]!.cost)
    return { subjects, standings }
  }
}
