import fc from 'fast-check'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { directives } from '../src/directives.ts'
import headers, { type HeadersOptions } from '../src/index.ts'
import { broken } from './broken.ts'
import { mended } from '@portcullis/testing/patch'
import { refused, type Told } from './refused.ts'

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
  it.each(broken)('refuse %s, and boot once the fix is applied', async (_name, options, path, rule) => {
    const mistakes = await refused(() => boot(options))
    expect(mistakes.map((one) => [one.path, one.rule])).toContainEqual([path, rule])
    await boot(mended(options, mistakes))
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
        if (mistakes.length > 0) await boot(mended(options, mistakes))
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
