import type { FastifyRequest } from 'fastify'
import type { Gate } from './policy.ts'

/** What was admitted is over when its credential is, or names another, or may no longer; not while nobody can tell. */
export function watched(gate: Gate, { raw, security }: FastifyRequest, ended: () => void): (() => void) | undefined {
  const { identity } = security
  const found = gate.find(raw.headers, raw.rawHeaders, security)
  if (identity === null || !('strategy' in found)) return undefined
  return found.strategy.watch?.(found.credential, identity, (outcome) => {
    if (outcome === 'unavailable') return
    if (typeof outcome === 'string' || outcome.subject !== identity.subject || gate.lacking(outcome)) ended()
  })
}
