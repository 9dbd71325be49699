import type { Finding } from '@portcullis/kernel'

/** Printable ASCII without the characters that a structured string would have to escape (RFC 9651 §3.3.3). */
const PLAIN = /^[!#-[\]-~]+$/
const LOOPBACK = /^(?:localhost|(?:.+\.)?localhost|127(?:\.\d+){3}|\[::1\])$/

/** What is wrong with one address, or null. Browsers drop endpoints that are not potentially trustworthy. */
function faultOf(address: string): { rule: string; says: string; instead: string } | null {
  const path = address.startsWith('/') && !address.startsWith('//')
  if (!PLAIN.test(address) || (!path && !URL.canParse(address)))
    return { rule: 'not-a-url', says: 'is neither a path nor a URL', instead: '/csp-reports' }
  if (path) return null
  const url = new URL(address)
  if (url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname))) return null
  const instead = url.protocol === 'http:' ? `https${address.slice('http'.length)}` : '/csp-reports'
  return { rule: 'insecure-endpoint', says: 'is an address that browsers do not report to; use https:', instead }
}

/**
 * Looks for addresses that browsers would drop (Reporting API §3.3).
 * @param endpoints addresses by name.
 */
export function checkEndpoints(endpoints: Readonly<Record<string, string>>): Finding[] {
  return Object.entries(endpoints).flatMap(([name, address]) => {
    const fault = faultOf(address)
    if (fault === null) return []
    const at = `/reportingEndpoints/${name}`
    const message = `${JSON.stringify(address)} ${fault.says}`
    return [{ at, rule: fault.rule, message, fix: [{ op: 'replace' as const, path: at, value: fault.instead }] }]
  })
}

/**
 * Looks for policies that report to an endpoint that nobody has named.
 * @param policy where the policy stands in the options.
 */
export function checkReportTo(
  policy: string,
  names: readonly string[] | undefined,
  endpoints: Readonly<Record<string, string>>,
): Finding[] {
  return (names ?? [])
    .filter((name) => !Object.hasOwn(endpoints, name))
    .map((name) => ({
      at: `/${policy}/report-to`,
      rule: 'unknown-endpoint',
      message: `${JSON.stringify(name)} is no endpoint; write reportingEndpoints: { '${name}': '/csp-reports' }`,
      fix: [{ op: 'add' as const, path: '/reportingEndpoints', value: { ...endpoints, [name]: '/csp-reports' } }],
    }))
}

/** Writes the field's value: `csp="/csp-reports"` (Reporting API §3.3). */
export function writeEndpoints(endpoints: readonly (readonly [name: string, address: string])[]): string {
  return endpoints.map(([name, address]) => `${name}="${address}"`).join(', ')
}
