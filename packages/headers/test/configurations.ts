import type { HeadersOptions } from '@portcullis/headers'

const CSP = 'content-security-policy'
const PERMISSIONS = 'permissions-policy'

const csp = (contentSecurityPolicy: NonNullable<HeadersOptions['contentSecurityPolicy']>): HeadersOptions => ({
  contentSecurityPolicy,
})
const page = (contentSecurityPolicy: NonNullable<HeadersOptions['contentSecurityPolicy']>): HeadersOptions => ({
  profile: 'web',
  contentSecurityPolicy,
})
const hash = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

type Good = [name: string, options: HeadersOptions, field: string, value: string | RegExp | undefined]

/** What boots, and a field that says so. */
export const good: Good[] = [
  ['nothing', {}, CSP, /^default-src 'none';/],
  ['a page', { profile: 'web' }, CSP, /script-src 'nonce-[^']+' 'strict-dynamic'/],
  ['the pages of Swagger UI', { profile: 'swagger-ui' }, CSP, /script-src 'self';style-src 'self' 'sha256-[^']+';/],
  ['scripts by hash', csp({ 'script-src': [hash] }), CSP, hash],
  [
    'a font host',
    page({ 'font-src': ["'self'", 'https://fonts.example.com'] }),
    CSP,
    "font-src 'self' https://fonts.example.com",
  ],
  ['a wildcard host', page({ 'img-src': ['*.example.com'] }), CSP, 'img-src *.example.com;'],
  [
    'a port',
    page({ 'connect-src': ['https://api.example.com:8443'] }),
    CSP,
    'connect-src https://api.example.com:8443',
  ],
  [
    'any port of the machine itself',
    page({ 'connect-src': ["'self'", 'http://localhost:*'] }),
    CSP,
    'http://localhost:*',
  ],
  ['a socket', page({ 'connect-src': ['wss://live.example.com'] }), CSP, 'wss://live.example.com'],
  ['a path', page({ 'img-src': ['https://cdn.example.com/img/'] }), CSP, 'https://cdn.example.com/img/'],
  ['images from a whole scheme', page({ 'img-src': ['https:'] }), CSP, 'img-src https:;'],
  [
    'styles that a page writes itself',
    page({ 'style-src': ["'self'", "'unsafe-inline'"] }),
    CSP,
    "style-src 'self' 'unsafe-inline'",
  ],
  ['WebAssembly', page({ 'script-src': ["'nonce'", "'wasm-unsafe-eval'"] }), CSP, "'wasm-unsafe-eval'"],
  ['samples in reports', page({ 'script-src': ["'nonce'", "'report-sample'"] }), CSP, "'report-sample'"],
  ['scripts in workers', page({ 'worker-src': ["'self'", 'blob:'] }), CSP, "worker-src 'self' blob:"],
  ['no scripts at all', page({ 'script-src': ["'none'"] }), CSP, "script-src 'none'"],
  [
    'scripts as unsafe as the user likes, said aloud',
    { ...csp({ 'script-src': ["'unsafe-eval'"] }), dangerouslyAllowUnsafeScripts: true },
    CSP,
    "'unsafe-eval'",
  ],
  ['a sandbox without exceptions', csp({ sandbox: [] }), CSP, /;sandbox$/],
  ['a sandbox with some', csp({ sandbox: ['allow-forms', 'allow-scripts'] }), CSP, 'sandbox allow-forms allow-scripts'],
  [
    'Trusted Types by directive',
    csp({ 'require-trusted-types-for': ["'script'"], 'trusted-types': ['default', 'dompurify'] }),
    CSP,
    "require-trusted-types-for 'script';trusted-types default dompurify",
  ],
  [
    'Trusted Types',
    { profile: 'web', trustedTypes: ['shop'] },
    CSP,
    /require-trusted-types-for 'script';trusted-types shop$/,
  ],
  ['Trusted Types without a policy', { profile: 'web', trustedTypes: [] }, CSP, /trusted-types 'none'$/],
  ['own frames', csp({ 'frame-ancestors': ["'self'"] }), 'x-frame-options', 'SAMEORIGIN'],
  [
    'own frames, said twice',
    { ...csp({ 'frame-ancestors': ["'self'"] }), xFrameOptions: 'SAMEORIGIN' },
    'x-frame-options',
    'SAMEORIGIN',
  ],
  ['frames of a partner', csp({ 'frame-ancestors': ['https://partner.example'] }), 'x-frame-options', undefined],
  [
    'forms of a partner',
    page({ 'form-action': ["'self'", 'https://pay.example'] }),
    CSP,
    "form-action 'self' https://pay.example",
  ],
  ['an address for reports', csp({ 'report-uri': ['/csp'] }), CSP, /report-uri \/csp$/],
  [
    'an endpoint for reports',
    { ...csp({ 'report-to': ['csp'] }), reportingEndpoints: { csp: 'https://reports.example.com/csp' } },
    'reporting-endpoints',
    'csp="https://reports.example.com/csp"',
  ],
  [
    'two endpoints',
    { reportingEndpoints: { csp: '/csp', default: '/reports' } },
    'reporting-endpoints',
    'csp="/csp", default="/reports"',
  ],
  [
    'an endpoint on the machine itself',
    { reportingEndpoints: { csp: 'http://localhost:3000/csp' } },
    'reporting-endpoints',
    'csp="http://localhost:3000/csp"',
  ],
  [
    'a stricter twin',
    { profile: 'web', contentSecurityPolicyReportOnly: { 'require-trusted-types-for': ["'script'"] } },
    `${CSP}-report-only`,
    /script-src 'nonce-[^']+' 'strict-dynamic'.*require-trusted-types-for 'script'$/,
  ],
  [
    'a policy that is only tried out',
    { dangerouslyDisableContentSecurityPolicy: true, contentSecurityPolicyReportOnly: {} },
    `${CSP}-report-only`,
    /^default-src 'none'/,
  ],
  ['no policy, said aloud', { dangerouslyDisableContentSecurityPolicy: true }, CSP, undefined],
  [
    'images for everybody',
    { crossOriginResourcePolicy: 'cross-origin' },
    'cross-origin-resource-policy',
    'cross-origin',
  ],
  [
    'pop-ups that keep their opener',
    { profile: 'web', crossOriginOpenerPolicy: 'same-origin-allow-popups' },
    'cross-origin-opener-policy',
    'same-origin-allow-popups',
  ],
  [
    'no opener policy',
    { profile: 'web', crossOriginOpenerPolicy: 'unsafe-none' },
    'cross-origin-opener-policy',
    undefined,
  ],
  [
    'images of others without their consent',
    { profile: 'web', crossOriginEmbedderPolicy: 'credentialless' },
    'cross-origin-embedder-policy',
    'credentialless',
  ],
  [
    'an opener policy for an API',
    { crossOriginOpenerPolicy: 'same-origin' },
    'cross-origin-opener-policy',
    'same-origin',
  ],
  [
    'the origin as referrer',
    { referrerPolicy: 'strict-origin-when-cross-origin' },
    'referrer-policy',
    'strict-origin-when-cross-origin',
  ],
  [
    'a feature for the page',
    { profile: 'web', permissionsPolicy: { camera: ['self'] } },
    PERMISSIONS,
    /camera=\(self\)/,
  ],
  [
    'a feature for a partner',
    { permissionsPolicy: { payment: ['self', 'https://pay.example'] } },
    PERMISSIONS,
    'payment=(self "https://pay.example")',
  ],
  ['a feature for everybody', { permissionsPolicy: { fullscreen: ['*'] } }, PERMISSIONS, 'fullscreen=*'],
  ['a feature for nobody', { permissionsPolicy: { 'browsing-topics': [] } }, PERMISSIONS, 'browsing-topics=()'],
  ['a private page', { profile: 'web', cacheControl: 'private, max-age=60' }, 'cache-control', 'private, max-age=60'],
  [
    'a public answer',
    { cacheControl: 'public, max-age=31536000, immutable' },
    'cache-control',
    'public, max-age=31536000, immutable',
  ],
  [
    'a stale answer',
    { cacheControl: 'public, max-age=60, stale-while-revalidate=30' },
    'cache-control',
    /stale-while-revalidate=30/,
  ],
  ["OWASP's no-store", { cacheControl: 'no-store, max-age=0' }, 'cache-control', 'no-store, max-age=0'],
  ['a room that is off', { enabled: false }, CSP, undefined],
]
