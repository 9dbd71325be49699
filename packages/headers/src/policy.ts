import { NONCE } from './csp.ts'
import type { HeadersRoute } from './options.ts'
import { writePermissions } from './permissions.ts'
import { enforcedLists, type Lists, nothing, profiles, reportedLists } from './profiles.ts'
import { writeEndpoints } from './reporting.ts'

/** Where the nonce goes in helmet's answer: a valid nonce of 128 zero bits that no real answer carries. */
export const PLACEHOLDER = 'AAAAAAAAAAAAAAAAAAAAAA=='

/** What to ask of @fastify/helmet, in its own words. */
export interface HelmetQuestion {
  readonly contentSecurityPolicy:
    | false
    | {
        readonly useDefaults: false
        readonly reportOnly: boolean
        readonly directives: Readonly<Record<string, string[]>>
      }
  readonly [field: string]: unknown
}

/** Options, decided: what helmet is asked, and the fields that it does not know. */
export interface Decision {
  readonly question: HelmetQuestion
  /** The same for answers over plain HTTP, if they differ. */
  readonly plain: HelmetQuestion | null
  /** The twin that is only reported. */
  readonly twin: HelmetQuestion | null
  readonly own: Readonly<Record<string, string>>
  /** For answers that no request object exists for, and so no nonce: they are all errors. */
  readonly early: { readonly question: HelmetQuestion; readonly own: Readonly<Record<string, string>> }
  /** What to write into the Cache-Control of errors where the policy lets other answers be kept. */
  readonly keptByCaches: string | null
}

/** What of a route decides beside its own policy. */
export interface Circumstances {
  readonly kind: 'route' | 'not-found'
  /** The policy of the room `cors` there, if it is on. */
  readonly cors?: Readonly<Record<string, unknown>> | undefined
}

/**
 * The policy as it suits its place. What everybody may read, everybody may embed (Fetch §3.6); listed origins read
 * with CORS, which asks no Cross-Origin-Resource-Policy, and opening for them would open for all. An answer to an
 * unknown URL is an error: caches do not keep it.
 */
export function suited(options: Readonly<HeadersRoute>, { kind, cors }: Circumstances): Readonly<HeadersRoute> {
  const origins = cors?.['origins']
  const readByAll = Array.isArray(origins) && origins.includes('*') && cors?.['credentials'] !== true
  return {
    ...(readByAll ? { crossOriginResourcePolicy: 'cross-origin' } : {}),
    ...options,
    ...(kind === 'not-found' && keepable(options.cacheControl) ? { cacheControl: 'no-store' } : {}),
  }
}

const keepable = (cacheControl: string | undefined): boolean =>
  cacheControl !== undefined && !/\bno-store\b/.test(cacheControl)

const named = <T extends string>(policy: T | undefined): false | { policy: T } =>
  policy === undefined || policy === 'unsafe-none' ? false : { policy }

function csp(lists: Lists, reportOnly = false): HelmetQuestion['contentSecurityPolicy'] {
  const directives: Record<string, string[]> = {}
  for (const [directive, entries] of Object.entries(lists)) {
    if (entries === true) directives[directive] = []
    else if (entries !== false)
      directives[directive] = entries.map((entry) => (entry === NONCE ? `'nonce-${PLACEHOLDER}'` : entry))
  }
  return { useDefaults: false, reportOnly, directives }
}

/**
 * What browsers without frame-ancestors are told: the same, as far as they have words for it. Null: they have none,
 * and either word would lie.
 */
export function frameOptions(ancestors: readonly string[] | boolean | undefined): 'DENY' | 'SAMEORIGIN' | null {
  const [only, ...others] = Array.isArray(ancestors) ? (ancestors as readonly string[]) : ["'none'"]
  if (others.length > 0) return null
  return only === "'none'" ? 'DENY' : only === "'self'" ? 'SAMEORIGIN' : null
}

/** Helmet writes this field unless it is told not to. */
const silent: HelmetQuestion = {
  contentSecurityPolicy: false,
  crossOriginEmbedderPolicy: false,
  crossOriginOpenerPolicy: false,
  crossOriginResourcePolicy: false,
  originAgentCluster: false,
  referrerPolicy: false,
  // RFC 6797 §7.2 forbids it on plain HTTP: only the room that knows about TLS may write it.
  strictTransportSecurity: false,
  xContentTypeOptions: false,
  xDnsPrefetchControl: false,
  // Internet Explorer's, and a filter that browsers have removed.
  xDownloadOptions: false,
  xXssProtection: false,
  xFrameOptions: false,
  xPermittedCrossDomainPolicies: false,
}

/** Lays options over their profile. */
export function decide(options: Readonly<HeadersRoute>): Decision {
  const { fields, page } = profiles[options.profile ?? 'api']
  const chosen = { ...fields, ...options }
  const enforced = enforcedLists(options)
  const off = options.dangerouslyDisableContentSecurityPolicy === true
  const frames = options.xFrameOptions ?? frameOptions(off ? undefined : enforced['frame-ancestors'])
  const { originAgentCluster: _on, xContentTypeOptions: _nosniff, ...rest } = silent
  const common = {
    ...rest,
    crossOriginEmbedderPolicy: named(chosen.crossOriginEmbedderPolicy),
    crossOriginOpenerPolicy: named(chosen.crossOriginOpenerPolicy),
    crossOriginResourcePolicy: named(chosen.crossOriginResourcePolicy),
    // On unless refused; it takes no options.
    ...(page ? {} : { originAgentCluster: false }),
    referrerPolicy: named(chosen.referrerPolicy),
    xDnsPrefetchControl: page && {},
    xFrameOptions: frames !== null && { action: frames.toLowerCase() },
    xPermittedCrossDomainPolicies: page && {},
  }
  const asked = (lists: Lists): HelmetQuestion => ({ ...common, contentSecurityPolicy: off ? false : csp(lists) })

  const permissions = { ...fields.permissionsPolicy, ...options.permissionsPolicy } as Record<string, string[]>
  const own: Record<string, string> = {}
  if (Object.keys(permissions).length > 0) own['permissions-policy'] = writePermissions(permissions)
  const endpoints = Object.entries(chosen.reportingEndpoints ?? {})
  if (chosen.cacheControl !== undefined) own['cache-control'] = chosen.cacheControl

  const reported = reportedLists(options)
  return Object.freeze({
    question: asked(enforced),
    // On plain HTTP it would break what it cannot upgrade, such as a page under development.
    plain:
      enforced['upgrade-insecure-requests'] === true
        ? asked({ ...enforced, 'upgrade-insecure-requests': false })
        : null,
    twin: reported === null ? null : { ...silent, contentSecurityPolicy: csp(reported, true) },
    own: Object.freeze(endpoints.length === 0 ? own : { ...own, 'reporting-endpoints': writeEndpoints(endpoints) }),
    early: {
      question: asked(nothing),
      own: Object.freeze(keepable(own['cache-control']) ? { ...own, 'cache-control': 'no-store' } : own),
    },
    keptByCaches: keepable(own['cache-control']) ? (own['cache-control'] as string) : null,
  })
}
