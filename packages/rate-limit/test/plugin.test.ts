import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { app as example } from '../example.ts'
import rateLimit, { type PolicyOptions, type RateLimitOptions } from '../src/index.ts'

const noon = Date.UTC(2026, 0, 1, 12)
const apps: FastifyInstance[] = []

beforeEach(() => {
  vi.useFakeTimers({ now: noon, toFake: ['Date', 'performance'] })
})
afterEach(async () => {
  vi.useRealTimers()
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

const pass = (seconds: number): void => {
  vi.advanceTimersByTime(seconds * 1000)
}

/** An app that limits every request, with one open route. */
async function limited(policies: PolicyOptions[], more: Partial<RateLimitOptions> = {}): Promise<FastifyInstance> {
  const app = Fastify({ trustProxy: '127.0.0.1' })
  apps.push(app)
  await app.register(rateLimit, { policies, ...more })
  app.get('/', async () => ({ ok: true }))
  return app
}

const textbook: PolicyOptions = { name: 'per-ip', limit: 5, window: 60 }

describe.each([
  ['one fixed window, decided by @fastify/rate-limit', [textbook]],
  ['two fixed windows, decided here', [textbook, { name: 'per-hour', limit: 1000, window: 3600 }]],
] as [string, PolicyOptions[]][])('%s', (_, policies) => {
  it('answers the sixth request of a minute, at its thirtieth second, with 429 and the seconds left', async () => {
    const app = await limited(policies)
    for (let request = 1; request <= 5; request++) {
      expect((await app.inject('/')).statusCode).toBe(200)
    }
    pass(30)
    const refused = await app.inject('/')
    expect(refused.statusCode).toBe(429)
    expect(refused.headers['retry-after']).toBe('30')
    expect(refused.headers['content-type']).toBe('application/json')
    expect(refused.json()).toEqual({
      error: 'Rate limit exceeded. Try again in 30 seconds.',
      code: 'PTC_RATE_LIMIT_EXCEEDED',
      status: 429,
      title: 'Too Many Requests',
      retryAfter: 30,
    })
  })

  it('admits again as soon as Retry-After has passed, and not a millisecond before', async () => {
    const app = await limited(policies)
    for (let request = 1; request <= 5; request++) await app.inject('/')
    pass(59.999)
    const refused = await app.inject('/')
    expect(refused.json().error).toBe('Rate limit exceeded. Try again in 1 second.')
    pass(0.001)
    expect((await app.inject('/')).statusCode).toBe(200)
  })

  it('writes the quota, what is left and when it is whole again, of the strictest policy', async () => {
    const app = await limited(policies)
    await app.inject('/')
    pass(10)
    const { headers } = await app.inject('/')
    expect(headers).toMatchObject({
      'x-ratelimit-limit': '5',
      'x-ratelimit-remaining': '3',
      'x-ratelimit-reset': String(noon / 1000 + 60),
    })
    expect(headers['ratelimit']).toContain('"per-ip";r=3;t=50')
    expect(headers['ratelimit-policy']).toContain('"per-ip";q=5;w=60')
    expect(headers['retry-after']).toBeUndefined()
  })
})

it('lists every policy of a route in the IETF fields', async () => {
  const app = await limited([textbook, { name: 'burst', algorithm: 'token-bucket', limit: 60, window: 60, burst: 10 }])
  const { headers } = await app.inject('/')
  expect(headers['ratelimit']).toBe('"per-ip";r=4;t=60, "burst";r=9;t=1')
  expect(headers['ratelimit-policy']).toBe('"per-ip";q=5;w=60, "burst";q=60;w=60')
})

it('spends nothing of any quota when one refuses', async () => {
  const app = await limited([
    { name: 'wide', limit: 10, window: 60 },
    { name: 'narrow', algorithm: 'token-bucket', limit: 2, window: 60 },
  ])
  for (let request = 0; request < 6; request++) await app.inject('/')
  expect((await app.inject('/')).headers['ratelimit']).toBe('"wide";r=8;t=60, "narrow";r=0;t=60')
})

it('lets a token bucket come back one by one', async () => {
  const app = await limited([{ name: 'even', algorithm: 'token-bucket', limit: 5, window: 60 }])
  for (let request = 1; request <= 5; request++) await app.inject('/')
  expect((await app.inject('/')).headers['retry-after']).toBe('12')
  pass(12)
  expect((await app.inject('/')).statusCode).toBe(200)
  expect((await app.inject('/')).statusCode).toBe(429)
})

it("says only 'later' where the policy says so", async () => {
  const app = await limited([{ ...textbook, limit: 1, sentence: 'later' }])
  await app.inject('/')
  const refused = await app.inject('/')
  expect(refused.json().error).toBe('Rate limit exceeded. Try again later.')
  expect(refused.headers['retry-after']).toBe('60')
})

it('replaces the list of its scope on a route that has its own, and leaves a route alone that says false', async () => {
  const app = await limited([textbook])
  app.get(
    '/own',
    { config: { security: { rateLimit: { policies: [{ name: 'own', limit: 1, window: 10 }] } } } },
    async () => 'own',
  )
  app.get('/free', { config: { security: { rateLimit: false } } }, async () => 'free')
  expect((await app.inject('/own')).headers['ratelimit-policy']).toBe('"own";q=1;w=10')
  expect((await app.inject('/own')).statusCode).toBe(429)
  expect((await app.inject('/')).headers['x-ratelimit-remaining']).toBe('4')
  expect((await app.inject('/free')).headers['ratelimit']).toBeUndefined()
})

it('shares a quota between routes that use its name, even at another cost', async () => {
  const app = await limited([textbook])
  for (const [url, cost] of [
    ['/cheap', 1],
    ['/dear', 3],
  ] as const) {
    app.get(
      url,
      { config: { security: { rateLimit: { policies: [{ name: 'units', limit: 5, window: 60, cost }] } } } },
      async () => url,
    )
  }
  expect((await app.inject('/dear')).headers['x-ratelimit-remaining']).toBe('2')
  expect((await app.inject('/cheap')).headers['x-ratelimit-remaining']).toBe('1')
  expect((await app.inject('/dear')).statusCode).toBe(429)
})

it('refuses to boot when one name means two quotas, and names both routes', async () => {
  const app = await limited([textbook])
  app.get('/b', { config: { security: { rateLimit: { policies: [{ ...textbook, limit: 6 }] } } } }, async () => 'b')
  await expect(app.ready()).rejects.toMatchObject({
    code: 'PTC_RATE_LIMIT_NAME_REUSED',
    message: expect.stringMatching(/"per-ip".*GET \/.*GET \/b/) as unknown,
  })
})

it('refuses to boot when a route gives a name of its registration another quota: unknown URLs spend that one', async () => {
  const app = Fastify()
  await app.register(rateLimit, { policies: [textbook] })
  app.get('/b', { config: { security: { rateLimit: { policies: [{ ...textbook, limit: 6 }] } } } }, async () => 'b')
  await expect(app.ready()).rejects.toMatchObject({
    code: 'PTC_RATE_LIMIT_NAME_REUSED',
    message: expect.stringMatching(/"per-ip".*the registration.*GET \/b/) as unknown,
  })
})

it('counts unknown URLs too', async () => {
  const app = await limited([{ ...textbook, limit: 1 }])
  expect((await app.inject('/nowhere')).statusCode).toBe(404)
  expect((await app.inject('/nowhere')).statusCode).toBe(429)
})

it('lets everything pass under reportOnly, and reports what it would have refused', async () => {
  const app = await limited([{ ...textbook, limit: 1 }], { reportOnly: true, nearing: 0 })
  const seen: SecurityEvent[] = []
  onSecurityEvent(app, (event) => seen.push(event))
  await app.inject('/')
  expect((await app.inject('/')).statusCode).toBe(200)
  expect(seen.map(({ type, outcome }) => [type, outcome])).toEqual([['rate-limit.exceeded', 'observed']])
})

it('raises rate-limit.exceeded with the policy and a hash of whom it belongs to', async () => {
  const app = await limited([{ ...textbook, limit: 1 }], { nearing: 0 })
  const seen: SecurityEvent[] = []
  onSecurityEvent(app, (event) => seen.push(event))
  await app.inject({ url: '/', remoteAddress: '203.0.113.9' })
  await app.inject({ url: '/', remoteAddress: '203.0.113.9' })
  expect(seen).toHaveLength(1)
  expect(seen[0]).toMatchObject({ type: 'rate-limit.exceeded', outcome: 'denied', code: 'PTC_RATE_LIMIT_EXCEEDED' })
  expect(seen[0]!.detail).toEqual({ policy: 'per-ip', key: expect.stringMatching(/^[\w-]{27}$/) as unknown })
})

it('keeps the quotas of a scope to itself', async () => {
  const app = await limited([textbook])
  await app.register(async (scope) => {
    await scope.register(rateLimit, { policies: [{ name: 'inner', limit: 1, window: 60 }] })
    scope.get('/inner', async () => 'inner')
  })
  await app.inject('/inner')
  expect((await app.inject('/inner')).statusCode).toBe(429)
  expect((await app.inject('/')).headers['ratelimit-policy']).toBe('"per-ip";q=5;w=60')
})

it('runs the example', async () => {
  apps.push(example)
  expect((await example.inject('/')).headers['x-ratelimit-limit']).toBe('100')
  for (let attempt = 0; attempt < 5; attempt++) await example.inject({ method: 'POST', url: '/login' })
  const refused = await example.inject({ method: 'POST', url: '/login' })
  expect(refused.json()).toMatchObject({ error: 'Rate limit exceeded. Try again later.', retryAfter: 60 })
  expect((await example.inject('/search')).headers['x-ratelimit-remaining']).toBe('9')
})

it('says once which routes still write their limits for @fastify/rate-limit', async () => {
  const app = await limited([textbook])
  const warned: unknown[] = []
  app.log.warn = ((...said: unknown[]) => warned.push(said)) as never
  const config: object = { rateLimit: { max: 1, timeWindow: '1 minute' } }
  app.get('/left', { config }, async () => 'ok')
  await app.ready()
  const told = warned.map((said) => JSON.stringify(said)).filter((text) => text.includes('config.rateLimit'))
  expect(told).toEqual([expect.stringContaining('GET /left')])
})
