import type { AdmissionEnd, Watch } from '@portcullis/kernel'
import { type Clock, waitUntil } from './clock.ts'
import type { Fault } from './identity.ts'
import type { Gate } from './policy.ts'

const ENDS: Readonly<Partial<Record<Fault, AdmissionEnd>>> = { expired: 'expired', unavailable: 'unavailable' }

/** What was admitted is over when its credential is, or names another, or may no longer. */
export function watched(gate: Gate, clock: Clock, ...[{ raw, security }, ended]: Parameters<Watch>): ReturnType<Watch> {
  const { identity } = security
  const found = gate.find(raw.headers, raw.rawHeaders, security)
  if (identity === null || !('strategy' in found)) return undefined
  const { strategy, credential } = found
  const stops = [
    waitUntil(strategy.until?.(identity) ?? Infinity, clock, () => ended('expired')),
    strategy.watch?.(credential, identity, (outcome) => {
      if (typeof outcome === 'string') ended(ENDS[outcome] ?? 'revoked')
      else if (outcome.subject !== identity.subject || gate.lacking(outcome)) ended('revoked')
    }),
  ]
  return () => {
    for (const stop of stops) stop?.()
  }
}
