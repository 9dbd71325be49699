import { NONCE } from './csp.ts'
import type { HeadersRoute, PermissionsPolicy, Profile } from './options.ts'
import { writePermissions } from './permissions.ts'

/** Where the nonce goes in helmet's answer: a valid nonce of 128 zero bits that no real answer carries. */
export const PLACEHOLDER = 'AAAAAAAAAAAAAAAAAAAAAA=='

type Lists = Readonly<Record<string, readonly string[] | boolean>>

/** An answer of an API is data: whatever a browser might make of it is forbidden (OWASP REST Security). */
const nothing: Lists = {
  'default-src': ["'none'"],
  'frame-ancestors': ["'none'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
}

/** A strict CSP: scripts by nonce, whatever they load by 'strict-dynamic' (CSP3 §8.2). */
const strict: Lists = {
  'default-src': ["'self'"],
  'script-src': [NONCE, "'strict-dynamic'"],
  'style-src': ["'self'", NONCE],
  'img-src': ["'self'", 'data:'],
  'object-src': ["'none'"],
  'base-uri': ["'none'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
}

/** Features that an ordinary page never needs; each one asked for is one more thing an injected script may use. */
const noDevices: PermissionsPolicy = {
  accelerometer: [],
  camera: [],
  'display-capture': [],
  geolocation: [],
  gyroscope: [],
  hid: [],
  magnetometer: [],
  microphone: [],
  midi: [],
  payment: [],
  'screen-wake-lock': [],
  serial: [],
  usb: [],
  'xr-spatial-tracking': [],
}

type Defaults = Omit<HeadersRoute, 'profile' | 'contentSecurityPolicy'>

/** What each profile says where the options say nothing. */
const profiles: Readonly<Record<Profile, { lists: Lists; defaults: Defaults; page: boolean }>> = {
  api: {
    lists: nothing,
    page: false,
    defaults: {
      crossOriginResourcePolicy: 'same-origin',
      referrerPolicy: 'no-referrer',
      xFrameOptions: 'DENY',
      cacheControl: 'no-store',
    },
  },
  web: {
    lists: strict,
    page: true,
    defaults: {
      crossOriginResourcePolicy: 'same-origin',
      crossOriginOpenerPolicy: 'same-origin',
      crossOriginEmbedderPolicy: 'require-corp',
      referrerPolicy: 'no-referrer',
      xFrameOptions: 'DENY',
      permissionsPolicy: noDevices,
      cacheControl: 'no-store',
    },
  },
}

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
  readonly own: Readonly<Record<string, string>>
  /** For answers that no request object exists for, and so no nonce. */
  readonly early: HelmetQuestion
}

const named = <T extends string>(policy: T | undefined): false | { policy: T } =>
  policy === undefined || policy === 'unsafe-none' ? false : { policy }

function directivesOf(lists: Lists): Record<string, string[]> {
  const directives: Record<string, string[]> = {}
  for (const [directive, entries] of Object.entries(lists)) {
    if (entries === true) directives[directive] = []
    else if (entries !== false)
      directives[directive] = entries.map((entry) => (entry === NONCE ? `'nonce-${PLACEHOLDER}'` : entry))
  }
  return directives
}

/** Lays options over their profile. */
export function decide(options: Readonly<HeadersRoute>): Decision {
  const { lists, defaults, page } = profiles[options.profile ?? 'api']
  const chosen = { ...defaults, ...options }
  const csp = (over: Lists): HelmetQuestion['contentSecurityPolicy'] =>
    options.dangerouslyDisableContentSecurityPolicy === true
      ? false
      : {
          useDefaults: false,
          reportOnly: options.contentSecurityPolicyReportOnly ?? false,
          directives: directivesOf(over),
        }
  const common = {
    crossOriginEmbedderPolicy: named(chosen.crossOriginEmbedderPolicy),
    crossOriginOpenerPolicy: named(chosen.crossOriginOpenerPolicy),
    crossOriginResourcePolicy: named(chosen.crossOriginResourcePolicy),
    // On unless refused; it takes no options.
    ...(page ? {} : { originAgentCluster: false }),
    referrerPolicy: named(chosen.referrerPolicy),
    // RFC 6797 §7.2 forbids it on plain HTTP: only the room that knows about TLS may write it.
    strictTransportSecurity: false,
    xDnsPrefetchControl: page && {},
    // Internet Explorer's, and a filter that browsers have removed.
    xDownloadOptions: false,
    xXssProtection: false,
    xFrameOptions: { action: chosen.xFrameOptions?.toLowerCase() },
    xPermittedCrossDomainPolicies: page && {},
  }
  const permissions = { ...defaults.permissionsPolicy, ...options.permissionsPolicy } as Record<string, string[]>
  const own: Record<string, string> = {}
  if (Object.keys(permissions).length > 0) own['permissions-policy'] = writePermissions(permissions)
  if (chosen.cacheControl !== undefined) own['cache-control'] = chosen.cacheControl
  return Object.freeze({
    question: { ...common, contentSecurityPolicy: csp({ ...lists, ...options.contentSecurityPolicy }) },
    own: Object.freeze(own),
    early: { ...common, contentSecurityPolicy: csp(nothing) },
  })
}
