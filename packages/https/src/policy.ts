import { exposedCredentials, type ExposedCredential } from './credential.ts'
import { parseDestination, requestedName, type Destination } from './host.ts'
import type { HstsOptions, HttpsOptions } from './options.ts'

/** What a plaintext request looks like to the policy. */
export interface PlaintextRequest {
  readonly method: string
  /** The Host field, possibly empty; only ever compared. */
  readonly host: string
  /** The request target as it came (RFC 9112 §3.2). */
  readonly target: string
  /** Header fields, names in lower case. */
  readonly fields: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** What to do with a plaintext request. */
export type PlaintextDecision =
  | {
      readonly kind: 'redirect'
      readonly status: 301 | 308
      readonly location: string
      /** What is exposed and redirected all the same (`dangerouslyRedirectAll`). */
      readonly credentials: readonly ExposedCredential[]
    }
  | { readonly kind: 'refuse' }
  | { readonly kind: 'exposed'; readonly credentials: readonly ExposedCredential[] }

/** The options as an immutable decision. */
export interface HttpsPolicy {
  /** The value of Strict-Transport-Security, or null for none. */
  readonly hsts: string | null
  /** Decides over a request that did not come over TLS. */
  decide(request: PlaintextRequest): PlaintextDecision
}

const REFUSE: PlaintextDecision = Object.freeze({ kind: 'refuse' })

/**
 * Compiles validated options.
 * @param fields header fields that hold credentials; may grow until the first request
 */
export function compilePolicy(
  options: Readonly<HttpsOptions>,
  fields: readonly string[] = options.credentialFields ?? [],
): HttpsPolicy {
  const destinations = options.hosts.map(parseDestination).filter((one) => one !== undefined)
  const first = destinations[0] as Destination
  const byName = new Map<string, Destination>()
  for (const destination of destinations) if (!byName.has(destination.name)) byName.set(destination.name, destination)
  const { mode = 'redirect', dangerouslyRedirectAll: redirectsAll = false } = options.plaintext ?? {}
  const places = { fields, parameters: new Set(options.credentialParameters) }

  return Object.freeze({
    hsts: hstsValue(options.hsts),
    decide({ method, host, target, fields: given }) {
      // Refused even before the method is looked at: a redirect would hide from its owner that the credential leaked.
      const credentials = exposedCredentials(places, given, target)
      if (credentials.length > 0 && !redirectsAll) return { kind: 'exposed', credentials }
      if (mode !== 'redirect') return REFUSE
      const safe = method === 'GET' || method === 'HEAD'
      if (!safe && !redirectsAll) return REFUSE
      // RFC 6455 §4.1: browsers do not follow redirects of a handshake.
      if (mentions(given['upgrade'], 'websocket')) return REFUSE
      const path = pathOf(target)
      if (path === undefined) return REFUSE
      const destination = byName.get(requestedName(host)) ?? first
      // RFC 9110 §15.4.9: of the permanent ones only 308 keeps a method that is not GET or HEAD.
      return {
        kind: 'redirect',
        status: safe ? 301 : 308,
        location: `https://${destination.authority}${path}`,
        credentials,
      }
    },
  } satisfies HttpsPolicy)
}

/** The field in which the effective policy of `auth` on a route, if there is one, takes API keys. */
export function keyFieldOf(auth: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const keys = auth?.['apiKeys']
  const field = typeof keys === 'object' && keys !== null && 'header' in keys ? keys.header : undefined
  return typeof field === 'string' ? field : undefined
}

/** RFC 6797 §6.1; `max-age=31536000; includeSubDomains` by default. */
export function hstsValue(hsts: Readonly<HstsOptions> | false | undefined): string | null {
  if (hsts === false || hsts === undefined) return null
  const { maxAge, includeSubDomains, preload } = hsts
  return `max-age=${maxAge}${includeSubDomains === true ? '; includeSubDomains' : ''}${preload === true ? '; preload' : ''}`
}

/**
 * Path and query of a request target (RFC 9112 §3.2.1, §3.2.2), safe to follow `https://host` in a Location field;
 * undefined for other forms. What is not visible ASCII is percent-encoded.
 */
export function pathOf(target: string): string | undefined {
  let path = target
  if (!path.startsWith('/')) {
    const origin = /^https?:\/\/[^/?#]+/i.exec(path)?.[0]
    if (origin === undefined) return undefined
    path = path.slice(origin.length)
    if (!path.startsWith('/')) path = `/${path}`
  }
  const fragment = path.indexOf('#')
  if (fragment !== -1) path = path.slice(0, fragment)
  // Node hands bytes above 0x7f over as Latin-1; whatever is beyond came from a rewrite and is UTF-8 on the wire.
  return path.replace(/[^\x21-\x7e]/gu, (character) => {
    const bytes = Buffer.from(character, character <= '\xff' ? 'latin1' : 'utf8')
    return bytes.toString('hex').toUpperCase().replace(/../g, '%$&')
  })
}

/** Whether a list field names a token, in whatever case. */
function mentions(value: string | readonly string[] | undefined, token: string): boolean {
  if (value === undefined) return false
  return String(value)
    .toLowerCase()
    .split(',')
    .some((one) => one.trim().split('/')[0] === token)
}
