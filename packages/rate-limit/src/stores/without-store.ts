import { memoryDecider, type Charge, type Counted, type Decision } from '../decision.ts'
import type { OnStoreError } from './store-options.ts'

/** What holds while the shared store is away: all refused, or what this process alone decides; null: all may pass. */
export type WithoutStore = (charges: readonly Charge[], now: number) => Decision | 'closed' | null

/**
 * Compiles what each policy does while the store is away. If one refuses, nothing is spent by the others.
 * @param quotas in the order of the charges
 * @param usual what policies do that do not say
 */
export function withoutStore(quotas: readonly Counted[], usual: OnStoreError): WithoutStore {
  const doing = quotas.map(({ quota }) => quota.onStoreError ?? usual)
  // A policy that only reports refuses nobody, now neither.
  if (quotas.some(({ quota }, i) => doing[i] === 'closed' && !quota.reportOnly)) return () => 'closed'
  const counting = doing.map((what) => what === 'local')
  const local = quotas.filter((_, i) => counting[i])
  if (local.length === 0) return () => null
  const inMemory = memoryDecider(local)
  if (local.length === quotas.length) return inMemory
  return (charges, now) =>
    inMemory(
      charges.filter((_, i) => counting[i]),
      now,
    )
}
