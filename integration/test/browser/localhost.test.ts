import headers from '@portcullis/headers'
import Fastify from 'fastify'
import { expect, it } from 'vitest'
import { openSites } from './sites.ts'

/** Plain HTTP on one's own machine. Every profile's page asks its own server for whatever a page may ask for. */
const { visit } = openSites([
  {
    hosts: ['localhost', '127.0.0.1', 'page.test'],
    plaintext: true,
    async app() {
      const app = Fastify()
      await app.register(headers, {
        profile: 'web',
        // Meant for the Internet; here it would turn every file of the page into a TLS request that nobody answers.
        contentSecurityPolicy: { 'upgrade-insecure-requests': true },
      })
      app.get('/', (request, reply) =>
        reply.type('text/html').send(`<!doctype html><title>A page</title>
          <link rel="stylesheet" href="/style.css"><img src="/pixel.svg">
          <script nonce="${request.security.cspNonce}">
            window.violations = []
            addEventListener('securitypolicyviolation', ({ effectiveDirective }) => violations.push(effectiveDirective))
          </script>
          <script type="module" nonce="${request.security.cspNonce}" src="/app.js"></script>`),
      )
      app.get('/app.js', (_request, reply) =>
        reply.type('text/javascript').send(`
          const { answer } = await fetch('/data').then((response) => response.json())
          await document.images[0].decode()
          window.seen = [answer, getComputedStyle(document.body).display, document.images[0].naturalWidth]`),
      )
      app.get('/style.css', (_request, reply) => reply.type('text/css').send('body { display: grid }'))
      app.get('/pixel.svg', (_request, reply) =>
        reply.type('image/svg+xml').send('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'),
      )
      // What @fastify/helmet sends unless it is told not to.
      app.get('/upgraded', (_request, reply) =>
        reply
          .header('content-security-policy', 'upgrade-insecure-requests')
          .type('text/html')
          .send('<!doctype html><title>A page</title><img src="/pixel.svg">'),
      )
      app.get('/data', { config: { security: { headers: { profile: 'api' } } } }, async () => ({ answer: 42 }))
      return app
    },
  },
])

it.each(['http://localhost', 'http://127.0.0.1', 'http://page.test'])(
  'a page under development finds its own files at %s, twice',
  async (url) => {
    const page = await visit(url)
    for (let i = 0; i < 2; i++) {
      await expect.poll(() => page.evaluate('window.seen')).toEqual([42, 'grid', 8])
      expect(await page.evaluate('[location.protocol, violations]')).toEqual(['http:', []])
      await page.reload()
    }
  },
)

it('the same page breaks where browsers are told to upgrade all the same', async () => {
  const page = await visit('http://page.test/upgraded')
  const decoded = "document.images[0].decode().then(() => 'shown', () => 'nothing to show')"
  expect(await page.evaluate(decoded)).toBe('nothing to show')
})
