import { LONGEST_ORIGIN } from './origin.ts'

/** Says whether an origin is on the list. */
export type Allows = (origin: string) => boolean

type Scheme = 'https://' | 'http://'

/** What a list holds for one scheme beyond its exact origins. */
interface Patterns {
  readonly scheme: Scheme
  /** What follows the wildcard label: `.example.com:8443`. */
  readonly afterLabel: Set<string>
  /** Hosts of any port. */
  readonly anyPort: Set<string>
  /** What follows the wildcard label, at any port: `.localhost`. */
  readonly afterLabelAnyPort: Set<string>
}

const patternsOf = (scheme: Scheme): Patterns => ({
  scheme,
  afterLabel: new Set(),
  anyPort: new Set(),
  afterLabelAnyPort: new Set(),
})

/**
 * Makes a look-up of constant cost from a list of valid origins, however long it is.
 * Exact origins are compared byte for byte (Fetch §4.10, "CORS check"); a wildcard stands for exactly one label, and
 * `:*` for a port as browsers write it, or none.
 */
export function compileAllowlist(origins: readonly string[]): Allows {
  if (origins.includes('*')) return () => true
  const exact = new Set<string>()
  const schemes = [patternsOf('https://'), patternsOf('http://')]
  for (const origin of origins) {
    if (!origin.includes('*')) {
      exact.add(origin)
      continue
    }
    const { scheme, ...sets } = schemes[origin.startsWith('https://') ? 0 : 1] as Patterns
    const rest = origin.slice(scheme.length)
    const anyPort = rest.endsWith(':*')
    const host = anyPort ? rest.slice(0, -2) : rest
    if (host.startsWith('*')) (anyPort ? sets.afterLabelAnyPort : sets.afterLabel).add(host.slice(1))
    else sets.anyPort.add(host)
  }
  const patterns = schemes.filter((one) => one.afterLabel.size + one.anyPort.size + one.afterLabelAnyPort.size > 0)
  if (patterns.length === 0) return (origin) => origin.length <= LONGEST_ORIGIN && exact.has(origin)
  return (origin) => {
    if (origin.length > LONGEST_ORIGIN) return false
    if (exact.has(origin)) return true
    for (const one of patterns) if (origin.startsWith(one.scheme)) return matches(one, origin)
    return false
  }
}

function matches({ scheme, afterLabel, anyPort, afterLabelAnyPort }: Patterns, origin: string): boolean {
  const from = scheme.length
  if (afterLabel.size > 0) {
    const dot = labelEnd(origin, from)
    if (dot !== -1 && afterLabel.has(origin.slice(dot))) return true
  }
  if (anyPort.size === 0 && afterLabelAnyPort.size === 0) return false
  const end = hostEnd(origin, from, scheme === 'https://' ? 443 : 80)
  if (end === -1) return false
  if (anyPort.has(origin.slice(from, end))) return true
  if (afterLabelAnyPort.size === 0) return false
  const dot = labelEnd(origin, from)
  return dot !== -1 && afterLabelAnyPort.has(origin.slice(dot, end))
}

/** Where the label that begins at `from` ends in a dot; -1 if what begins there is no label (RFC 1035 §2.3.4). */
function labelEnd(origin: string, from: number): number {
  const last = Math.min(origin.length, from + 64)
  for (let at = from; at < last; at++) {
    const code = origin.charCodeAt(at)
    if (code === 0x2e) return at > from ? at : -1
    const letter = (code >= 0x61 && code <= 0x7a) || isDigit(code) || code === 0x2d || code === 0x5f
    if (!letter) return -1
  }
  return -1
}

/** Where the host ends: before a port as browsers write it, or at the end; -1 if what follows the last colon is none. */
function hostEnd(origin: string, from: number, defaultPort: number): number {
  let at = origin.length
  while (at > from && isDigit(origin.charCodeAt(at - 1))) at--
  if (at === from || origin.charCodeAt(at - 1) !== 0x3a) return origin.length
  const digits = origin.length - at
  if (digits === 0 || digits > 5 || origin.charCodeAt(at) === 0x30) return -1
  const port = Number(origin.slice(at))
  // An address such as `[::1]` ends in its bracket, so what looks like a port is one.
  return port > 65_535 || port === defaultPort ? -1 : at - 1
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}
