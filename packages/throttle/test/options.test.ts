import Fastify, { type FastifyServerOptions } from 'fastify'
import { describe, expect, it } from 'vitest'
import { serverOptions, type Mistake } from '@portcullis/kernel'
import throttle, { type ThrottleOptions } from '../src/index.ts'

/** What the boot says: null if nothing. */
async function boot(options: unknown, server: FastifyServerOptions = {}, route?: unknown): Promise<unknown> {
  const app = Fastify(server)
  try {
    await app.register(throttle, options as ThrottleOptions)
    const config = route === undefined ? {} : { security: { throttle: route as object } }
    app.get('/', { config }, async () => 'ok')
    await app.ready()
    return null
  } catch (error) {
    return error
  } finally {
    await app.close()
  }
}

describe('the options', () => {
  it.each([
    [{}],
    [{ rate: { limit: 10 } }],
    [{ rate: false, concurrency: false, delayAfter: false, shed: false }],
    [{ rate: { limit: 10, window: 60, burst: 1, partitionBy: () => 'x' } }],
    [
      {
        concurrency: { limit: 5, partitionBy: 'identity', maxHold: 30 },
        queue: { length: 1, perCaller: 1, waitMs: 1 },
      },
    ],
    [{ rate: { limit: 1, partitionBy: ['ip', { header: 'x-tenant' }, () => null] } }],
    [{ shed: {} }],
    [{ enabled: false }],
  ])('accept %j', async (options) => {
    expect(await boot(options)).toBeNull()
  })

  it.each<[object, string, unknown]>([
    [{ rat: { limit: 1 } }, 'rat', { op: 'move', from: '/rat', path: '/rate' }],
    [{ rate: {} }, 'rate.limit', { op: 'add', path: '/rate/limit', value: 10 }],
    [{ rate: true }, 'rate', { op: 'replace', path: '/rate', value: { limit: 10 } }],
    [{ shed: true }, 'shed', { op: 'replace', path: '/shed', value: {} }],
    [{ rate: { limit: 0 } }, 'rate.limit', { op: 'replace', path: '/rate/limit', value: 1 }],
    [{ rate: { limit: '5' } }, 'rate.limit', { op: 'replace', path: '/rate/limit', value: 5 }],
    [{ rate: { limit: 5, brust: 1 } }, 'rate.brust', { op: 'move', from: '/rate/brust', path: '/rate/burst' }],
    [
      { concurrency: { limit: 1, partitionBy: 'user' } },
      'concurrency.partitionBy',
      { op: 'replace', path: '/concurrency/partitionBy', value: 'identity' },
    ],
    [
      { rate: { limit: 1, partitionBy: async () => 'x' } },
      'rate.partitionBy',
      { op: 'replace', path: '/rate/partitionBy', value: 'ip' },
    ],
    [
      { rate: { limit: 1, partitionBy: ['ip', { header: 'cookie' }] } },
      'rate.partitionBy[1]',
      { op: 'replace', path: '/rate/partitionBy/1', value: 'identity' },
    ],
    [
      { concurrency: { limit: 1, partitionBy: { header: 'X-Tenant' } } },
      'concurrency.partitionBy.header',
      { op: 'replace', path: '/concurrency/partitionBy/header', value: 'x-tenant' },
    ],
    [
      { delayAfter: { limit: 1, partitionBy: [] } },
      'delayAfter.partitionBy',
      { op: 'replace', path: '/delayAfter/partitionBy', value: 'ip' },
    ],
    [{ apiKeyField: 'authorization' }, 'apiKeyField', { op: 'replace', path: '/apiKeyField', value: 'x-api-key' }],
    [{ queue: { waitMs: 600_001 } }, 'queue.waitMs', { op: 'replace', path: '/queue/waitMs', value: 10_000 }],
    [{ queue: { waitMs: 0 } }, 'queue.waitMs', { op: 'replace', path: '/queue/waitMs', value: 1 }],
  ])('refuse %j, name %s and how to mend it', async (options, path, fix) => {
    const error = (await boot(options)) as { code: string; mistakes: Mistake[] }
    expect(error.code).toBe('PTC_OPTIONS_INVALID')
    expect(error.mistakes).toMatchObject([{ path, fix: [fix] }])
  })

  it('refuse a route whose merged policy is incomplete, and name the route', async () => {
    expect(await boot({}, {}, { rate: { window: 2 } })).toMatchObject({
      mistakes: [{ route: 'GET /', path: 'throttle.rate.limit' }],
    })
    expect(await boot({ rate: { limit: 5 } }, {}, { rate: { window: 2 } })).toBeNull()
  })
})

describe('a wait that the server would cut', () => {
  const server = serverOptions({ requestTimeoutMs: 15_000 })

  it.each<[object, object]>([
    [
      { rate: { limit: 1 }, queue: { waitMs: 20_000 } },
      { path: 'queue.waitMs', fix: [{ value: 7500 }] },
    ],
    [
      { rate: { limit: 1 }, concurrency: { limit: 1 } },
      { path: 'queue.waitMs', fix: [{ value: 3750 }] },
    ],
    [{ delayAfter: { limit: 1, maxMs: 20_000 } }, { path: 'delayAfter.maxMs', fix: [{ value: 7500 }] }],
  ])('refuses to boot: %j', async (options, mistake) => {
    expect(await boot(options, server)).toMatchObject({
      code: 'PTC_OPTIONS_INVALID',
      mistakes: [{ rule: 'within-request-timeout', ...mistake }],
    })
  })

  it('refuses to boot for one route, and names it', async () => {
    expect(await boot({ rate: { limit: 1 } }, server, { queue: { waitMs: 20_000 } })).toMatchObject({
      mistakes: [{ route: 'GET /', path: 'throttle.queue.waitMs', fix: [{ path: '/throttle/queue/waitMs' }] }],
    })
  })

  it('boots once the fix is applied, and where the server has no time-out', async () => {
    expect(await boot({ rate: { limit: 1 }, queue: { waitMs: 7500 } }, server)).toBeNull()
    expect(await boot({ rate: { limit: 1 }, queue: { waitMs: 600_000 } })).toBeNull()
  })

  it('refuses to boot over HTTP/2 too', async () => {
    const http2 = { ...server, http2: true } as FastifyServerOptions
    expect(await boot({ rate: { limit: 1 }, queue: { waitMs: 20_000 } }, http2)).toMatchObject({
      mistakes: [{ rule: 'within-request-timeout' }],
    })
  })
})
