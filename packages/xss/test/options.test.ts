import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import xss, { type XssOptions } from '../src/index.ts'

async function boot(options: unknown): Promise<unknown> {
  const app = Fastify()
  try {
    await app.register(xss, options as XssOptions)
    app.get('/docs/page', async () => 'through')
    await app.ready()
    return null
  } catch (error) {
    return error
  } finally {
    await app.close()
  }
}

describe('the options of @portcullis/xss', () => {
  it.each([
    [{}],
    [{ html: true, svg: true, xml: true, pdf: true, javascript: true }],
    [{ strict: true, richText: 'article' }],
    [{ routes: [{ prefix: '/docs', policy: { html: true } }] }],
    [{ routes: [{ prefix: '/docs', policy: false }] }],
    [{ enabled: false }],
  ])('accept %j', async (options) => {
    expect(await boot(options)).toBeNull()
  })

  it.each([
    [{ htlm: true }, 'htlm'],
    [{ html: 'true' }, 'html'],
    [{ richText: 'everything' }, 'richText'],
    [{ routes: [{ prefix: 'docs', policy: false }] }, 'routes[0].prefix'],
    [{ routes: [{ prefix: '/docs', policy: { htlm: true } }] }, 'routes[0].policy.htlm'],
    [{ routes: [{ prefix: '/dosc', policy: false }] }, 'routes[0].prefix'],
  ])('refuse %j at boot and name %s', async (options, path) => {
    expect(await boot(options)).toMatchObject({ code: 'PTC_OPTIONS_INVALID', mistakes: [{ path }] })
  })

  it('refuse a route that says what no route may say', async () => {
    const app = Fastify()
    await app.register(xss)
    app.get('/', { config: { security: { xss: { htlm: true } as object } } }, async () => 'through')
    await expect(app.ready()).rejects.toMatchObject({ mistakes: [{ route: 'GET /' }] })
    await app.close()
  })
})
