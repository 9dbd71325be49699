import type { Charge, Part } from '../decision.ts'

/** Why a store counts as away. */
export type OutageReason = 'timeout' | 'error'

/** A part of a decision made in a shared store. */
export interface SharedPart extends Part {
  /** When it was decided, in ms of the store's clock: what a refund asks for. */
  readonly takenAt: number
}

/** All parts allow, or nothing is spent. */
export type SharedDecision = readonly SharedPart[]

/** A store that several processes count in. */
export interface SharedStore {
  /**
   * Decides over the quotas of one request: all or nothing. Null while the store is away; the promise resolves to null
   * if it does not answer in time, and never rejects.
   */
  decide(charges: readonly Charge[]): Promise<SharedDecision | null> | null
  /** Gives back what was taken at `takenAt`. What the store does not hear stays spent. */
  refund(charge: Charge, takenAt: number): void
  /** How a caller stands with a quota, spending nothing; null if the store does not answer. */
  peek(charge: Charge): Promise<SharedPart | null>
  /** Forgets what a caller has spent, and its ban; false if the store does not answer. */
  forget(charge: Charge): Promise<boolean>
}

/** Whether nobody refuses but quotas that only report. */
export function admits(decision: SharedDecision): boolean {
  return decision.every(({ standing, quota }) => standing.allowed || quota.reportOnly)
}

/** The parts of a decision that took something. */
export function spentOf(decision: SharedDecision | null): readonly SharedPart[] {
  return decision !== null && admits(decision) ? decision.filter(({ standing }) => standing.allowed) : []
}
