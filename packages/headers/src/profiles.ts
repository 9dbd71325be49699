import { NONCE } from './csp.ts'
import type { HeadersRoute, PermissionsPolicy, Profile } from './options.ts'

/** Directives by name: a list, or whether a flag is set. */
export type Lists = Readonly<Record<string, readonly string[] | boolean>>

/** An answer of an API is data: whatever a browser might make of it is forbidden (OWASP REST Security). */
export const nothing: Lists = {
  'default-src': ["'none'"],
  'frame-ancestors': ["'none'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
}

/**
 * A strict CSP: scripts by nonce, whatever they load by 'strict-dynamic' (CSP3 §8.2). What it does not name (frames,
 * plugins) is forbidden, not admitted from the page's own origin, where uploads may lie.
 */
const strict: Lists = {
  'default-src': ["'none'"],
  'script-src': [NONCE, "'strict-dynamic'"],
  'style-src': ["'self'", NONCE],
  'img-src': ["'self'", 'data:'],
  'font-src': ["'self'"],
  'connect-src': ["'self'"],
  'media-src': ["'self'"],
  'manifest-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
}

/**
 * Swagger UI loads its own files and takes no nonce: its scripts are whatever lies on its own origin. The hash is that of
 * the one style element which its bundle makes by itself.
 */
const swaggerUi: Lists = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'", "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='"],
  'img-src': ["'self'", 'data:'],
  'font-src': ["'self'"],
  'connect-src': ["'self'"],
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

/** What a profile says where the options say nothing. */
export interface ProfileDefaults {
  readonly lists: Lists
  /** Whether browsers render the answers: fields that only speak of documents are sent. */
  readonly page: boolean
  readonly fields: Omit<HeadersRoute, 'profile' | 'contentSecurityPolicy' | 'contentSecurityPolicyReportOnly'>
}

const data: ProfileDefaults['fields'] = {
  crossOriginResourcePolicy: 'same-origin',
  referrerPolicy: 'no-referrer',
  cacheControl: 'no-store',
}
const document: ProfileDefaults['fields'] = {
  ...data,
  crossOriginOpenerPolicy: 'same-origin',
  crossOriginEmbedderPolicy: 'require-corp',
  permissionsPolicy: noDevices,
}

/** The profiles. */
export const profiles: Readonly<Record<Profile, ProfileDefaults>> = {
  api: { lists: nothing, page: false, fields: data },
  web: { lists: strict, page: true, fields: document },
  'swagger-ui': { lists: swaggerUi, page: true, fields: document },
}

/** The policy that is enforced: the profile's lists, Trusted Types, and over them what was written. */
export function enforcedLists(options: Readonly<HeadersRoute>): Lists {
  const { profile = 'api', trustedTypes, contentSecurityPolicy } = options
  const typed: Lists =
    trustedTypes === undefined
      ? {}
      : {
          'require-trusted-types-for': ["'script'"],
          'trusted-types': trustedTypes.length === 0 ? ["'none'"] : trustedTypes,
        }
  return { ...profiles[profile].lists, ...typed, ...contentSecurityPolicy }
}

/** Directives that browsers ignore in a policy that only reports (CSP3 §6.4.2, Upgrade Insecure Requests §3.1). */
export const enforcedOnly: ReadonlySet<string> = new Set(['sandbox', 'upgrade-insecure-requests'])

/** The policy that is only reported: the enforced one, and over it what was written for the twin. */
export function reportedLists(options: Readonly<HeadersRoute>): Lists | null {
  const { contentSecurityPolicyReportOnly: twin } = options
  if (twin === undefined) return null
  const lists = Object.entries({ ...enforcedLists(options), ...twin })
  return Object.fromEntries(lists.filter(([directive]) => !enforcedOnly.has(directive)))
}
