import { once } from 'node:events'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { defineErrors, defineEvents, defineRoom, serverOptions } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import headers, { clearSiteData, type HeadersRoute, type SiteData } from '../src/index.ts'

let app: FastifyInstance
beforeEach(() => {
  app = Fastify(serverOptions())
})
afterEach(() => app.close())

const here = (policy: HeadersRoute | false): object => ({ config: { security: { headers: policy } } })
const field = async (url: string, name: string): Promise<unknown> => (await app.inject(url)).headers[name]

const events = defineEvents({ 'auth.failed': { severity: 'warning', meaning: 'refused' } })
const errors = defineErrors({
  PTC_TEST_REFUSED: { status: 401, sentence: 'No.', event: events['auth.failed'], meaning: 'always' },
})
const refusing = defineRoom({
  concern: 'auth',
  optionsSchema: { type: 'object', additionalProperties: false },
  setup: () => ({ compile: () => ({ onRequest: () => errors.PTC_TEST_REFUSED }) }),
})

/** As far as this room looks at the other one's policies. */
const properties = {
  origins: { type: 'array', items: { type: 'string' }, description: 'x', examples: [['*']] },
  credentials: { type: 'boolean', description: 'x', examples: [false] },
}
const cors = defineRoom<{ origins: string[]; credentials?: boolean }>({
  concern: 'cors',
  optionsSchema: { type: 'object', additionalProperties: false, properties },
  routeSchema: { type: 'object', additionalProperties: false, properties },
  setup: () => ({ compile: () => ({}) }),
})

describe('Cross-Origin-Resource-Policy', () => {
  const CORP = 'cross-origin-resource-policy'

  it('follows the CORS policy of the route: open where everybody may read, closed where some may', async () => {
    await app.register(headers)
    await app.register(cors, { origins: ['https://app.example.com'] })
    const open = { origins: ['*'] }
    app.get('/listed', async () => 'x')
    app.get('/open', { config: { security: { cors: open } as object } }, async () => 'x')
    app.get('/off', { config: { security: { cors: false } as object } }, async () => 'x')
    app.get(
      '/mine',
      { config: { security: { cors: open, headers: { crossOriginResourcePolicy: 'same-site' } } } },
      async () => 'x',
    )
    expect(await field('/listed', CORP)).toBe('same-origin')
    expect(await field('/open', CORP)).toBe('cross-origin')
    expect(await field('/off', CORP)).toBe('same-origin')
    expect(await field('/mine', CORP)).toBe('same-site')
  })

  it('stays closed beside credentials, whoever may read', async () => {
    await app.register(headers)
    await app.register(cors, { origins: ['*'], credentials: true })
    app.get('/', async () => 'x')
    expect(await field('/', CORP)).toBe('same-origin')
  })

  it('is open on the errors of a public API, and the registration’s own word comes first', async () => {
    await app.register(cors, { origins: ['*'] })
    await app.register(headers)
    await app.register(
      async (inner) => {
        await inner.register(headers, { crossOriginResourcePolicy: 'same-origin' })
        inner.get('/', async () => 'x')
      },
      { prefix: '/inner' },
    )
    expect(await field('/nowhere', CORP)).toBe('cross-origin')
    expect(await field('/inner', CORP)).toBe('same-origin')
  })
})

describe('Cache-Control', () => {
  const CACHE = 'cache-control'
  const kept = { cacheControl: 'public, max-age=60' }

  it('lets caches keep what the handler answers, and no error', async () => {
    await app.register(headers, kept)
    app.setErrorHandler((_error, _request, reply) => reply.code(500).send('mine'))
    app.get('/', async () => 'x')
    app.get('/gone', (_request, reply) => reply.code(410).send('x'))
    app.get('/throws', async () => {
      throw new Error('x')
    })
    app.get('/moved', (_request, reply) => reply.redirect('/'))
    expect(await field('/', CACHE)).toBe(kept.cacheControl)
    expect(await field('/moved', CACHE)).toBe(kept.cacheControl)
    expect(await field('/gone', CACHE)).toBe('no-store')
    expect(await field('/throws', CACHE)).toBe('no-store')
    expect(await field('/nowhere', CACHE)).toBe('no-store')
    expect(await field('/%ff', CACHE)).toBe('no-store')
  })

  it('keeps the refusals of other rooms out of caches', async () => {
    await app.register(headers, kept)
    await app.register(refusing)
    app.get('/', async () => 'x')
    const { statusCode, headers: fields } = await app.inject('/')
    expect([statusCode, fields[CACHE]]).toEqual([401, 'no-store'])
  })

  it('is the handler’s where the handler writes one, stricter or not, on errors too', async () => {
    await app.register(headers)
    app.get('/strict', here(kept), (_request, reply) => reply.header('cache-control', 'no-store').send('x'))
    app.get('/lax', (_request, reply) => reply.header('Cache-Control', 'max-age=5').send('x'))
    app.get('/not-here', here(kept), (_request, reply) =>
      reply.header('cache-control', 'max-age=5').code(404).send('x'),
    )
    expect(await field('/strict', CACHE)).toBe('no-store')
    expect(await field('/lax', CACHE)).toBe('max-age=5')
    expect(await field('/not-here', CACHE)).toBe('max-age=5')
  })
})

