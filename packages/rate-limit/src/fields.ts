import type { Decision, Part } from './decision.ts'
import type { Quota } from './policy.ts'

/** The part of a reply that fields are written to. */
export interface FieldTarget {
  header(name: string, value: string | number): unknown
  getHeader(name: string): unknown
}

/** Whole seconds, rounded up: whoever waits so long has waited enough. */
export const secondsOf = (ms: number): number => Math.ceil(ms / 1000)

const policyItem = ({ label, window }: Quota, limit: number): string => `${label};q=${limit};w=${window}`

/**
 * `RateLimit-Policy` of a list of quotas, a List of Strings with parameters (RFC 9651 §3.1). Limits that a function
 * names are known when they are decided.
 */
export function policyField(quotas: readonly Quota[]): string {
  return quotas.flatMap((quota) => (typeof quota.limit === 'number' ? [policyItem(quota, quota.limit)] : [])).join(', ')
}

/** Adds to a list, as it stands in a field, what another one holds. */
function joined(field: unknown, more: string): string {
  const list = typeof field === 'string' ? field : ''
  return list === '' || more === '' ? list + more : `${list}, ${more}`
}

/** What `X-RateLimit-Reset` counts: Unix seconds, or seconds from now. */
export type Reset = 'unix' | 'delta'

/** Writes a decision's fields. */
export type WriteFields = (target: FieldTarget, decision: Decision, refused: Part | undefined, now: number) => void

/**
 * Compiles the writer of a decision's fields: `RateLimit` and `RateLimit-Policy`
 * (draft-ietf-httpapi-ratelimit-headers-11), and `X-RateLimit-*` of the strictest quota that refuses anybody.
 * @param advertised all quotas of the route
 * @param joins whether an earlier decision of the same request has already written
 * @param reset what `X-RateLimit-Reset` counts
 */
export function compileFields(advertised: readonly Quota[], joins: boolean, reset: Reset = 'unix'): WriteFields {
  const policy = policyField(advertised)
  const varies = advertised.some(({ limit }) => typeof limit === 'function')
  const unix = reset === 'unix'
  // Where some quota refuses, one that only reports is nothing that a caller has to mind.
  const refuses = advertised.some(({ reportOnly }) => !reportOnly)
  const [only, more] = advertised
  if (only !== undefined && more === undefined && !joins && !varies) return fieldsOfOne(only, policy, unix)
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
      if (refuses && part.quota.reportOnly) continue
      if (shown === undefined || (refused === undefined && left < least)) {
        shown = part
        least = left
      }
    }
    if (joins) {
      const earlier = target.getHeader('ratelimit')
      field = joined(earlier, field)
    }
    const earlierLeft = joins && refused === undefined ? target.getHeader('x-ratelimit-remaining') : undefined
    if (shown !== undefined && (typeof earlierLeft !== 'number' || least < earlierLeft)) {
      target.header('x-ratelimit-limit', shown.standing.capacity)
      target.header('x-ratelimit-remaining', least)
      target.header('x-ratelimit-reset', secondsOf((unix ? now : 0) + shown.standing.resetMs))
    }
    target.header('ratelimit', field)
    target.header('ratelimit-policy', varies ? varying(target, decision) : policy)
  }

  /** The policies with a fixed limit, then those decided so far. */
  function varying(target: FieldTarget, decision: Decision): string {
    const earlier = joins ? target.getHeader('ratelimit-policy') : undefined
    const own = decision.filter(({ quota }) => typeof quota.limit === 'function')
    return joined(earlier ?? policy, own.map(({ quota, limit }) => policyItem(quota, limit)).join(', '))
  }
}

/** The same for one quota: nothing to compare, and each number becomes text once. */
function fieldsOfOne({ label }: Quota, policy: string, unix: boolean): WriteFields {
  const start = `${label};r=`
  return (target, decision, refused, now) => {
    const { capacity, before, after, resetMs } = (decision[0] as Part).standing
    const left = String(refused === undefined ? after : before)
    target.header('x-ratelimit-limit', capacity)
    target.header('x-ratelimit-remaining', left)
    target.header('x-ratelimit-reset', secondsOf((unix ? now : 0) + resetMs))
    target.header('ratelimit', `${start}${left};t=${secondsOf(resetMs)}`)
    target.header('ratelimit-policy', policy)
  }
}
