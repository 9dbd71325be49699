import { fork } from 'node:child_process'
import { once } from 'node:events'
import { onSecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import rateLimit, { type PolicyOptions } from '../src/index.ts'
import { hasRedis, RedisServer } from '@portcullis/testing/redis'

describe.runIf(hasRedis)('over Redis', () => {
  let server: RedisServer
  let redis: Redis
  const apps: FastifyInstance[] = []
  beforeAll(async () => {
    server = await RedisServer.start()
    redis = server.client()
  })
  beforeEach(async () => {
    await redis.flushall()
  })
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()))
  })
  afterAll(async () => {
    await server.stop()
  })

  async function limited(...policies: PolicyOptions[]) {
    const app = Fastify({ trustProxy: '127.0.0.1' })
    apps.push(app)
    const outages: unknown[] = []
    onSecurityEvent(app, ({ type, detail }) => {
      if (type === 'rate-limit.store-unavailable') outages.push(detail)
    })
    await app.register(rateLimit, { policies, store: { redis, timeoutMs: 1000 } })
    app.get('/', async () => 'ok')
    const statusOf = async (from = '192.0.2.1'): Promise<number> =>
      (await app.inject({ url: '/', headers: { 'x-forwarded-for': from } })).statusCode
    return { app, outages, statusOf }
  }
  const kinds: [string, PolicyOptions][] = [
    ['a fixed window', { name: 'q', limit: 2, window: 60 }],
    ['a sliding window', { name: 'q', algorithm: 'sliding-window', limit: 2, window: 60 }],
    ['a leaky bucket', { name: 'q', algorithm: 'leaky-bucket', limit: 2, window: 60 }],
    ['a token bucket', { name: 'q', algorithm: 'token-bucket', limit: 2, window: 60 }],
  ]

  it('four processes that ask fifty times at once are given ten together', async () => {
    const children = Array.from({ length: 4 }, () =>
      fork(new URL('process.ts', import.meta.url), [String(server.port)], { execArgv: [] }),
    )
    try {
      await Promise.all(children.map((child) => once(child, 'message')))
      const counts = children.map(async (child) => ((await once(child, 'message')) as [number])[0])
      for (const child of children) child.send('go')
      expect((await Promise.all(counts)).reduce((sum, count) => sum + count)).toBe(10)
    } finally {
      for (const child of children) child.kill()
    }
  })

  it('a count of refusals whose expiry was taken away is given a new one', async () => {
    const { statusOf } = await limited({ name: 'q', limit: 1, window: 60, ban: { after: 9, within: 30, for: 60 } })
    await statusOf()
    await statusOf()
    const [count] = (await redis.keys('*')).filter((key) => key.endsWith(':n'))
    await redis.persist(count as string)
    await statusOf()
    expect(await redis.ttl(count as string)).toBeGreaterThan(0)
  })

  describe.each(kinds)('under %s', (_, policy) => {
    const keyOf = async (statusOf: () => Promise<number>): Promise<string> => {
      await redis.flushall()
      await statusOf()
      const [key] = await redis.keys('*')
      await redis.flushall()
      return key as string
    }

    it.each([
      ['a hash', async (key: string) => redis.hset(key, 'a', 'b')],
      ['a list', async (key: string) => redis.lpush(key, 'a')],
      ['text', async (key: string) => redis.set(key, 'someone else’s')],
      ['nothing', async (key: string) => redis.set(key, '')],
      ['not a number', async (key: string) => redis.set(key, 'nan')],
      ['a negative number', async (key: string) => redis.set(key, '-9e99')],
    ])('a key that holds %s is nobody’s outage, and counts from the start', async (_what, poison) => {
      const { statusOf, outages } = await limited(policy)
      await poison(await keyOf(statusOf))
      expect([await statusOf(), await statusOf(), await statusOf()]).toEqual([200, 200, 429])
      expect(await statusOf('192.0.2.2')).toBe(200)
      expect(outages).toEqual([])
    })

    it.each([
      [[9e15 - 1, 9e15 - 1]],
      [[2, 9e15 - 1]],
      [[9e15 - 1, 2]],
      [[9e15 - 1]],
      [[1, Number.POSITIVE_INFINITY]],
      [[Number.NaN, Number.NaN]],
      [[-1, 9e15 - 1]],
      [[1.5, 9e15 - 1]],
    ])('what is further ahead than a whole quota, as after a clock was set back, is cut to it: %j', async (numbers) => {
      const { app, statusOf } = await limited(policy)
      const key = await keyOf(statusOf)
      await redis.set(key, Buffer.from(Float64Array.from(numbers).buffer))
      const ask = async () => app.inject({ url: '/', headers: { 'x-forwarded-for': '192.0.2.1' } })
      for (let request = 0; request < 3; request++) {
        const { headers } = await ask()
        expect(Number(headers['retry-after'] ?? 0)).toBeLessThanOrEqual(60)
        expect(await redis.pttl(key)).toBeLessThanOrEqual(60_000)
      }
      expect((await ask()).statusCode).toBe(429)
    })
  })

  it('a server that only reads is one outage, however often a blocked caller asks', async () => {
    const { statusOf, outages } = await limited({ name: 'q', limit: 1, window: 60 })
    expect([await statusOf(), await statusOf()]).toEqual([200, 429])
    await redis.replicaof('127.0.0.1', '1')
    try {
      for (let request = 0; request < 10; request++) {
        expect(await statusOf(`192.0.2.${request + 100}`)).toBe(200)
        await statusOf()
      }
      expect(outages).toMatchObject([{ reason: 'error' }])
    } finally {
      await redis.replicaof('NO', 'ONE')
    }
  })

  it('a registration in an inner scope shares its counters only under one prefix', async () => {
    const app = Fastify()
    apps.push(app)
    const policies = [{ name: 'q', limit: 1, window: 60 }]
    await app.register(rateLimit, { policies, store: { redis, timeoutMs: 1000 } })
    app.get('/', async () => 'ok')
    for (const [url, prefix] of [
      ['/same', 'ptc:rl:'],
      ['/own', 'ptc:own:'],
    ] as const) {
      await app.register(async (inner) => {
        await inner.register(rateLimit, { policies, store: { redis, timeoutMs: 1000, prefix } })
        inner.get(url, async () => 'ok')
      })
    }
    const statuses = []
    for (const url of ['/', '/same', '/own']) statuses.push((await app.inject(url)).statusCode)
    expect(statuses).toEqual([200, 429, 200])
  })
})
