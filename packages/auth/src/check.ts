import type { Finding } from '@portcullis/kernel'
import { checkApiKeys } from './check-api-keys.ts'
import { checkJwt } from './check-jwt.ts'
import type { Scheme } from './identity.ts'
import { EXAMPLE_JWT } from './jwt-options.ts'
import type { AuthOptions } from './options.ts'
import type { AuthRoute } from './route-options.ts'

/** The schemes that options accept. */
function acceptedSchemes({ jwt, apiKeys, basic }: Readonly<AuthOptions>): Scheme[] {
  const schemes: Scheme[] = []
  if (jwt !== undefined) schemes.push('jwt')
  if (apiKeys !== undefined) schemes.push('api-key')
  if (basic !== undefined) schemes.push('basic')
  return schemes
}

/** Rules between fields, and rules on what a schema cannot see: what a key is made of. */
export function check(options: Readonly<AuthOptions & AuthRoute>): Finding[] {
  const { jwt, apiKeys, anyOf } = options
  const accepted = acceptedSchemes(options)
  const findings: Finding[] = []
  if (accepted.length === 0 && options.enabled !== false) {
    findings.push({
      at: '',
      rule: 'no-credential',
      message: 'accepts no credential at all: give at least one of jwt, apiKeys and basic',
      fix: [{ op: 'add', path: '/jwt', value: { ...EXAMPLE_JWT } }],
    })
  }
  if (jwt !== undefined) findings.push(...checkJwt(jwt))
  else if (options.revocation !== undefined) {
    findings.push({
      at: '/revocation',
      rule: 'nothing-to-revoke',
      message: 'revokes tokens, and the registration accepts none; remove it',
      fix: [{ op: 'remove', path: '/revocation' }],
    })
  }
  if (apiKeys !== undefined) findings.push(...checkApiKeys(apiKeys))
  const strange = anyOf?.findIndex((scheme) => !accepted.includes(scheme)) ?? -1
  if (anyOf !== undefined && strange !== -1 && accepted.length > 0) {
    const kept = anyOf.filter((scheme) => accepted.includes(scheme))
    findings.push({
      at: `/anyOf/${strange}`,
      rule: 'scheme-not-accepted',
      message: `is '${anyOf[strange]}', and the registration accepts ${accepted.join(', ')}`,
      fix: [{ op: 'replace', path: '/anyOf', value: kept.length > 0 ? kept : accepted }],
    })
  }
  return findings
}
