import type { Finding } from '@portcullis/kernel'
import { checkClaimPaths } from '../jwt/claims.ts'
import { faultOfUrl } from '../remote/url.ts'
import { EXAMPLE_CLIENT_KEY, readClientKey } from './client-key.ts'
import { EXAMPLE_INTROSPECTION, type IntrospectionOptions } from './options.ts'

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
  return [...findings, ...checkClient(options)]
}

const at = (name: string): string => `/introspection/${name}`

function missing(name: string, what: string, value: unknown): Finding {
  const fix = [{ op: 'add', path: at(name), value } as const]
  return { at: at(name), rule: 'required', message: `is required; ${what}`, fix }
}

function needless(name: string): Finding {
  const message = 'is of no use with this clientAuthentication; remove it'
  return { at: at(name), rule: 'needless-credential', message, fix: [{ op: 'remove', path: at(name) }] }
}

/** What the client proves itself with: a secret, or a key and the name of whom it proves itself to. */
function checkClient(options: Readonly<IntrospectionOptions>): Finding[] {
  const { clientAuthentication, clientSecret, clientKey, clientKeyId, issuer } = options
  if (clientAuthentication !== 'private_key_jwt') {
    return [
      ...(clientSecret === undefined
        ? [missing('clientSecret', 'give its secret there', EXAMPLE_INTROSPECTION.clientSecret)]
        : []),
      ...(clientKey === undefined ? [] : [needless('clientKey')]),
      ...(clientKeyId === undefined ? [] : [needless('clientKeyId')]),
    ]
  }
  const findings: Finding[] = clientSecret === undefined ? [] : [needless('clientSecret')]
  if (issuer === undefined) {
    const value = 'https://id.example.com'
    findings.push(missing('issuer', `the assertion is made for it (RFC 7523 §3); write issuer: '${value}'`, value))
  }
  if (clientKey === undefined)
    return [...findings, missing('clientKey', 'give the private key that it signs with', EXAMPLE_CLIENT_KEY)]
  const key = readClientKey(clientKey)
  if (typeof key !== 'string') return findings
  const message = `${key}; give the private key that it signs with, as PEM`
  const fix = [{ op: 'replace', path: at('clientKey'), value: EXAMPLE_CLIENT_KEY } as const]
  return [...findings, { at: at('clientKey'), rule: 'unusable-key', message, fix }]
}
