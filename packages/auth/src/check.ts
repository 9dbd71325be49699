import type { Finding } from '@portcullis/kernel'
import { checkApiKeys } from './api-keys/check.ts'
import { checkCertificates } from './clients/check.ts'
import { checkIntrospection } from './introspection/check.ts'
import { checkJwt } from './jwt/check.ts'
import { checkRoute } from './access/check-route.ts'
import { EXAMPLE_JWT } from './jwt/options.ts'
import type { AuthOptions } from './options.ts'
import { checkResourceMetadata } from './answers/resource-metadata.ts'
import type { AuthRoute } from './access/route-options.ts'
import { acceptedSchemes } from './strategies.ts'

/** Rules between fields, and rules on what a schema cannot see: what a key is made of. */
export function check(options: Readonly<AuthOptions & AuthRoute>): Finding[] {
  const { jwt, apiKeys, introspection, clientCertificate, resourceMetadata, routes = [] } = options
  const accepted = acceptedSchemes(options)
  const findings: Finding[] = []
  const { issuer, audience } = EXAMPLE_JWT
  if (accepted.length === 0 && options.enabled !== false) {
    findings.push({
      at: '',
      rule: 'no-credential',
      message: `accepts no credential at all; write jwt: { issuer: '${issuer}', audience: '${audience}', discovery: true }, or give one or more of introspection, apiKeys, basic, clientCertificate and session`,
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
  const { memory } = options.revocation ?? {}
  if (memory !== undefined && typeof memory.lastFor !== 'function') {
    findings.push({
      at: '/revocation/memory',
      rule: 'revocation-memory',
      message: 'must be what `openRevocations()` gives; remove it for a place of its own',
      fix: [{ op: 'remove', path: '/revocation/memory' }],
    })
  }
  if (apiKeys !== undefined) findings.push(...checkApiKeys(apiKeys))
  if (introspection !== undefined) findings.push(...checkIntrospection(introspection))
  if (clientCertificate !== undefined) findings.push(...checkCertificates(clientCertificate))
  if (resourceMetadata !== undefined) findings.push(...checkResourceMetadata(resourceMetadata))
  findings.push(...checkRoute('', options, accepted))
  for (const [index, { policy }] of routes.entries()) {
    if (typeof policy === 'object') findings.push(...checkRoute(`/routes/${index}/policy`, policy, accepted))
  }
  return findings
}
