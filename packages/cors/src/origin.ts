import { isPublicSuffix } from './public-suffix.ts'

/** A configured origin as read. */
export interface Origin {
  /** `pattern`: any first label, any port, or both. */
  readonly kind: 'any' | 'exact' | 'pattern'
  /** The text, which is exactly what a browser sends, but for a pattern. */
  readonly text: string
  /** True if what travels between this origin and us cannot be read or changed on the way. */
  readonly confidential: boolean
}

/** Why a text is no origin, and what to write instead. */
export interface OriginMistake {
  readonly rule: string
  /** What is wrong, as the end of a sentence that begins with the origin's path. */
  readonly wrong: string
  /** What was probably meant; not necessarily right yet. Empty if nothing can be guessed. */
  readonly instead: readonly string[]
}

/** `https://` and the longest host name and port: RFC 1035 §2.3.4. */
export const LONGEST_ORIGIN = 'https://'.length + 253 + ':65535'.length

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' }
const HOST_NAME = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/
const PORT = /^[1-9][0-9]{0,4}$/
const IP_V4 = /^\d+\.\d+\.\d+\.\d+$/

const mistake = (rule: string, wrong: string, ...instead: string[]): OriginMistake => ({ rule, wrong, instead })

/**
 * Reads one configured origin. Only what a browser would send byte for byte is admitted, because nothing else can
 * ever match (HTML, "serialization of an origin"; Fetch §3.2).
 * @returns the origin, or the first thing that is wrong with it.
 */
export function readOrigin(text: string): Origin | OriginMistake {
  if (text === '*') return { kind: 'any', text, confidential: true }
  if (text === 'null') return mistake('origin-null', "is 'null', which every sandboxed frame and local file sends")
  if (text === '') return mistake('origin-empty', 'is empty')
  const parts = text.split(/[\s,]+/).filter((part) => part !== '')
  if (parts.length !== 1 || parts[0] !== text) {
    return mistake('origin-list', 'holds blanks or commas; each origin is an entry of its own', ...parts)
  }
  const mark = text.indexOf('://')
  if (mark === -1) return mistake('origin-without-scheme', 'lacks its scheme', `https://${text.replace(/^\/+/, '')}`)
  const scheme = text.slice(0, mark)
  const rest = text.slice(mark + 3)
  if (scheme !== scheme.toLowerCase()) {
    return mistake('origin-upper-case', 'has upper-case letters, which browsers never send', text.toLowerCase())
  }
  const defaultPort = DEFAULT_PORTS[scheme]
  if (defaultPort === undefined) return mistake('origin-scheme', 'is neither https nor http', `https://${rest}`)
  const end = rest.search(/[/?#\\]/)
  if (end !== -1) return tail(rest.slice(end), `${scheme}://${rest.slice(0, end)}`)
  const at = rest.lastIndexOf('@')
  if (at !== -1) return mistake('origin-userinfo', 'holds a user name', `${scheme}://${rest.slice(at + 1)}`)
  if (rest.startsWith('[') && !rest.includes(']')) return mistake('origin-host', 'has a host that no browser accepts')
  const colon = rest.indexOf(':', rest.lastIndexOf(']') + 1)
  const host = colon === -1 ? rest : rest.slice(0, colon)
  const port = colon === -1 ? undefined : rest.slice(colon + 1)
  if (port === '*') return withHost(text, scheme, host, ':*')
  if (port !== undefined && (!PORT.test(port) || Number(port) > 65_535)) {
    return mistake('origin-port', 'has no port between 1 and 65535 after its colon', `${scheme}://${host}`)
  }
  if (port === defaultPort) {
    return mistake(
      'origin-default-port',
      `names ${scheme}'s default port, which browsers leave out`,
      `${scheme}://${host}`,
    )
  }
  return withHost(text, scheme, host, port === undefined ? '' : `:${port}`)
}

function tail(text: string, instead: string): OriginMistake {
  if (text === '/') return mistake('origin-trailing-slash', 'ends with a slash, which browsers never send', instead)
  if (text.startsWith('?')) return mistake('origin-query', 'has a query; an origin ends after host and port', instead)
  if (text.startsWith('#'))
    return mistake('origin-fragment', 'has a fragment; an origin ends after host and port', instead)
  return mistake('origin-path', 'has a path; an origin ends after host and port', instead)
}

function withHost(text: string, scheme: string, given: string, port: string): Origin | OriginMistake {
  const wildcard = given.startsWith('*.')
  const host = wildcard ? given.slice(2) : given
  const put = (better: string): string => `${scheme}://${wildcard ? '*.' : ''}${better}${port}`
  if (given === '*') return mistake('origin-wildcard-too-broad', "admits every host; name a domain after '*.'")
  if (host === '') return mistake('origin-without-host', 'has no host')
  if (host.includes('*')) {
    return mistake('origin-wildcard-place', "may hold one '*' only, as its whole first label ('https://*.example.com')")
  }
  if (host !== host.toLowerCase()) {
    return mistake('origin-upper-case', 'has upper-case letters, which browsers never send', put(host.toLowerCase()))
  }
  if (host.endsWith('.')) {
    return mistake(
      'origin-trailing-dot',
      'ends with a dot, which makes it another origin',
      put(host.replace(/\.+$/, '')),
    )
  }
  const canonical = canonicalHost(host)
  if (canonical === undefined) return mistake('origin-host', 'has a host that no browser accepts')
  if (canonical !== host) {
    return /[^ -~]/.test(host)
      ? mistake('origin-unicode', 'has letters beyond ASCII; browsers send punycode', put(canonical))
      : mistake('origin-ip-form', 'writes an address in a form that browsers never send', put(canonical))
  }
  const address = host.startsWith('[') || IP_V4.test(host)
  if (!address && (host.length > 253 || !HOST_NAME.test(host))) {
    return mistake('origin-host', 'has a host that no browser accepts')
  }
  if (wildcard && address)
    return mistake('origin-wildcard-too-broad', 'has a wildcard before an address', put(host).replace('*.', ''))
  if (wildcard && !host.includes('.') && host !== 'localhost') {
    return mistake('origin-wildcard-too-broad', "admits a whole top-level domain; name a domain after '*.'")
  }
  if (wildcard && host !== 'localhost' && isPublicSuffix(host)) {
    return mistake('origin-public-suffix', 'admits everybody who registers a name there; name your own domain')
  }
  return {
    kind: wildcard || port === ':*' ? 'pattern' : 'exact',
    text,
    confidential: scheme === 'https' || isLoopback(host),
  }
}

/** The host as a browser serializes it (WHATWG URL, host parsing); undefined if it is none. */
function canonicalHost(host: string): string | undefined {
  try {
    return new URL(`https://${host}`).hostname || undefined
  } catch {
    return undefined
  }
}

/** Secure Contexts §3.1: traffic to these never leaves the machine. */
function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost') || host === '[::1]') return true
  return IP_V4.test(host) && host.startsWith('127.')
}

/** What was meant, read again until it is right: empty if nothing can be guessed. */
export function repair(found: OriginMistake): string[] {
  const right: string[] = []
  for (const guess of found.instead) {
    const read = readOrigin(guess)
    if (!('rule' in read)) right.push(guess)
    // A guess is shorter or more canonical than what it replaces, so this ends.
    else if (!read.instead.includes(guess)) right.push(...repair(read))
  }
  return right
}
