import official, { type FastifyCorsOptions } from '@fastify/cors'
import cors, { type CorsRoute } from '@portcullis/cors'
import headers from '@portcullis/headers'
import { tlsServerOptions } from '@portcullis/https'
import Fastify, { type FastifyInstance, type RouteShorthandOptions } from 'fastify'
import type { Frame, Page } from 'playwright-core'
import { beforeEach, describe, expect, it } from 'vitest'
import { emptyPages, type Given, openSites, read, type Site, witness } from './sites.ts'

const PAGE = 'https://app.shop.test'
/** A sibling of the page: SameSite cookies travel from there too, so only CORS stands between it and the answers. */
const SIBLING = 'https://evil.shop.test'
const FOREIGN = 'https://evil.test'
const OURS = 'https://api.shop.test'

const given: Given[] = []
let transfers = 0
beforeEach(() => {
  given.length = 0
  transfers = 0
})

/** The same shop everywhere, with policies of routes on ours. */
function sell(app: FastifyInstance, policies: boolean): FastifyInstance {
  const only = (cors: CorsRoute | false): RouteShorthandOptions => (policies ? { config: { security: { cors } } } : {})
  witness(app, given)
  app.post('/sign-in', (_request, reply) =>
    reply
      .header('set-cookie', '__Host-session=masum; Secure; HttpOnly; SameSite=Strict; Path=/')
      .send({ signedIn: true }),
  )
  app.get('/orders', (request, reply) => {
    reply
      .header('x-total', '2')
      .header('x-internal', 'a1b2c3')
      .send({ of: request.headers.cookie ?? null })
  })
  app.put('/orders', async () => ({ saved: true }))
  app.put('/orders/remembered', only({ maxAge: 600 }), async () => 'saved')
  app.put('/orders/forgotten', only({ maxAge: -1 }), async () => 'saved')
  app.get('/internal', only(false), async () => 'build a1b2c3')
  app.post('/transfer', async () => ({ transfers: ++transfers }))
  app.post('/transfer-listed', only({ refuseForeignOrigins: true }), async () => ({ transfers: ++transfers }))
  app.get('/tenant', only({ origins: ['https://*.tenants.test'] }), async () => 'tenant')
  // What either plugin takes for "everybody may read this route".
  const everybody = policies
    ? only({ origins: ['*'], credentials: false })
    : ({ config: { cors: { origin: '*' } } } as RouteShorthandOptions)
  app.get('/status', everybody, async () => 'up')
  app.get('/moved', (_request, reply) => reply.redirect('/orders'))
  app.get('/away', (_request, reply) => reply.redirect('https://second.shop.test/orders'))
  app.get('/away-mirrored', (_request, reply) => reply.redirect('https://mirror.shop.test/orders'))
  return app
}

const ours: Site = {
  hosts: ['api.shop.test', 'second.shop.test'],
  async app(pair) {
    const app = Fastify({ https: tlsServerOptions(pair) }) as unknown as FastifyInstance
    await app.register(headers)
    await app.register(cors, { origins: [PAGE], credentials: true, exposedHeaders: ['X-Total'] })
    return sell(app, true)
  },
}

const officials = (host: string, options: object): Site => ({
  hosts: [host],
  async app(pair) {
    const app = Fastify({ https: pair }) as unknown as FastifyInstance
    await app.register(official, options as FastifyCorsOptions)
    return sell(app, false)
  },
})

const { visit } = openSites([
  emptyPages('app.shop.test', 'evil.shop.test', 'evil.test'),
  emptyPages('a.tenants.test', 'a.b.tenants.test', 'tenants.test', 'eviltenants.test'),
  ours,
  officials('typo.shop.test', { orgin: [PAGE] }),
  officials('mirror.shop.test', { origin: true, credentials: true }),
  officials('listed.shop.test', { origin: [PAGE], credentials: true }),
  officials('pattern.shop.test', { origin: /tenants\.test/ }),
])

