import type { SecurityIdentity } from 'fastify'

/** How a caller must have proved who it is before it may use a route (RFC 9470). */
export interface StepUp {
  /** Seconds since then at most. */
  maxAge?: number
  /** Authentication contexts (`acr`) of which one is needed. */
  acr?: readonly string[]
}

/** Seconds by which an issuer's clock may be ahead. */
const AHEAD = 60

/** Whether an identity was established recently and strongly enough. @param now seconds since the epoch */
export function isStrong(identity: SecurityIdentity, { maxAge, acr }: StepUp, now: number): boolean {
  if (maxAge !== undefined) {
    const { authenticatedAt } = identity
    if (authenticatedAt === undefined || now - authenticatedAt > maxAge || authenticatedAt > now + AHEAD) return false
  }
  if (acr === undefined) return true
  const { acr: given } = identity.claims
  return typeof given === 'string' && acr.includes(given)
}
