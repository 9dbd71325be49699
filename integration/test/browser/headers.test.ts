import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import cors from '@portcullis/cors'
import headers, { clearSiteData } from '@portcullis/headers'
import { tlsServerOptions } from '@portcullis/https'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Page } from 'playwright-core'
import { beforeEach, describe, expect, it } from 'vitest'
import { emptyPages, openSites } from './sites.ts'

const OURS = 'https://api.shop.test'
const APP = 'https://app.shop.test'

const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

let reports: { type: string; body: Record<string, unknown> }[] = []
beforeEach(() => {
  reports = []
})

const { visit } = openSites([
  emptyPages('app.shop.test', 'evil.test'),
  {
    hosts: ['api.shop.test'],
    async app(pair) {
      const app = Fastify({ https: tlsServerOptions(pair) }) as unknown as FastifyInstance
      await app.register(headers)
      await app.register(cors, { origins: [APP], credentials: true })
      const image = { security: { headers: { dangerouslyDisableContentSecurityPolicy: true } } }
      app.get('/pixel', { config: image }, (_request, reply) => reply.type('image/png').send(pixel))
      const everybody = { cors: { origins: ['*'], credentials: false } }
      app.get('/logo', { config: { security: everybody } }, (_request, reply) => reply.type('image/png').send(pixel))

      const page = { security: { headers: { profile: 'web' as const } } }
      app.get('/', { config: page }, (_request, reply) => reply.type('text/html').send('<!doctype html><p>A page</p>'))
      app.get('/sign-in', { config: page }, (_request, reply) => {
        reply.header('set-cookie', '__Host-session=1; Secure; HttpOnly; SameSite=Lax; Path=/')
        return reply.type('text/html').send('<!doctype html><p>Signed in</p>')
      })
      app.post('/log-out', (_request, reply) => clearSiteData(reply).code(204).send())
      app.get('/who', (request) => ({ cookie: request.headers.cookie ?? null }))

      const twin = {
        profile: 'web' as const,
        reportingEndpoints: { csp: '/reports' },
        contentSecurityPolicyReportOnly: { 'img-src': ["'none'"], 'report-to': ['csp'], 'report-uri': ['/reports'] },
      }
      app.get('/tried', { config: { security: { headers: twin } } }, (request, reply) =>
        reply.type('text/html').send(`<!doctype html><script nonce="${request.security.cspNonce}">
          window.violations = []
          addEventListener('securitypolicyviolation', ({ disposition, effectiveDirective }) =>
            violations.push(disposition + ' ' + effectiveDirective))
          </script><img src="/pixel"><script>window.ran = true</script>`),
      )
      for (const type of ['application/reports+json', 'application/csp-report'])
        app.addContentTypeParser(type, { parseAs: 'string' }, (_request, body, done) =>
          done(null, JSON.parse(String(body))),
        )
      app.post('/reports', (request, reply) => {
        reports.push(...([request.body].flat() as typeof reports))
        return reply.code(204).send()
      })

      await app.register(swagger, { openapi: { info: { title: 'Orders', version: '1' } } })
      await app.register(async (docs) => {
        await docs.register(headers, { profile: 'swagger-ui' })
        await docs.register(swaggerUi, { routePrefix: '/docs' })
      })
      await app.register(async (api) => {
        api.get('/orders', { schema: { summary: 'All *orders*', response: { 200: { type: 'array' } } } }, () => [])
      })
      return app
    },
  },
])

const value = (page: Page, expression: string): Promise<unknown> => page.evaluate<unknown>(expression)

describe('the pages of @fastify/swagger-ui', () => {
  it('work under the profile swagger-ui, without one violation', async () => {
    const page = await visit('about:blank')
    const said: string[] = []
    page.on('console', (line) => said.push(`${line.type()}: ${line.text()}`))
    page.on('pageerror', (error) => said.push(error.message))
    await page.goto(`${OURS}/docs`)
    await page.getByText('All *orders*').click()
    await page.getByRole('button', { name: 'Try it out' }).click()
    await page.getByRole('button', { name: 'Execute' }).click()
    await page.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor()
    expect(said).toEqual([])
  })

  it('run no script that somebody wrote into them', async () => {
    const page = await visit(`${OURS}/docs`)
    await page.getByText('All *orders*').waitFor()
    const ran = await page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'window.ran = true'
      document.body.append(script)
      return (window as { ran?: boolean }).ran
    })
    expect(ran).toBeUndefined()
  })
})

it('a twin reports what it would stop, and the enforced policy stops what it stops', async () => {
  const page = await visit(`${OURS}/tried`)
  await expect
    .poll(() => value(page, 'violations'))
    .toEqual(expect.arrayContaining(['report img-src', 'report script-src-elem', 'enforce script-src-elem']))
  expect(await value(page, '[window.ran, document.images[0].naturalWidth]')).toEqual([undefined, 1])
  await expect.poll(() => JSON.stringify(reports), { timeout: 10_000 }).toContain('img-src')
})

describe('Cross-Origin-Resource-Policy', () => {
  const load = (page: Page, url: string): Promise<string> =>
    page.evaluate(
      (src) =>
        new Promise<string>((resolve) => {
          const image = new Image()
          image.addEventListener('load', () => resolve('load'))
          image.addEventListener('error', () => resolve('error'))
          image.src = src
        }),
      url,
    )

  it('lets every page embed what every page may read, and none embed what some may read', async () => {
    const foreign = await visit('https://evil.test')
    expect([await load(foreign, `${OURS}/logo`), await load(foreign, `${OURS}/pixel`)]).toEqual(['load', 'error'])
    const listed = await visit(APP)
    expect(await load(listed, `${OURS}/pixel`)).toBe('error')
    const read = await listed.evaluate(
      async (url) => (await fetch(url, { credentials: 'include' })).status,
      `${OURS}/pixel`,
    )
    expect(read).toBe(200)
  })
})

it('a log-out takes cookies and stored data away', async () => {
  const page = await visit(`${OURS}/sign-in`)
  await page.evaluate(() => localStorage.setItem('draft', 'secret'))
  const who = (): Promise<unknown> =>
    page.evaluate(async () => ((await (await fetch('/who')).json()) as { cookie: unknown }).cookie)
  expect(await who()).toBe('__Host-session=1')
  await page.evaluate(async () => fetch('/log-out', { method: 'POST' }))
  expect(await who()).toBeNull()
  await page.goto(`${OURS}/`)
  expect(await page.evaluate(() => localStorage.getItem('draft'))).toBeNull()
})