const included = { credentials: 'include' } as const

/** A page whose profile is signed in at an API. */
async function signedIn(api: string): Promise<Page> {
  const page = await visit(PAGE)
  expect(await read(page, `${api}/sign-in`, { method: 'POST', ...included })).toMatchObject({ status: 200 })
  return page
}

/** A frame of opaque origin: what it asks, it asks as `null`. */
async function sandboxed(page: Page): Promise<Frame> {
  await page.setContent('<iframe sandbox="allow-scripts" srcdoc="<p>A frame</p>"></iframe>')
  return page.frames()[1] as Frame
}

describe('a simple request', () => {
  it('is read by a page of a listed origin', async () => {
    const page = await visit(PAGE)
    expect(await read(page, `${OURS}/orders`)).toMatchObject({ status: 200, body: '{"of":null}' })
  })

  it('is read by every page after a typo in the official options, and by no foreign one here', async () => {
    for (const origin of [SIBLING, FOREIGN]) {
      const page = await visit(origin)
      expect(await read(page, 'https://typo.shop.test/orders')).toMatchObject({ status: 200 })
      given.length = 0
      expect(await read(page, `${OURS}/orders`)).toBeNull()
      expect(given).toMatchObject([{ origin, status: 200, granted: [] }])
    }
  })

  it('changes something on behalf of a foreign page unless refuseForeignOrigins is on', async () => {
    const page = await visit(FOREIGN)
    const simple = { method: 'POST', body: 'to=mallory' }
    // CORS hides answers; the request itself is made.
    expect(await read(page, `${OURS}/transfer`, simple)).toBeNull()
    expect([transfers, given]).toMatchObject([1, [{ status: 200, granted: [] }]])
    given.length = 0
    expect(await read(page, `${OURS}/transfer-listed`, simple)).toBeNull()
    expect([transfers, given]).toMatchObject([1, [{ status: 403, granted: [] }]])
    expect(await read(await visit(PAGE), `${OURS}/transfer-listed`, simple)).toMatchObject({ status: 200 })
  })

  it('shows a page the fields that are exposed and no other', async () => {
    const seen = await read(await visit(PAGE), `${OURS}/orders`)
    expect(seen?.fields['x-total']).toBe('2')
    expect(seen?.fields).not.toHaveProperty('x-internal')
  })

  it('is read from one label below a wildcard, while an official pattern also admits a look-alike', async () => {
    const lookAlike = await visit('https://eviltenants.test')
    expect(await read(lookAlike, 'https://pattern.shop.test/tenant')).toMatchObject({ body: 'tenant' })
    expect(await read(lookAlike, `${OURS}/tenant`)).toBeNull()
    expect(await read(await visit('https://a.tenants.test'), `${OURS}/tenant`)).toMatchObject({ body: 'tenant' })
    for (const other of ['https://a.b.tenants.test', 'https://tenants.test', PAGE]) {
      expect(await read(await visit(other), `${OURS}/tenant`)).toBeNull()
    }
  })
})

