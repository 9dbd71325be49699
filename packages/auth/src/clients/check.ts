import type { Finding } from '@portcullis/kernel'
import type { ClientCertificateOptions } from './certificate.ts'
import { EXAMPLE_INTROSPECTION, type IntrospectionOptions } from '../introspection/options.ts'
import { checkClaimPaths } from '../jwt/claims.ts'
import { faultOfUrl } from '../remote/url.ts'

/** Rules between the options of introspection. */
export function checkIntrospection(options: Readonly<IntrospectionOptions>): Finding[] {
  const { endpoint, audience, dangerouslyAnyAudience = false, dangerouslyAllowHttp = false } = options
  const findings = checkClaimPaths('/introspection', options)
  const fault = faultOfUrl(endpoint, dangerouslyAllowHttp)
  if (fault !== null) {
    findings.push({
      at: '/introspection/endpoint',
      rule: 'unsafe-url',
      message: `${fault}; write an https URL such as '${EXAMPLE_INTROSPECTION.endpoint}'`,
      fix: [{ op: 'replace', path: '/introspection/endpoint', value: EXAMPLE_INTROSPECTION.endpoint }],
    })
  }
  if (audience === undefined && !dangerouslyAnyAudience) {
    findings.push({
      at: '/introspection/audience',
      rule: 'required',
      message: `is required: tokens of other APIs would be accepted; write audience: '${EXAMPLE_INTROSPECTION.audience}'`,
      fix: [{ op: 'add', path: '/introspection/audience', value: EXAMPLE_INTROSPECTION.audience }],
    })
  } else if (audience !== undefined && dangerouslyAnyAudience) {
    findings.push({
      at: '/introspection/dangerouslyAnyAudience',
      rule: 'audience-or-any',
      message: 'stands beside `audience`; remove it',
      fix: [{ op: 'remove', path: '/introspection/dangerouslyAnyAudience' }],
    })
  }
  return findings
}

/** Rules between the names of client certificates. */
export function checkCertificates({ identities }: Readonly<ClientCertificateOptions>): Finding[] {
  const seen = new Set<string>()
  return identities.flatMap(({ name }, index): Finding[] => {
    if (!seen.has(name)) {
      seen.add(name)
      return []
    }
    const at = `/clientCertificate/identities/${index}`
    const message = 'is the name of an earlier entry; remove this one'
    return [{ at: `${at}/name`, rule: 'repeated-name', message, fix: [{ op: 'remove', path: at }] }]
  })
}
