import fc from 'fast-check'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { directives } from '../src/directives.ts'
import headers, { type HeadersOptions } from '../src/index.ts'
import { type Broken, patched, refused, type Told } from './refused.ts'

const boot = async (options: unknown): Promise<void> => {
  const app = Fastify()
  try {
    await app.register(headers, options as HeadersOptions)
    app.get('/', async () => 'x')
    await app.ready()
  } finally {
    await app.close()
  }
}

const csp = (contentSecurityPolicy: unknown): object => ({ contentSecurityPolicy })
const twin = (contentSecurityPolicyReportOnly: unknown): object => ({ contentSecurityPolicyReportOnly })

describe('options', () => {
  const broken: Broken[] = [
    ['a misspelt option', { profil: 'web' }, 'profil', 'additionalProperties'],
    ['an unknown profile', { profile: 'spa' }, 'profile', 'enum'],
    ['a profile that is no string', { profile: true }, 'profile', 'type'],
    [
      "helmet's name for a directive",
      csp({ scriptSrc: ["'self'"] }),
      'contentSecurityPolicy.scriptSrc',
      'additionalProperties',
    ],
    [
      'a withdrawn directive',
      csp({ 'plugin-types': ['a/b'] }),
      'contentSecurityPolicy.plugin-types',
      'additionalProperties',
    ],
    ['a policy switched off quietly', csp(false), 'contentSecurityPolicy', 'type'],
    ['a string for a list', csp({ 'img-src': "'self'" }), 'contentSecurityPolicy.img-src', 'type'],
    ['a number for a source', csp({ 'img-src': [1] }), 'contentSecurityPolicy.img-src[0]', 'type'],
    [
      'a list for a flag',
      csp({ 'upgrade-insecure-requests': [] }),
      'contentSecurityPolicy.upgrade-insecure-requests',
      'type',
    ],
    ['an unquoted self', csp({ 'img-src': ['self'] }), 'contentSecurityPolicy.img-src', 'unquoted-keyword'],
    [
      'an unquoted hash',
      csp({ 'script-src': ['sha256-abc='] }),
      'contentSecurityPolicy.script-src',
      'unquoted-keyword',
    ],
    [
      'a semicolon in a source',
      csp({ 'img-src': ["'self'; script-src *"] }),
      'contentSecurityPolicy.img-src',
      'separator-in-source',
    ],
    [
      'a comma in a source',
      csp({ 'font-src': ['a.com,b.com'] }),
      'contentSecurityPolicy.font-src',
      'separator-in-source',
    ],
    [
      'a line break in a source',
      csp({ 'connect-src': ['a.com\r\nset-cookie: x'] }),
      'contentSecurityPolicy.connect-src',
      'separator-in-source',
    ],
    ['a misspelt keyword', csp({ 'style-src': ["'slef'"] }), 'contentSecurityPolicy.style-src', 'unknown-keyword'],
    ['a broken host', csp({ 'img-src': ['https//cdn'] }), 'contentSecurityPolicy.img-src', 'not-a-source'],
    [
      'none beside others',
      csp({ 'img-src': ["'none'", 'a.com'] }),
      'contentSecurityPolicy.img-src',
      'none-with-others',
    ],
    ['an empty list', csp({ 'img-src': [] }), 'contentSecurityPolicy.img-src', 'empty-list'],
    ['a constant nonce', csp({ 'script-src': ["'nonce-abc'"] }), 'contentSecurityPolicy.script-src', 'constant-nonce'],
    [
      'strict-dynamic alone',
      csp({ 'script-src': ["'strict-dynamic'"] }),
      'contentSecurityPolicy.script-src',
      'strict-dynamic-without-nonce',
    ],
    ['a nonce for images', csp({ 'img-src': ["'nonce'"] }), 'contentSecurityPolicy.img-src', 'keyword-without-effect'],
    [
      'inline scripts',
      csp({ 'script-src': ["'self'", "'unsafe-inline'"] }),
      'contentSecurityPolicy.script-src',
      'unsafe-script-source',
    ],
    [
      'scripts from everywhere',
      csp({ 'default-src': ['*'] }),
      'contentSecurityPolicy.default-src',
      'unsafe-script-source',
    ],
    ['a misspelt sandbox token', csp({ sandbox: ['allow-script'] }), 'contentSecurityPolicy.sandbox', 'unknown-token'],
    [
      'a report address that is none',
      csp({ 'report-uri': ['reports'] }),
      'contentSecurityPolicy.report-uri',
      'not-a-url',
    ],
    [
      'a policy name with a quote',
      csp({ 'trusted-types': ["a'b"] }),
      'contentSecurityPolicy.trusted-types',
      'not-a-policy-name',
    ],
    [
      'a policy name with a quote that reads like a keyword',
      csp({ 'trusted-types': ['nonce-a'] }),
      'contentSecurityPolicy.trusted-types',
      'not-a-policy-name',
    ],
    [
      'a feature that does not exist',
      { permissionsPolicy: { webcam: [] } },
      'permissionsPolicy.webcam',
      'additionalProperties',
    ],
    [
      'a quoted self in a feature',
      { permissionsPolicy: { usb: ["'self'"] } },
      'permissionsPolicy.usb',
      'not-an-allowlist-member',
    ],
    ['a cache directive with a line break', { cacheControl: 'no-store\r\nx: y' }, 'cacheControl', 'pattern'],
    [
      'a page with a nonce in shared caches',
      { profile: 'web', cacheControl: 'public, max-age=60' },
      'cacheControl',
      'nonce-in-shared-cache',
    ],
    ['a referrer policy that tells everything', { referrerPolicy: 'unsafe-url' }, 'referrerPolicy', 'enum'],
    ['a frame option that browsers ignore', { xFrameOptions: 'ALLOW-FROM x' }, 'xFrameOptions', 'enum'],
    [
      'a switch as a string',
      { dangerouslyDisableContentSecurityPolicy: 'true' },
      'dangerouslyDisableContentSecurityPolicy',
      'type',
    ],
    [
      'HSTS, which is the concern of https',
      { strictTransportSecurity: {} },
      'strictTransportSecurity',
      'additionalProperties',
    ],
    [
      'a directive in capitals',
      csp({ 'Img-Src': ["'self'"] }),
      'contentSecurityPolicy.Img-Src',
      'additionalProperties',
    ],
    ['an empty source', csp({ 'img-src': [''] }), 'contentSecurityPolicy.img-src[0]', 'minLength'],
    [
      'the same source twice',
      csp({ 'img-src': ['a.com', 'a.com'] }),
      'contentSecurityPolicy.img-src',
      'duplicate-source',
    ],
    [
      'a nonce in default-src',
      csp({ 'default-src': ["'nonce'"] }),
      'contentSecurityPolicy.default-src',
      'nonce-without-script-src',
    ],
    [
      'a nonce for attributes',
      csp({ 'script-src-attr': ["'nonce'"] }),
      'contentSecurityPolicy.script-src-attr',
      'keyword-without-effect',
    ],
    [
      'a sample of reports on images',
      csp({ 'img-src': ["'report-sample'"] }),
      'contentSecurityPolicy.img-src',
      'keyword-without-effect',
    ],
    [
      'strict-dynamic for styles',
      csp({ 'style-src': ["'strict-dynamic'"] }),
      'contentSecurityPolicy.style-src',
      'keyword-without-effect',
    ],
    [
      'scripts from a whole scheme',
      csp({ 'script-src': ['https:'] }),
      'contentSecurityPolicy.script-src',
      'unsafe-script-source',
    ],
    [
      'scripts from every host of a scheme',
      csp({ 'script-src-elem': ['https://*'] }),
      'contentSecurityPolicy.script-src-elem',
      'unsafe-script-source',
    ],
    [
      'scripts over plain HTTP',
      csp({ 'script-src': ['http://cdn.example.com'] }),
      'contentSecurityPolicy.script-src',
      'unsafe-script-source',
    ],
    ['two endpoints', csp({ 'report-to': ['a', 'b'] }), 'contentSecurityPolicy.report-to', 'maxItems'],
    ['an endpoint in capitals', csp({ 'report-to': ['CSP'] }), 'contentSecurityPolicy.report-to', 'not-an-endpoint'],
    [
      'an endpoint that nobody named',
      csp({ 'report-to': ['csp'] }),
      'contentSecurityPolicy.report-to',
      'unknown-endpoint',
    ],
    [
      'an unquoted Trusted Types sink',
      csp({ 'require-trusted-types-for': ['script'] }),
      'contentSecurityPolicy.require-trusted-types-for',
      'unknown-token',
    ],
    [
      'a switch where the twin stands',
      { contentSecurityPolicyReportOnly: true },
      'contentSecurityPolicyReportOnly',
      'type',
    ],
    [
      'an unknown directive of the twin',
      twin({ 'image-src': ["'self'"] }),
      'contentSecurityPolicyReportOnly.image-src',
      'additionalProperties',
    ],
    [
      'an unquoted keyword of the twin',
      twin({ 'script-src': ['self'] }),
      'contentSecurityPolicyReportOnly.script-src',
      'unquoted-keyword',
    ],
    [
      'an unknown endpoint of the twin',
      twin({ 'report-to': ['csp'] }),
      'contentSecurityPolicyReportOnly.report-to',
      'unknown-endpoint',
    ],
    [
      'a sandbox that only reports',
      twin({ sandbox: [] }),
      'contentSecurityPolicyReportOnly.sandbox',
      'without-effect-in-reports',
    ],
    [
      'an upgrade that only reports',
      twin({ 'upgrade-insecure-requests': true }),
      'contentSecurityPolicyReportOnly.upgrade-insecure-requests',
      'without-effect-in-reports',
    ],
    [
      'a nonce in the default-src of the twin',
      twin({ 'default-src': ["'nonce'"] }),
      'contentSecurityPolicyReportOnly.default-src',
      'nonce-without-script-src',
    ],
    ['Trusted Types as a switch', { trustedTypes: true }, 'trustedTypes', 'type'],
    ['a policy name that is a keyword', { trustedTypes: ["'none'"] }, 'trustedTypes', 'not-a-policy-name'],
    ['a policy name with a space', { trustedTypes: ['my policy'] }, 'trustedTypes', 'separator-in-source'],
    ['a policy name twice', { trustedTypes: ['a', 'a'] }, 'trustedTypes', 'duplicate-source'],
    ['a list of endpoints', { reportingEndpoints: ['/csp'] }, 'reportingEndpoints', 'type'],
    [
      'an endpoint named in capitals',
      { reportingEndpoints: { CSP: '/csp' } },
      'reportingEndpoints.CSP',
      'propertyNames',
    ],
    [
      'an endpoint without an address',
      { reportingEndpoints: { csp: 'reports' } },
      'reportingEndpoints.csp',
      'not-a-url',
    ],
    [
      'an endpoint over plain HTTP',
      { reportingEndpoints: { csp: 'http://r.example.com/' } },
      'reportingEndpoints.csp',
      'insecure-endpoint',
    ],
    ['an address that is a number', { reportingEndpoints: { csp: 1 } }, 'reportingEndpoints.csp', 'type'],
    ['a feature as a string', { permissionsPolicy: { camera: 'self' } }, 'permissionsPolicy.camera', 'type'],
    [
      'a star beside others',
      { permissionsPolicy: { camera: ['*', 'self'] } },
      'permissionsPolicy.camera',
      'star-with-others',
    ],
    [
      'a member twice',
      { permissionsPolicy: { camera: ['self', 'self'] } },
      'permissionsPolicy.camera',
      'duplicate-member',
    ],
    [
      'an origin with a path',
      { permissionsPolicy: { geolocation: ['https://maps.example.com/'] } },
      'permissionsPolicy.geolocation',
      'not-an-allowlist-member',
    ],
    ['a misspelt cache directive', { cacheControl: 'no-cahce' }, 'cacheControl', 'unknown-cache-directive'],
    ['an age without seconds', { cacheControl: 'private, max-age' }, 'cacheControl', 'seconds-missing'],
    ['seconds that say nothing', { cacheControl: 'no-store=1' }, 'cacheControl', 'seconds-without-effect'],
    ['a cache directive twice', { cacheControl: 'no-cache, no-cache' }, 'cacheControl', 'duplicate-cache-directive'],
    ['no-store with an age', { cacheControl: 'no-store, max-age=60' }, 'cacheControl', 'no-store-with-others'],
    ['private and public', { cacheControl: 'private, public' }, 'cacheControl', 'private-with-shared'],
    ['frames that the policy forbids', { xFrameOptions: 'SAMEORIGIN' }, 'xFrameOptions', 'contradicts-frame-ancestors'],
    [
      'a resource policy of another field',
      { crossOriginResourcePolicy: 'require-corp' },
      'crossOriginResourcePolicy',
      'enum',
    ],
    [
      'an opener policy that does not exist',
      { crossOriginOpenerPolicy: 'same-site' },
      'crossOriginOpenerPolicy',
      'enum',
    ],
    [
      'an embedder policy that does not exist',
      { crossOriginEmbedderPolicy: 'same-origin' },
      'crossOriginEmbedderPolicy',
      'enum',
    ],
    ["helmet's name for a field", { frameguard: { action: 'deny' } }, 'frameguard', 'additionalProperties'],
    ['a switch that is null', { dangerouslyAllowUnsafeScripts: null }, 'dangerouslyAllowUnsafeScripts', 'type'],
  ]

  it.each(broken)('refuse %s, and boot once the fix is applied', async (_name, options, path, rule) => {
    const mistakes = await refused(() => boot(options))
    expect(mistakes.map((one) => [one.path, one.rule])).toContainEqual([path, rule])
    await boot(patched(options, mistakes))
  })

  it('are tried in more than fifty different ways', () => {
    expect(new Set(broken.map(([, , path, rule]) => `${path} ${rule}`)).size).toBeGreaterThan(75)
  })

  it('let nothing pass that the engine then refuses', async () => {
    const entry = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.domain(),
      fc.webUrl(),
      fc.constantFrom(
        "'self'",
        "'none'",
        "'nonce'",
        "'strict-dynamic'",
        "'report-sample'",
        'nonce-a',
        'data:',
        '*',
        'sha256-',
      ),
    )
    const lists = Object.keys(directives).filter((name) => directives[name]?.kind !== 'flag')
    const policies = fc.dictionary(fc.constantFrom(...lists), fc.array(entry, { maxLength: 4 }), { maxKeys: 6 })
    await fc.assert(
      fc.asyncProperty(policies, async (policy) => {
        const options = csp(policy)
        const mistakes = await boot(options).then(
          () => [],
          ({ mistakes: told, message }) => (told as Told[] | undefined) ?? expect.fail(String(message)),
        )
        if (mistakes.length > 0) await boot(patched(options, mistakes))
      }),
      { numRuns: 60 },
    )
  })

  it('reports all mistakes at once, also those of routes', async () => {
    const app = Fastify()
    app.register(headers)
    app.get(
      '/page',
      { config: { security: { headers: { contentSecurityPolicy: { 'img-src': ['self'] } } } } },
      async () => 'x',
    )
    app.get('/data', { config: { security: { headers: { cacheControl: 'for ever' } } } }, async () => 'x')
    const mistakes = await refused(() => app.ready())
    expect(new Set(mistakes.map((one) => one.rule))).toEqual(new Set(['pattern', 'unquoted-keyword']))
    expect(new Set(mistakes.map((one) => one.route))).toEqual(new Set(['GET /data', 'GET /page']))
    await app.close()
  })
})
