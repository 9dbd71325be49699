import type { Finding, ObjectSchema, RoomOptions, Schema } from '@portcullis/kernel'
import { checkPolicy, NONCE } from './csp.ts'
import { directives } from './directives.ts'
import { checkPermissions, type Feature, features } from './permissions.ts'

/** `api`: answers that programs read (the default). `web`: answers that browsers render. */
export type Profile = 'api' | 'web'

/** Source lists by CSP3 directive, laid over the profile's; a list replaces the profile's list. */
export interface ContentSecurityPolicy {
  /** Directives with a list, such as `'img-src': ["'self'", 'https://img.example.com']`; `'nonce'` stands for this answer's nonce. */
  [directive: `${string}-src` | `${string}-src-elem` | `${string}-src-attr`]: string[]
  'base-uri'?: string[]
  'form-action'?: string[]
  'frame-ancestors'?: string[]
  'report-uri'?: string[]
  'require-trusted-types-for'?: string[]
  'trusted-types'?: string[]
  sandbox?: string[]
  /** Ask browsers to fetch `http:` subresources over `https:`. */
  'upgrade-insecure-requests'?: boolean
}

/** Allow-lists by feature: `[]` for nobody, `['self']`, `['*']`, or origins. */
export type PermissionsPolicy = { [feature in Feature]?: string[] }

/** What a registration and a route may both say. What is left out is the profile's. */
export interface HeadersRoute {
  /** Which fields there are at all. */
  profile?: Profile
  /** Directives over the profile's policy (CSP3). */
  contentSecurityPolicy?: ContentSecurityPolicy
  /** Send the policy as `Content-Security-Policy-Report-Only`: browsers report, and block nothing. */
  contentSecurityPolicyReportOnly?: boolean
  /** Which sites may embed the answer without CORS (Fetch §3.6). Says nothing about reads with CORS. */
  crossOriginResourcePolicy?: 'same-origin' | 'same-site' | 'cross-origin'
  /** Which pages share a browsing context group with this one; `unsafe-none` sends no field. */
  crossOriginOpenerPolicy?: 'same-origin' | 'same-origin-allow-popups' | 'noopener-allow-popups' | 'unsafe-none'
  /** Whether subresources must consent to being embedded; `unsafe-none` sends no field. */
  crossOriginEmbedderPolicy?: 'require-corp' | 'credentialless' | 'unsafe-none'
  /** How much of the URL the browser tells other sites. */
  referrerPolicy?: 'no-referrer' | 'same-origin' | 'origin' | 'strict-origin' | 'strict-origin-when-cross-origin'
  /** Who may frame the page, for browsers that do not know `frame-ancestors`. */
  xFrameOptions?: 'DENY' | 'SAMEORIGIN'
  /** Browser features over the profile's list (Permissions Policy). */
  permissionsPolicy?: PermissionsPolicy
  /** `Cache-Control` unless the handler writes its own (RFC 9111 §5.2.2). */
  cacheControl?: string
  /** Send no Content-Security-Policy at all. */
  dangerouslyDisableContentSecurityPolicy?: boolean
  /** Admit `'unsafe-inline'`, `'unsafe-eval'`, `*` and whole schemes where scripts come from. */
  dangerouslyAllowUnsafeScripts?: boolean
}

/** Options of a registration. */
export interface HeadersOptions extends HeadersRoute, RoomOptions {}

const list = (description: string, example: string[]): Schema => ({
  type: 'array',
  items: { type: 'string', minLength: 1, maxLength: 2048, examples: [example[0] ?? "'self'"] },
  maxItems: 256,
  description,
  examples: [example],
})
const choice = (description: string, choices: readonly string[]): Schema => ({
  type: 'string',
  enum: choices,
  description,
  examples: [choices[0]],
})
const flag = (description: string): Schema => ({ type: 'boolean', description, examples: [false] })

const directiveSchemas = Object.fromEntries(
  Object.entries(directives).map(([name, { kind, governs, among }]) => {
    if (kind === 'flag') return [name, flag(`Governs ${governs}.`)]
    const example = {
      code: ["'self'"],
      sources: ["'self'"],
      ancestors: ["'none'"],
      urls: ['/csp-reports'],
      names: ['default'],
    }
    return [name, list(`Governs ${governs}.`, kind === 'tokens' ? [among?.[0] ?? ''] : example[kind])]
  }),
)
const featureSchemas = Object.fromEntries(
  features.map((feature) => [feature, list(`Who may use ${feature}: [] for nobody.`, ['self'])]),
)

