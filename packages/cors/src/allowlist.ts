import { LONGEST_ORIGIN } from './origin.ts'

/** Says whether an origin is on the list. */
export type Allows = (origin: string) => boolean

const SCHEMES = ['https://', 'http://'] as const

/**
 * Makes a look-up of constant cost from a list of valid origins, however long it is.
 * Exact origins are compared byte for byte (Fetch §4.10, "CORS check"); a wildcard stands for exactly one label.
 */
export function compileAllowlist(origins: readonly string[]): Allows {
  if (origins.includes('*')) return () => true
  const exact = new Set<string>()
  // What follows the wildcard label, by scheme: `.example.com:8443`.
  const suffixes = { 'https://': new Set<string>(), 'http://': new Set<string>() }
  for (const origin of origins) {
    const star = origin.indexOf('*')
    if (star === -1) exact.add(origin)
    else suffixes[origin.slice(0, star) as 'https://' | 'http://'].add(origin.slice(star + 1))
  }
  const wildcards = SCHEMES.filter((scheme) => suffixes[scheme].size > 0)
  if (wildcards.length === 0) return (origin) => origin.length <= LONGEST_ORIGIN && exact.has(origin)
  return (origin) => {
    if (origin.length > LONGEST_ORIGIN) return false
    if (exact.has(origin)) return true
    for (const scheme of wildcards) {
      if (!origin.startsWith(scheme)) continue
      const dot = labelEnd(origin, scheme.length)
      return dot !== -1 && suffixes[scheme].has(origin.slice(dot))
    }
    return false
  }
}

/** Where the label that begins at `from` ends in a dot; -1 if what begins there is no label (RFC 1035 §2.3.4). */
function labelEnd(origin: string, from: number): number {
  const last = Math.min(origin.length, from + 64)
  for (let at = from; at < last; at++) {
    const code = origin.charCodeAt(at)
    if (code === 0x2e) return at > from ? at : -1
    const letter = (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x5f
    if (!letter) return -1
  }
  return -1
}
