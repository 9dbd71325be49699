import type { Decision, Part } from './decision.ts'
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

/** Writes a decision's fields. */
export type WriteFields = (target: FieldTarget, decision: Decision, refused: Part | undefined, now: number) => void

/**
 * Compiles the writer of a decision's fields: `RateLimit` and `RateLimit-Policy`
 * (draft-ietf-httpapi-ratelimit-headers-10), and `X-RateLimit-*` of the strictest quota, `-Reset` in Unix seconds.
 * @param advertised all quotas of the route
 * @param joins whether an earlier decision of the same request has already written
 */
export function compileFields(advertised: readonly Quota[], joins: boolean): WriteFields {
  const policy = policyField(advertised)
  const [only, more] = advertised
  if (only !== undefined && more === undefined && !joins) return fieldsOfOne(only, policy)
  return (target, decision, refused, now) => {
    let shown = refused
    let least = refused?.standing.before ?? 0
    let field = ''
    for (const part of decision) {
      const { before, after, resetMs } = part.standing
      // Refused by one, none is spent: the others still have what they had.
      const left = refused === undefined ? after : before
      if (field !== '') field += ', '
      field += `${part.quota.label};r=${left};t=${secondsOf(resetMs)}`
      if (shown === undefined || (refused === undefined && left < least)) {
        shown = part
        least = left
      }
    }
    if (joins) {
      const earlier = target.getHeader('ratelimit')
      if (typeof earlier === 'string' && earlier !== '') field = `${earlier}, ${field}`
    }
    const earlierLeft = joins && refused === undefined ? target.getHeader('x-ratelimit-remaining') : undefined
    if (shown !== undefined && (typeof earlierLeft !== 'number' || least < earlierLeft)) {
      target.header('x-ratelimit-limit', shown.standing.capacity)
      target.header('x-ratelimit-remaining', least)
      target.header('x-ratelimit-reset', secondsOf(now + shown.standing.resetMs))
    }
    target.header('ratelimit', field)
    target.header('ratelimit-policy', policy)
  }
}

/** The same for one quota: nothing to compare, and each number becomes text once. */
function fieldsOfOne({ label }: Quota, policy: string): WriteFields {
  const start = `${label};r=`
  return (target, decision, refused, now) => {
    const { capacity, before, after, resetMs } = (decision[0] as Part).standing
    const left = String(refused === undefined ? after : before)
    target.header('x-ratelimit-limit', capacity)
    target.header('x-ratelimit-remaining', left)
    target.header('x-ratelimit-reset', secondsOf(now + resetMs))
    target.header('ratelimit', `${start}${left};t=${secondsOf(resetMs)}`)
    target.header('ratelimit-policy', policy)
  }
}
