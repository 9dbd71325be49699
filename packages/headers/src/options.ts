import type { RoomOptions } from '@portcullis/kernel'
import type { ListDirective } from './directives.ts'
import type { Feature } from './permissions.ts'

/**
 * `api`: answers that programs read (the default). `web`: answers that browsers render.
 * `swagger-ui`: the pages of @fastify/swagger-ui, which take no nonce.
 */
export type Profile = 'api' | 'web' | 'swagger-ui'

/**
 * Source lists by CSP3 directive, such as `'img-src': ["'self'", 'https://img.example.com']`, laid over the profile's; a
 * list replaces the profile's list. `'nonce'` stands for this answer's nonce.
 */
export type ContentSecurityPolicy = { [directive in ListDirective]?: string[] } & {
  /** Ask browsers to fetch `http:` subresources over `https:`. Sent over TLS only. */
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
  /**
   * A second policy that browsers report and do not enforce (CSP3 §3.2): directives over the enforced policy's, to try
   * a stricter one out. `{}` tries out the enforced policy itself, where `dangerouslyDisableContentSecurityPolicy` holds.
   */
  contentSecurityPolicyReportOnly?: ContentSecurityPolicy
  /**
   * Scripts may write into the page only through the Trusted Types policies of these names; `[]`: not at all.
   * Short for the directives `require-trusted-types-for` and `trusted-types`.
   */
  trustedTypes?: string[]
  /** Where browsers report to, by the name that `report-to` uses: a path, or an `https:` URL (Reporting API §3.3). */
  reportingEndpoints?: Record<string, string>
  /**
   * Which sites may embed the answer without CORS (Fetch §3.6). Says nothing about reads with CORS. Absent: `same-origin`,
   * and `cross-origin` where the room `cors` lets everybody read the route.
   */
  crossOriginResourcePolicy?: 'same-origin' | 'same-site' | 'cross-origin'
  /** Which pages share a browsing context group with this one; `unsafe-none` sends no field. */
  crossOriginOpenerPolicy?: 'same-origin' | 'same-origin-allow-popups' | 'noopener-allow-popups' | 'unsafe-none'
  /** Whether subresources must consent to being embedded; `unsafe-none` sends no field. */
  crossOriginEmbedderPolicy?: 'require-corp' | 'credentialless' | 'unsafe-none'
  /** How much of the URL the browser tells other sites. */
  referrerPolicy?: 'no-referrer' | 'same-origin' | 'origin' | 'strict-origin' | 'strict-origin-when-cross-origin'
  /** Who may frame the page, for browsers that do not know `frame-ancestors`. Absent: the same as `frame-ancestors`. */
  xFrameOptions?: 'DENY' | 'SAMEORIGIN'
  /** Browser features over the profile's list (Permissions Policy). */
  permissionsPolicy?: PermissionsPolicy
  /** `Cache-Control` unless the handler writes its own (RFC 9111 §5.2.2); errors say `no-store` whatever stands here. */
  cacheControl?: string
  /** Send no Content-Security-Policy at all. */
  dangerouslyDisableContentSecurityPolicy?: boolean
  /** Admit `'unsafe-inline'`, `'unsafe-eval'`, `*` and whole schemes where scripts come from. */
  dangerouslyAllowUnsafeScripts?: boolean
}

/** Options of a registration. */
export interface HeadersOptions extends HeadersRoute, RoomOptions {}