const properties = {
  contentSecurityPolicy: {
    type: 'object',
    additionalProperties: false,
    properties: directiveSchemas,
    description: `Source lists by CSP3 directive, over the profile's; ${NONCE} stands for this answer's nonce.`,
    examples: [{ 'img-src': ["'self'"] }],
  },
  contentSecurityPolicyReportOnly: flag('Browsers report what the policy would block, and block nothing.'),
  crossOriginResourcePolicy: choice('Which sites may embed the answer without CORS.', [
    'same-origin',
    'same-site',
    'cross-origin',
  ]),
  crossOriginOpenerPolicy: choice('Which pages share a browsing context group; unsafe-none sends no field.', [
    'same-origin',
    'same-origin-allow-popups',
    'noopener-allow-popups',
    'unsafe-none',
  ]),
  crossOriginEmbedderPolicy: choice('Whether subresources must consent; unsafe-none sends no field.', [
    'require-corp',
    'credentialless',
    'unsafe-none',
  ]),
  referrerPolicy: choice('How much of the URL other sites are told.', [
    'no-referrer',
    'same-origin',
    'origin',
    'strict-origin',
    'strict-origin-when-cross-origin',
  ]),
  xFrameOptions: choice('Who may frame the page, for browsers without frame-ancestors.', ['DENY', 'SAMEORIGIN']),
  permissionsPolicy: {
    type: 'object',
    additionalProperties: false,
    properties: featureSchemas,
    description: "Allow-lists by browser feature, over the profile's.",
    examples: [{ geolocation: ['self'] }],
  },
  cacheControl: {
    type: 'string',
    // RFC 9111 §5.2: a list of directives, each a token with an optional number.
    pattern: '^[a-z-]+(=[0-9]+)?(, ?[a-z-]+(=[0-9]+)?)*$',
    title: 'a list of cache directives such as no-store or private, max-age=60',
    description: 'Cache-Control unless the handler writes its own.',
    examples: ['no-store'],
  },
  dangerouslyDisableContentSecurityPolicy: flag('Send no Content-Security-Policy at all.'),
  dangerouslyAllowUnsafeScripts: flag(
    "Admit 'unsafe-inline', 'unsafe-eval', * and whole schemes where scripts come from.",
  ),
}
const profile = {
  type: 'string',
  enum: ['api', 'web'],
  description: 'Which fields there are: for programs, or for pages.',
}

/** Schema of a registration's options. The only default is the profile: it decides the rest. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { profile: { ...profile, default: 'api' }, ...properties },
}

/** Schema of `config.security.headers`. */
export const routeSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { profile: { ...profile, examples: ['web'] }, ...properties },
}

/** Whether answers under these options carry a nonce. */
export function usesNonce({ profile: named, contentSecurityPolicy = {}, ...rest }: Readonly<HeadersRoute>): boolean {
  if (rest.dangerouslyDisableContentSecurityPolicy === true) return false
  const lists = {
    ...(named === 'web' ? { 'script-src': [NONCE], 'style-src': [NONCE] } : {}),
    ...contentSecurityPolicy,
  }
  return Object.values(lists).some((entries) => Array.isArray(entries) && entries.includes(NONCE))
}

/** Rules between fields. */
export function check(options: Readonly<HeadersRoute>): Finding[] {
  const { contentSecurityPolicy = {}, permissionsPolicy = {}, cacheControl, dangerouslyAllowUnsafeScripts } = options
  const findings = [
    ...checkPolicy({ ...contentSecurityPolicy }, dangerouslyAllowUnsafeScripts === true),
    ...checkPermissions(permissionsPolicy),
  ]
  if (cacheControl !== undefined && !/\b(?:no-store|no-cache|private)\b/.test(cacheControl) && usesNonce(options)) {
    findings.push({
      at: '/cacheControl',
      rule: 'nonce-in-shared-cache',
      message: 'lets caches hand one nonce to many readers; write no-store, or a policy without a nonce',
      fix: [{ op: 'replace', path: '/cacheControl', value: 'no-store' }],
    })
  }
  return findings
}