describe('a preflighted request', () => {
  const put = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{}' }

  it('is made for a page of a listed origin', async () => {
    expect(await read(await visit(PAGE), `${OURS}/orders`, put)).toMatchObject({ status: 200, body: '{"saved":true}' })
    expect(given.map(({ method, status }) => [method, status])).toEqual([
      ['OPTIONS', 204],
      ['PUT', 200],
    ])
  })

  it.each([
    ['a request header that is not listed', PAGE, '/orders', { method: 'GET', headers: { 'x-debug': '1' } }],
    ['a method that the URL does not have', PAGE, '/orders', { method: 'DELETE' }],
    ['a foreign page', FOREIGN, '/orders', put],
    ['a sibling of the page', SIBLING, '/orders', put],
    ['a route without CORS', PAGE, '/internal', { headers: { authorization: 'Bearer x' } }, 404],
  ])('is never made for %s', async (_name, origin, path, init, status = 403) => {
    expect(await read(await visit(origin), `${OURS}${path}`, init)).toBeNull()
    expect(given).toMatchObject([{ method: 'OPTIONS', status, granted: [] }])
  })

  it('asks once for many requests within maxAge, and every time with -1', async () => {
    const page = await visit(PAGE)
    const asked = async (path: string): Promise<number> => {
      given.length = 0
      for (let i = 0; i < 3; i++) expect(await read(page, `${OURS}${path}`, put)).toMatchObject({ status: 200 })
      return given.filter(({ method }) => method === 'OPTIONS').length
    }
    expect(await asked('/orders/remembered')).toBe(1)
    expect(await asked('/orders/forgotten')).toBe(3)
  })

  it('follows the policy of a public route, which official preflights never see', async () => {
    const page = await visit(FOREIGN)
    const asks = { headers: { authorization: 'Bearer of-mallory' } }
    expect(await read(page, 'https://listed.shop.test/status', asks)).toBeNull()
    expect(await read(page, `${OURS}/status`, asks)).toMatchObject({ status: 200, body: 'up' })
  })
})

describe('a request with a cookie', () => {
  it('is read by the page and by nobody beside it, though the cookie goes along', async () => {
    const page = await signedIn(OURS)
    expect(await read(page, `${OURS}/orders`, included)).toMatchObject({ body: '{"of":"__Host-session=masum"}' })
    given.length = 0
    const sibling = await page.context().newPage()
    await sibling.goto(SIBLING)
    expect(await read(sibling, `${OURS}/orders`, included)).toBeNull()
    expect(given).toMatchObject([{ origin: SIBLING, status: 200, granted: [] }])
  })

  it('is read by a sibling of the page where the official plugin mirrors the origin', async () => {
    const page = await signedIn('https://mirror.shop.test')
    await page.goto(SIBLING)
    const stolen = await read(page, 'https://mirror.shop.test/orders', included)
    expect(stolen).toMatchObject({ body: '{"of":"__Host-session=masum"}' })
  })

  it('is not read on a public route, which everybody reads without', async () => {
    const page = await signedIn(OURS)
    for (const origin of [PAGE, SIBLING, FOREIGN]) {
      await page.goto(origin)
      expect(await read(page, `${OURS}/status`)).toMatchObject({ body: 'up' })
      expect(await read(page, `${OURS}/status`, included)).toBeNull()
    }
  })
})

describe('the origin null', () => {
  it('of a sandboxed frame reads from an official mirror and not from here', async () => {
    const frame = await sandboxed(await visit(FOREIGN))
    expect(await read(frame, 'https://mirror.shop.test/orders', included)).toMatchObject({ status: 200 })
    given.length = 0
    expect(await read(frame, `${OURS}/orders`, included)).toBeNull()
    expect(await read(frame, `${OURS}/orders`, { method: 'PUT' })).toBeNull()
    expect(given).toMatchObject([
      { origin: 'null', status: 200, granted: [] },
      { origin: 'null', method: 'OPTIONS', status: 403, granted: [] },
    ])
    // What is for everybody is for this frame too.
    expect(await read(frame, `${OURS}/status`)).toMatchObject({ body: 'up' })
  })
})

describe('a redirect', () => {
  it('within the API is followed and read', async () => {
    expect(await read(await visit(PAGE), `${OURS}/moved`)).toMatchObject({ status: 200, body: '{"of":null}' })
  })

  it('to another origin makes the page anonymous there: an official mirror answers it, we do not', async () => {
    const page = await visit(PAGE)
    expect(await read(page, `${OURS}/away-mirrored`)).toMatchObject({ status: 200 })
    expect(given.at(-1)).toMatchObject({ origin: 'null', status: 200 })
    given.length = 0
    expect(await read(page, `${OURS}/away`)).toBeNull()
    expect(given).toMatchObject([
      { url: '/away', origin: PAGE },
      { url: '/orders', origin: 'null', granted: [] },
    ])
  })
})
