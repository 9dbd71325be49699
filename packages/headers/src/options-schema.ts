import type { ObjectSchema, Schema } from '@portcullis/kernel'
import { NONCE } from './csp.ts'
import { directives } from './directives.ts'
import { features } from './permissions.ts'

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
      endpoint: ['csp'],
    }
    const entries = list(`Governs ${governs}.`, kind === 'tokens' ? [among?.[0] ?? ''] : example[kind])
    return [name, kind === 'endpoint' ? { ...entries, maxItems: 1 } : entries]
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
  contentSecurityPolicyReportOnly: {
    type: 'object',
    additionalProperties: false,
    properties: directiveSchemas,
    description: 'Directives, over the enforced policy, of a second policy that browsers only report.',
    examples: [{ 'script-src': [NONCE] }],
  },
  trustedTypes: {
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 128, examples: ['default'] },
    maxItems: 64,
    description: 'Names of the Trusted Types policies through which scripts may write into the page; [] for none.',
    examples: [['default']],
  },
  reportingEndpoints: {
    type: 'object',
    // A structured dictionary: RFC 9651 §3.1.2.
    propertyNames: { pattern: '^[a-z*][a-z0-9_.*-]*$' },
    additionalProperties: { type: 'string', minLength: 1, maxLength: 2048, examples: ['/csp-reports'] },
    description: 'Where browsers report to, a path or an https: URL, by the name that report-to uses.',
    examples: [{ csp: '/csp-reports' }],
  },
  crossOriginResourcePolicy: choice(
    'Which sites may embed the answer without CORS; absent: cross-origin where cors lets everybody read, else same-origin.',
    ['same-origin', 'same-site', 'cross-origin'],
  ),
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
  xFrameOptions: choice(
    'Who may frame the page, for browsers without frame-ancestors; absent: as frame-ancestors says.',
    ['DENY', 'SAMEORIGIN'],
  ),
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
    description: 'Cache-Control unless the handler writes its own; errors say no-store.',
    examples: ['no-store'],
  },
  dangerouslyDisableContentSecurityPolicy: flag('Send no Content-Security-Policy at all.'),
  dangerouslyAllowUnsafeScripts: flag(
    "Admit 'unsafe-inline', 'unsafe-eval', * and whole schemes where scripts come from.",
  ),
}
const profile = {
  type: 'string',
  enum: ['api', 'web', 'swagger-ui'],
  description: 'Which fields there are: for programs, for pages, or for the pages of @fastify/swagger-ui.',
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
