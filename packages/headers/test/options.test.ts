import fc from 'fast-check'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { checkPolicy } from '../src/csp.ts'
import { directives } from '../src/directives.ts'
import headers, { type HeadersOptions } from '../src/index.ts'
import { type Broken, patched, refused } from './refused.ts'

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

describe('options', () => {
  it.each<Broken>([
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
  ])('refuse %s, and boot once the fix is applied', async (_name, options, path, rule) => {
    const mistakes = await refused(() => boot(options))
    expect(mistakes.map((one) => [one.path, one.rule])).toContainEqual([path, rule])
    await boot(patched(options, mistakes))
  })

  it.each<[string, HeadersOptions]>([
    ['nothing', {}],
    ['a page', { profile: 'web' }],
    ['scripts by hash', csp({ 'script-src': ["'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"] })],
    ['a font host', { profile: 'web', contentSecurityPolicy: { 'font-src': ["'self'", 'https://fonts.example.com'] } }],
    [
      'scripts as unsafe as the user likes, said aloud',
      { ...csp({ 'script-src': ["'unsafe-eval'"] }), dangerouslyAllowUnsafeScripts: true },
    ],
    ['a sandbox without exceptions', csp({ sandbox: [] })],
    ['Trusted Types', csp({ 'require-trusted-types-for': ["'script'"], 'trusted-types': ['default', 'dompurify'] })],
    ['a private page', { profile: 'web', cacheControl: 'private, max-age=60' }],
  ])('take %s', async (_name, options) => {
    await expect(boot(options)).resolves.toBeUndefined()
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
        const mended = { ...policy }
        for (const { at, fix } of checkPolicy(policy, false)) {
          const [operation] = fix
          if (operation?.op === 'replace') mended[at.split('/')[2] as string] = operation.value as string[]
        }
        await boot(csp(mended))
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
