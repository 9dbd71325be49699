import type { MemoryTable } from './memory-table.ts'
import type { Quota } from './policy.ts'
import { blankStanding, type Standing } from './standing.ts'

/** How a caller stands with one quota of a decision. */
export interface Part {
  readonly quota: Quota
  /** Whose quota it is. */
  readonly subject: string
  readonly standing: Readonly<Standing>
}

/** All parts allow, or nothing was spent. */
export type Decision = readonly Part[]

/** The refusing part with the longest wait, if any refuses. */
export function refusing(decision: Decision): Part | undefined {
  let refused: Part | undefined
  for (const part of decision) {
    if (part.standing.allowed) continue
    if (refused === undefined || part.standing.retryMs > refused.standing.retryMs) refused = part
  }
  return refused
}

/** A quota and what this process remembers of its callers. */
export interface Counted {
  readonly quota: Quota
  readonly table: MemoryTable
}

/**
 * Spends one unit within a window that is running and not used up; undefined if there is none, and nothing is spent.
 * The returned decision is valid until the next call.
 */
export function runningWindow({ quota, table }: Counted): (subject: string, now: number) => Decision | undefined {
  const standing = blankStanding()
  const part = { quota, subject: '', standing }
  const decision: Decision = [part]
  return (subject, now) => {
    table.judge(subject, now, 1, standing)
    if (!standing.allowed || standing.before === quota.limit) return undefined
    table.commit(subject, now, standing, 1)
    part.subject = subject
    return decision
  }
}

/**
 * Decides over several quotas in this process: all or nothing, nothing written when one refuses.
 * Subjects come in the order of the quotas. The returned decision is valid until the next call.
 */
export function memoryDecider(counted: readonly Counted[]): (subjects: readonly string[], now: number) => Decision {
  const parts = counted.map(({ quota, table }) => ({ quota, table, subject: '', standing: blankStanding() }))
  return (subjects, now) => {
    let all = true
    let place = 0
    for (const part of parts) {
      part.subject = subjects[place++] as string
      part.table.judge(part.subject, now, part.quota.cost, part.standing)
      all = all && part.standing.allowed
    }
    if (all) for (const { table, subject, standing, quota } of parts) table.commit(subject, now, standing, quota.cost)
    return parts
  }
}
