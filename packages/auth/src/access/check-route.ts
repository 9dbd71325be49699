import type { Finding } from '@portcullis/kernel'
import type { Scheme } from '../identity.ts'
import type { AuthRoute } from './route-options.ts'

/** Kinds of credential that may say when their owner authenticated. */
const DATED: ReadonlySet<Scheme> = new Set<Scheme>(['jwt', 'introspection', 'session'])

/**
 * Rules on what a route says of its callers.
 * @param at JSON Pointer to the policy
 */
export function checkRoute(at: string, { anyOf, stepUp }: Readonly<AuthRoute>, accepted: readonly Scheme[]): Finding[] {
  if (accepted.length === 0) return []
  const findings: Finding[] = []
  const strange = anyOf?.findIndex((scheme) => !accepted.includes(scheme)) ?? -1
  if (anyOf !== undefined && strange !== -1) {
    const kept = anyOf.filter((scheme) => accepted.includes(scheme))
    findings.push({
      at: `${at}/anyOf/${strange}`,
      rule: 'scheme-not-accepted',
      message: `is '${anyOf[strange]}', and the registration accepts ${accepted.join(', ')}`,
      fix: [{ op: 'replace', path: `${at}/anyOf`, value: kept.length > 0 ? kept : accepted }],
    })
  }
  if (stepUp !== undefined && !(anyOf ?? accepted).some((scheme) => DATED.has(scheme))) {
    findings.push({
      at: `${at}/stepUp`,
      rule: 'step-up-impossible',
      message: `can never be met: no ${(anyOf ?? accepted).join(' or ')} says when its owner authenticated; admit jwt, introspection or session, or remove it`,
      fix: [{ op: 'remove', path: `${at}/stepUp` }],
    })
  }
  return findings
}
