import type { Amount } from './amount.ts'
import { Bans } from './penalties/ban.ts'
import { compileAlgorithm, type VaryingAlgorithm } from './algorithms/algorithms.ts'
import { MemoryTable } from './memory/memory-table.ts'
import type { Quota } from './policy.ts'
import { blankStanding, type Algorithm, type Standing } from './algorithms/standing.ts'

/** What one request asks of one quota. */
export interface Charge {
  readonly quota: Quota
  /** Whose quota it is. */
  readonly subject: string
  /** Units. */
  readonly cost: number
  /** Units per window, for this caller. */
  readonly limit: number
}

/** How a caller stands with one quota of a decision. */
export interface Part extends Charge {
  readonly standing: Readonly<Standing>
  /** Set when a ban refuses, until `standing.retryMs` is over: one that this very refusal began, or one that runs. */
  readonly ban?: 'begun' | 'running' | undefined
}

/** A charge to be filled and used again. */
export interface BlankCharge extends Charge {
  subject: string
  cost: number
  limit: number
}

/** The charge of a quota, with what the quota fixes. */
export function blankCharge(quota: Quota): BlankCharge {
  return { quota, subject: '', cost: fixed(quota.cost), limit: fixed(quota.limit) }
}

const fixed = (amount: Amount): number => (typeof amount === 'number' ? amount : 0)

/** All parts allow but those of quotas that only report, or nothing was spent. */
export type Decision = readonly Part[]

/** The refusing part with the longest wait, if any refuses. */
export function refusing(decision: Decision): Part | undefined {
  let refused: Part | undefined
  for (const part of decision) {
    if (part.standing.allowed || part.quota.reportOnly) continue
    if (refused === undefined || part.standing.retryMs > refused.standing.retryMs) refused = part
  }
  return refused
}

/** A quota and what this process remembers of its callers. */
export interface Counted {
  readonly quota: Quota
  readonly algorithm: Algorithm | VaryingAlgorithm
  readonly table: MemoryTable
  /** Whom it has banned; undefined: it bans nobody. */
  readonly bans: Bans | undefined
}

/** Gives a quota its memory. */
export function counted(quota: Quota, maxKeys: number, onOverflow?: () => void): Counted {
  const algorithm = compileAlgorithm(quota)
  const bans = quota.ban && new Bans(quota.ban, maxKeys)
  return { quota, algorithm, table: new MemoryTable(algorithm, maxKeys, onOverflow), bans }
}

/**
 * Decides on one unit within a window that is running; undefined if there is none, and nothing is spent.
 * The returned decision is valid until the next call.
 */
export function runningWindow({ quota, table }: Counted): (subject: string, now: number) => Decision | undefined {
  const standing = blankStanding()
  const part = { ...blankCharge(quota), standing }
  const decision: Decision = [part]
  return (subject, now) => {
    table.judge(subject, now, 1, standing)
    if (standing.before === quota.limit) return undefined
    if (standing.allowed) table.commit(subject, now, 1, standing)
    part.subject = subject
    return decision
  }
}

/** Sets the limit of the calls that follow, where limits vary. */
function limitTo({ algorithm }: Counted, limit: number): void {
  if ('limitTo' in algorithm) algorithm.limitTo(limit)
}

/**
 * Decides over several quotas in this process: all or nothing, nothing written when one refuses.
 * Charges come in the order of the quotas. The returned decision is valid until the next call.
 */
export function memoryDecider(quotas: readonly Counted[]): (charges: readonly Charge[], now: number) => Decision {
  const parts: MemoryPart[] = quotas.map((one) => ({
    ...blankCharge(one.quota),
    counted: one,
    standing: blankStanding(),
    ban: undefined,
  }))
  const varies = quotas.some(({ algorithm }) => 'limitTo' in algorithm)
  const bans = quotas.some((one) => one.bans !== undefined)
  return (charges, now) => {
    let all = true
    let place = 0
    if (bans && running(parts, charges, now)) return parts
    for (const part of parts) {
      const { subject, cost, limit } = charges[place++] as Charge
      part.subject = subject
      part.cost = cost
      part.limit = limit
      if (varies) limitTo(part.counted, limit)
      part.counted.table.judge(subject, now, cost, part.standing)
      all = all && (part.standing.allowed || part.quota.reportOnly)
    }
    if (all) {
      for (const { counted: one, subject, cost, limit, standing } of parts) {
        // A quota that only reports has refused nobody, and has nothing to spend.
        if (!standing.allowed) continue
        if (varies) limitTo(one, limit)
        one.table.commit(subject, now, cost, standing)
      }
    }
    if (!all && bans) for (const part of parts) begin(part, now)
    return parts
  }
}

interface MemoryPart extends BlankCharge {
  readonly counted: Counted
  readonly standing: Standing
  ban: Part['ban']
}

/** Whether a ban is running; then it alone refuses, the others still have what they had, and nothing is written. */
function running(parts: readonly MemoryPart[], charges: readonly Charge[], now: number): boolean {
  let place = 0
  let any = false
  for (const part of parts) {
    const { subject, cost, limit } = charges[place++] as Charge
    const { counted: one, standing } = part
    const remaining = one.bans === undefined || part.quota.reportOnly ? 0 : one.bans.remaining(subject, now)
    part.ban = remaining > 0 ? 'running' : undefined
    any ||= remaining > 0
    part.subject = subject
    part.cost = cost
    part.limit = limit
    limitTo(one, limit)
    one.table.peek(subject, now, standing)
    standing.allowed = remaining === 0
    if (remaining > 0) banned(standing, remaining)
  }
  return any
}

/** Counts a refusal, and begins the ban if it was one too many. */
function begin(part: MemoryPart, now: number): void {
  const { counted: one, subject, standing } = part
  if (standing.allowed || one.bans === undefined || part.quota.reportOnly) return
  const length = one.bans.refused(subject, now)
  if (length === 0) return
  part.ban = 'begun'
  banned(standing, length)
}

function banned(standing: Standing, remaining: number): void {
  standing.before = 0
  standing.after = 0
  standing.retryMs = remaining
  standing.resetMs = Math.max(standing.resetMs, remaining)
}
