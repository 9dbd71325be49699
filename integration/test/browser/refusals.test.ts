import official from '@fastify/cors'
import officialLimit from '@fastify/rate-limit'
import { type AuthOptions, createApiKey } from '@portcullis/auth'
import security, { serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import { expect, it } from 'vitest'
import { admitted, apiKey, houseOptions, open } from '../secured-app.ts'
import { emptyPages, type Given, openSites, read, type Site, witness } from './sites.ts'

const PAGE = 'https://app.shop.test'
const FOREIGN = ['https://evil.shop.test', 'https://evil.test']
const OURS = 'https://api.shop.test'

const given: Given[] = []

const limited = (name: string) => ({ policies: [{ name, limit: 1, window: 60 }] })

const house: Site = {
  hosts: ['api.shop.test'],
  async app(pair) {
    const app = Fastify(serverOptions({ https: pair }))
    await app.register(security, {
      ...houseOptions,
      https: { hosts: ['api.shop.test'] },
      cors: {
        origins: [PAGE],
        credentials: true,
        requestHeaders: ['Content-Type', 'X-API-Key'],
        exposedHeaders: ['Retry-After', 'X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'],
      },
      auth: {
        apiKeys: {
          ...(houseOptions.auth as AuthOptions).apiKeys,
          find: async () => {
            throw new Error('the key store is away')
          },
        },
      },
    })
    app.get('/orders', admitted, async () => [])
    for (const name of ['read', 'foreign-0', 'foreign-1']) {
      const policy = { security: { auth: false as const, rateLimit: limited(name) } }
      app.get(`/scarce-${name}`, { config: policy }, async () => 'one')
    }
    app.get('/broken', open, async () => {
      throw new Error('connection to 10.0.0.7 refused')
    })
    app.get('/overloaded', open, async () => {
      throw Object.assign(new Error('Come back later'), { statusCode: 503 })
    })
    app.post('/small', { ...open, bodyLimit: 16 }, async () => 'small')
    witness(app, given)
    return app
  },
}

/** The official plugins, with the limiter where its documentation puts it to count unknown URLs too: in front. */
const officials: Site = {
  hosts: ['official.shop.test'],
  async app(pair) {
    const app = Fastify({ https: pair }) as unknown as FastifyInstance
    await app.register(officialLimit, { global: false })
    app.addHook('onRequest', app.rateLimit({ max: 1, timeWindow: 60_000 }))
    await app.register(official, { origin: [PAGE] })
    app.get('/orders', async () => [])
    return app
  },
}

const { visit } = openSites([emptyPages('app.shop.test', 'evil.shop.test', 'evil.test'), house, officials])

it('an official 429 and an official 400 for a malformed URL are "CORS errors" to the page', async () => {
  const page = await visit(PAGE)
  const api = 'https://official.shop.test'
  expect(await read(page, `${api}/%zz`)).toBeNull()
  expect(await read(page, `${api}/orders`)).toMatchObject({ status: 200 })
  expect(await read(page, `${api}/orders`)).toBeNull()
})

const withKey = (key: string) => ({ headers: { 'x-api-key': key } })

it.each([
  ['a malformed URL', '/%zz', {}, 400, 'PTC_REQUEST_MALFORMED'],
  ['a missing credential', '/orders', {}, 401, 'PTC_AUTH_CREDENTIAL_MISSING'],
  ['an unknown URL', '/nothing', withKey(apiKey), 404, 'PTC_NOT_FOUND'],
  [
    'a body that is too large',
    '/small',
    { method: 'POST', body: 'more than sixteen bytes' },
    413,
    'PTC_BODY_TOO_LARGE',
  ],
  [
    'a body of no known type',
    '/small',
    { method: 'POST', headers: { 'content-type': 'text/x; a' }, body: '1' },
    415,
    'PTC_MEDIA_TYPE_UNSUPPORTED',
  ],
  ["the handler's failure", '/broken', {}, 500, 'PTC_INTERNAL'],
  ["the handler's excuse", '/overloaded', {}, 503, 'PTC_INTERNAL'],
  [
    'a key store that is away',
    '/orders',
    withKey(createApiKey({ subject: 'nobody' }).key),
    503,
    'PTC_AUTH_UNAVAILABLE',
  ],
])('%s is told to the page and to no foreign one', async (_name, path, init, status, says) => {
  const page = await visit(PAGE)
  const seen = await read(page, OURS + path, init)
  expect([seen?.status, seen?.fields['content-type']]).toEqual([status, expect.stringContaining('application/json')])
  expect(seen?.body).toContain(says)
  expect(seen?.body).not.toContain('10.0.0.7')
  given.length = 0
  for (const origin of FOREIGN) {
    await page.goto(origin)
    expect(await read(page, OURS + path, init)).toBeNull()
  }
  expect(given.flatMap(({ granted }) => granted)).toEqual([])
})

it('a spent quota is told to the page with all that it needs to wait, and to no foreign one', async () => {
  const page = await visit(PAGE)
  const first = await read(page, `${OURS}/scarce-read`)
  expect([first?.status, first?.fields['x-ratelimit-limit'], first?.fields['x-ratelimit-remaining']]).toEqual([
    200,
    '1',
    '0',
  ])
  const refused = await read(page, `${OURS}/scarce-read`)
  expect(refused?.status).toBe(429)
  const { code, retryAfter } = JSON.parse(refused?.body ?? '{}') as { code: string; retryAfter: number }
  expect(code).toBe('PTC_RATE_LIMIT_EXCEEDED')
  expect(retryAfter).toBeGreaterThan(0)
  expect(refused?.fields).toMatchObject({
    'retry-after': String(retryAfter),
    'x-ratelimit-limit': '1',
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': expect.stringMatching(/^\d+$/),
  })
  for (const [index, origin] of FOREIGN.entries()) {
    await page.goto(origin)
    for (let i = 0; i < 2; i++) expect(await read(page, `${OURS}/scarce-foreign-${index}`)).toBeNull()
  }
})
