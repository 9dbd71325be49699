import { clearSiteData } from '@portcullis/headers'
import security, { serverOptions } from '@portcullis/security'
import Fastify from 'fastify'
import { expect, it } from 'vitest'

/** What the OWASP Secure Headers Project says to add, as values that are strict enough for it. */
const list: Readonly<Record<string, RegExp>> = {
  'strict-transport-security': /^max-age=31536000; includeSubDomains$/,
  'x-frame-options': /^DENY$/,
  'x-content-type-options': /^nosniff$/,
  'content-security-policy': /^default-src 'none';.*frame-ancestors 'none'$/,
  'x-permitted-cross-domain-policies': /^none$/,
  'referrer-policy': /^no-referrer$/,
  'clear-site-data': /^"cache", "cookies", "storage"$/,
  'cross-origin-embedder-policy': /^require-corp$/,
  'cross-origin-opener-policy': /^same-origin$/,
  'cross-origin-resource-policy': /^same-origin$/,
  'permissions-policy': /camera=\(\), .*geolocation=\(\)/,
  'cache-control': /^no-store$/,
  'x-dns-prefetch-control': /^off$/,
}
/** What it says to remove. */
const told = ['server', 'x-powered-by', 'x-aspnet-version', 'via']

it('a strict page behind TLS carries all thirteen fields of the OWASP list, the log-out its own', async () => {
  const app = Fastify(serverOptions({ trustProxy: ['127.0.0.1'] }))
  await app.register(security, { https: { hosts: ['app.example.com'] }, headers: { profile: 'web' } })
  app.get('/', (_request, reply) => reply.type('text/html').send('<!doctype html><title>A page</title>'))
  app.post('/log-out', (_request, reply) => clearSiteData(reply).code(204).send())
  const ask = (method: 'GET' | 'POST', url: string) =>
    app.inject({ method, url, headers: { host: 'app.example.com', 'x-forwarded-proto': 'https' } })
  const page = await ask('GET', '/')
  const out = await ask('POST', '/log-out')
  await app.close()
  expect([page.statusCode, out.statusCode]).toEqual([200, 204])
  for (const [name, value] of Object.entries(list)) {
    expect([name, out.headers[name]]).toEqual([name, expect.stringMatching(value)])
    if (name !== 'clear-site-data') expect([name, page.headers[name]]).toEqual([name, expect.stringMatching(value)])
  }
  for (const name of told) expect(page.headers).not.toHaveProperty(name)
})
