import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/**
 * True if anybody may register a name below this host: `co.uk`, and `github.io` too (publicsuffix.org, both sections).
 * The list takes some 1.4 MB and a moment to load, so only those who write a wildcard pay for it.
 * @param host in lower case, without a port
 */
export function isPublicSuffix(host: string): boolean {
  const { getPublicSuffix } = require('tldts') as typeof import('tldts')
  return getPublicSuffix(host, { allowPrivateDomains: true, validateHostname: false }) === host
}
