import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import rateLimit, { inspect, type PolicyOptions, type RateLimitOptions, type RedisClient } from '../src/index.ts'
import { hasRedis, RedisServer } from '@portcullis/testing/redis'

const policy: PolicyOptions = { name: 'per-ip', limit: 3, window: 600 }

describe.runIf(hasRedis)('over Redis', () => {
  let server: RedisServer
  let redis: Redis
  const apps: FastifyInstance[] = []
  const clients: Redis[] = []

  beforeAll(async () => {
    server = await RedisServer.start()
    redis = server.client()
  })
  beforeEach(async () => {
    await redis.flushall()
  })
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()))
    for (const client of clients.splice(0)) client.disconnect()
  })
  afterAll(async () => {
    await server.stop()
  })

  async function limited(
    policies: PolicyOptions[],
    more: Partial<RateLimitOptions> = {},
    timeoutMs = 2000,
  ): Promise<FastifyInstance> {
    const app = Fastify()
    apps.push(app)
    const client = server.client()
    clients.push(client)
    await app.register(rateLimit, { policies, store: { redis: client, timeoutMs }, ...more })
    app.get('/', async () => 'ok')
    return app
  }
  const statuses = async (app: FastifyInstance, count: number): Promise<number[]> =>
    Promise.all(Array.from({ length: count }, async () => (await app.inject('/')).statusCode))

  it('is a client that ioredis types fit', () => {
    redis satisfies RedisClient
  })

  it('shares one quota between two apps', async () => {
    const [one, other] = [await limited([policy]), await limited([policy])]
    expect((await one.inject('/')).headers['x-ratelimit-remaining']).toBe('2')
    expect((await other.inject('/')).headers['x-ratelimit-remaining']).toBe('1')
    expect((await one.inject('/')).statusCode).toBe(200)
    const refused = await other.inject('/')
    expect(refused.statusCode).toBe(429)
    expect(refused.headers['retry-after']).toBe('600')
  })

  it('admits exactly the limit of 50 parallel requests over two apps', async () => {
    const [one, other] = [await limited([policy]), await limited([policy])]
    const answers = (await Promise.all([statuses(one, 25), statuses(other, 25)])).flat()
    expect(answers.filter((status) => status === 200)).toHaveLength(3)
    expect(answers.filter((status) => status === 429)).toHaveLength(47)
  })

  it.each<Partial<PolicyOptions>>([
    {},
    { algorithm: 'sliding-window' },
    { algorithm: 'sliding-window', limit: 30 },
    { algorithm: 'token-bucket' },
    { algorithm: 'leaky-bucket', burst: 2 },
  ])('is asked by inspect how long a refused caller has to wait: %j', async (more) => {
    const app = await limited([{ ...policy, ...more }])
    await statuses(app, 40)
    const seconds = Number((await app.inject('/')).headers['retry-after'])
    const { from, remaining, retryMs } = await inspect(app, { policy: 'per-ip', ip: '127.0.0.1' })
    expect([from, remaining]).toEqual(['shared', 0])
    expect(retryMs).toBeGreaterThan((seconds - 2) * 1000)
    expect(retryMs).toBeLessThanOrEqual(seconds * 1000)
  })

  it('keeps quotas of different names and definitions apart', async () => {
    const [one, other] = [await limited([policy]), await limited([{ ...policy, name: 'other' }])]
    const changed = await limited([{ ...policy, limit: 4 }])
    await statuses(one, 3)
    expect((await other.inject('/')).statusCode).toBe(200)
    expect((await changed.inject('/')).headers['x-ratelimit-remaining']).toBe('3')
  })

  it('stores no address, one hash tag a caller, and only keys that expire', async () => {
    const app = await limited([policy, { name: 'even', algorithm: 'token-bucket', limit: 3, window: 600 }])
    await app.inject('/')
    const keys = await redis.keys('*')
    expect(keys).toHaveLength(2)
    expect(new Set(keys.map((key) => /\{[\w-]{27}\}/.exec(key)?.[0])).size).toBe(1)
    for (const key of keys) {
      expect(key).not.toContain('127.0.0.1')
      const ttl = await redis.pttl(key)
      expect(ttl).toBeGreaterThan(0)
      expect(ttl).toBeLessThanOrEqual(600_000)
    }
  })

  it('writes nothing when it refuses', async () => {
    const app = await limited([policy, { name: 'wide', limit: 100, window: 600 }])
    await statuses(app, 3)
    const writes = async (): Promise<string | undefined> =>
      /cmdstat_set:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1]
    const before = await writes()
    expect(await statuses(app, 20)).toEqual(Array.from({ length: 20 }, () => 429))
    expect(await writes()).toBe(before)
  })

  it('goes on when the server has forgotten its scripts', async () => {
    const app = await limited([policy])
    await app.inject('/')
    await redis.script('FLUSH')
    expect((await app.inject('/')).headers['x-ratelimit-remaining']).toBe('1')
  })

  describe.each(['killed', 'frozen'] as const)('that is %s', (how) => {
    const fail = async (): Promise<void> => (how === 'killed' ? server.kill() : server.signal('SIGSTOP'))
    const mend = async (): Promise<void> => (how === 'killed' ? server.revive() : server.signal('SIGCONT'))

    it('counts in the process meanwhile, reports it once, and comes back by itself', async () => {
      const app = await limited([policy], {}, 250)
      const seen: SecurityEvent[] = []
      onSecurityEvent(app, (event) => seen.push(event))
      expect((await app.inject('/')).headers['x-ratelimit-remaining']).toBe('2')
      await fail()
      try {
        expect((await statuses(app, 10)).filter((status) => status === 200)).toHaveLength(3)
        expect((await statuses(app, 10)).every((status) => status === 429)).toBe(true)
      } finally {
        await mend()
      }
      expect(seen.filter(({ type }) => type === 'rate-limit.store-unavailable')).toHaveLength(1)
      // The process refuses this caller; the store, emptied and asked again, does not.
      const admittedAgain = async (): Promise<void> => {
        await redis.flushall()
        expect((await app.inject('/')).statusCode).toBe(200)
      }
      await vi.waitFor(admittedAgain, { timeout: 10_000, interval: 50 })
    })

    it.each([
      ['closed', 503, 'PTC_RATE_LIMIT_UNAVAILABLE'],
      ['open', 200, undefined],
    ] as const)('is %s if the options say so: %i', async (onStoreError, status, code) => {
      const app = await limited([policy], { onStoreError }, 250)
      await app.inject('/')
      await fail()
      try {
        for (let request = 0; request < 5; request++) {
          const answer = await app.inject('/')
          expect(answer.statusCode).toBe(status)
          if (code !== undefined) expect(answer.json()).toMatchObject({ code, retryAfter: 1 })
          expect(answer.headers['ratelimit']).toBeUndefined()
        }
      } finally {
        await mend()
      }
    })
  })
})