it.each([
  ['content-security-policy', 'sandbox'],
  ['cross-origin-resource-policy', 'same-origin'],
  ['referrer-policy', 'same-origin'],
  ['x-frame-options', 'DENY'],
  ['permissions-policy', 'camera=(self)'],
  ['cross-origin-opener-policy', 'noopener-allow-popups'],
  ['cross-origin-embedder-policy', 'credentialless'],
  ['origin-agent-cluster', '?0'],
  ['x-permitted-cross-domain-policies', 'all'],
  ['x-dns-prefetch-control', 'on'],
])('a handler’s own %s stays, on an answer and on an error', async (name, value) => {
  await app.register(headers, { profile: 'web', crossOriginResourcePolicy: 'cross-origin' })
  app.get('/', (_request, reply) => reply.header(name, value).send('x'))
  app.get('/gone', (_request, reply) => reply.header(name.toUpperCase(), value).code(410).send('x'))
  app.get('/throws', async (_request, reply) => {
    reply.header(name, value)
    throw new Error('x')
  })
  for (const url of ['/', '/gone', '/throws']) expect([url, await field(url, name)]).toEqual([url, value])
})

describe('upgrade-insecure-requests', () => {
  it('is not sent over plain HTTP, where it would break http://localhost', async () => {
    app = Fastify({ trustProxy: '127.0.0.1' })
    await app.register(headers, { profile: 'web', contentSecurityPolicy: { 'upgrade-insecure-requests': true } })
    app.get('/', async () => 'x')
    const policy = async (scheme: string): Promise<string> => {
      const { headers: fields } = await app.inject({ url: '/', headers: { 'x-forwarded-proto': scheme } })
      return String(fields['content-security-policy'])
    }
    expect(await policy('https')).toMatch(/script-src 'nonce-.*;upgrade-insecure-requests$/)
    expect(await policy('http')).toMatch(/script-src 'nonce-.*frame-ancestors 'none'$/)
  })

  it('is in no profile', async () => {
    await app.register(headers)
    for (const profile of ['api', 'web', 'swagger-ui'] as const) {
      app.get(`/${profile}`, here({ profile }), async () => 'x')
    }
    for (const profile of ['api', 'web', 'swagger-ui'])
      expect(await field(`/${profile}`, 'content-security-policy')).not.toContain('upgrade')
  })
})

describe('HTTP/2', () => {
  it('carries the same fields, on errors too', async () => {
    const server = Fastify({ http2: true })
    await server.register(headers, { profile: 'web' })
    server.get('/', (request, reply) => reply.send(request.security.cspNonce))
    server.get('/throws', async () => {
      throw new Error('x')
    })
    await server.listen({ port: 0, host: '127.0.0.1' })
    const client = connect(`http://127.0.0.1:${(server.server.address() as AddressInfo).port}`)
    const ask = async (path: string): Promise<Record<string, unknown>> => {
      const stream = client.request({ ':path': path })
      const [fields] = (await once(stream, 'response')) as [Record<string, unknown>]
      stream.resume()
      await once(stream, 'close')
      return fields
    }
    try {
      for (const [path, status] of [
        ['/', 200],
        ['/throws', 500],
        ['/nowhere', 404],
      ] as const) {
        expect(await ask(path)).toMatchObject({
          ':status': status,
          'content-security-policy': expect.stringContaining("'nonce-") as string,
          'x-content-type-options': 'nosniff',
          'cross-origin-opener-policy': 'same-origin',
          'cache-control': 'no-store',
        })
      }
    } finally {
      client.close()
      await server.close()
    }
  })
})

describe('clearSiteData', () => {
  it('tells the browser to forget a session', async () => {
    await app.register(headers)
    app.post('/logout', async (_request, reply) => clearSiteData(reply).code(204).send())
    const { statusCode, headers: fields } = await app.inject({ method: 'POST', url: '/logout' })
    expect([statusCode, fields['clear-site-data']]).toEqual([204, '"cache", "cookies", "storage"'])
  })

  const written = (...kinds: SiteData[]): string[] => {
    const fields: string[] = []
    clearSiteData({ header: (...named: string[]) => void fields.push(...named) }, kinds)
    return fields
  }

  it('writes what it is told', () => {
    expect(written('executionContexts')).toEqual(['clear-site-data', '"executionContexts"'])
    expect(written('*')).toEqual(['clear-site-data', '"*"'])
  })

  it.each([['cookie'], ['"cookies"'], [undefined]])('refuses to forget %s', (kind) => {
    expect(() => written(...((kind === undefined ? [] : [kind]) as SiteData[]))).toThrow(
      expect.objectContaining({ code: 'PTC_HEADERS_SITE_DATA_UNKNOWN' }),
    )
  })
})
