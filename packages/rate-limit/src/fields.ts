import type { Decision } from './decision.ts'
import type { Quota } from './policy.ts'

/** The part of a reply that fields are written to. */
export interface FieldTarget {
  header(name: string, value: string | number): unknown
  getHeader(name: string): unknown
}

/** Whole seconds, rounded up: whoever waits so long has waited enough. */
export const secondsOf = (ms: number): number => Math.ceil(ms / 1000)

/** `RateLimit-Policy` of a list of quotas, a List of Strings with parameters (RFC 9651 §3.1). */
export function policyField(quotas: readonly Quota[]): string {
  return quotas.map(({ name, limit, window }) => `"${name}";q=${limit};w=${window}`).join(', ')
}

/**
 * Compiles the writer of a decision's fields: `RateLimit` and `RateLimit-Policy`
 * (draft-ietf-httpapi-ratelimit-headers-10), and `X-RateLimit-*` of the strictest quota, `-Reset` in Unix seconds.
 * @param quotas of this decision
 * @param advertised all quotas of the route
 * @param joins whether an earlier decision of the same request has already written
 */
export function compileFields(
  quotas: readonly Quota[],
  advertised: readonly Quota[],
  joins: boolean,
): (target: FieldTarget, decision: Decision, refused: number, now: number) => void {
  const policy = policyField(advertised)
  const names = quotas.map(({ name }) => `"${name}";r=`)
  return (target, { standings }, refused, now) => {
    let shown = refused
    let least = 0
    let field = ''
    for (let i = 0; i < quotas.length; i++) {
      const { before, after, resetMs } = standings[i]!
      // Refused by one, none is spent: the others still have what they had.
      const left = refused < 0 ? after : before
      field += `${i > 0 ? ', ' : ''}${names[i]!}${left};t=${secondsOf(resetMs)}`
      if (refused < 0 && (shown < 0 || left < least)) {
        shown = i
        least = left
      }
    }
    if (joins) {
      const earlier = target.getHeader('ratelimit')
      if (typeof earlier === 'string' && earlier !== '') field = `${earlier}, ${field}`
    }
    const { before, after, resetMs } = standings[shown]!
    const left = refused < 0 ? after : before
    const earlierLeft = joins && refused < 0 ? target.getHeader('x-ratelimit-remaining') : undefined
    if (typeof earlierLeft !== 'number' || left < earlierLeft) {
      target.header('x-ratelimit-limit', quotas[shown]!.capacity)
      target.header('x-ratelimit-remaining', left)
      target.header('x-ratelimit-reset', secondsOf(now + resetMs))
    }
    target.header('ratelimit', field)
    target.header('ratelimit-policy', policy)
  }
}
