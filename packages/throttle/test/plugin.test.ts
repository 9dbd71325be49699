import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { app as example } from '../example.ts'
import { closeAll, held, opening, throttled, until } from './apps.ts'
import type { PartitionBy } from '../src/index.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
})
afterEach(async () => {
  vi.useRealTimers()
  await closeAll()
})

/** Lets all pass that waits for nothing. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
  await settle()
}

function listen(app: FastifyInstance): SecurityEvent[] {
  const seen: SecurityEvent[] = []
  onSecurityEvent(app, (event) => void seen.push(event))
  return seen
}

describe('a pace', () => {
  it('of ten a second lets fifteen requests at once go as ten and then one every 100 ms, all 200', async () => {
    const app = await throttled({ rate: { limit: 10 } })
    app.get('/', async () => ({ ok: true }))
    await app.ready()
    const start = performance.now()
    const went: number[] = []
    const statuses: number[] = []
    const all = Array.from({ length: 15 }, async () => {
      const { statusCode } = await app.inject('/')
      went.push(Math.round(performance.now() - start))
      statuses.push(statusCode)
    })
    await settle()
    expect(went).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    for (let i = 0; i < 5; i++) await pass(100)
    await Promise.all(all)
    expect(went.slice(10)).toEqual([100, 200, 300, 400, 500])
    expect(statuses).toEqual(Array.from({ length: 15 }, () => 200))
  })

  it('answers 429 at once, with the second in which a request may wait, when it would wait too long', async () => {
    const app = await throttled({ rate: { limit: 1, burst: 1 }, queue: { waitMs: 2000 } })
    app.get('/', async () => 'ok')
    const waiting = [1, 2, 3].map(() => app.inject('/'))
    await settle()
    const refused = await app.inject('/')
    expect(refused.statusCode).toBe(429)
    expect(refused.headers['retry-after']).toBe('1')
    expect(refused.json()).toEqual({
      error: 'Too many requests are waiting. Try again in 1 second.',
      code: 'PTC_THROTTLE_TOO_FAST',
      status: 429,
      title: 'Too Many Requests',
      retryAfter: 1,
    })
    await pass(1000)
    const admitted = app.inject('/')
    await pass(2000)
    expect((await Promise.all([...waiting, admitted])).map(({ statusCode }) => statusCode)).toEqual([
      200, 200, 200, 200,
    ])
  })

  it('is each client’s own, and one for all where it is global', async () => {
    const app = await throttled({ rate: { limit: 1 } }, { trustProxy: true })
    app.get('/', async () => 'ok')
    app.get('/all', { config: { security: { throttle: { rate: { partitionBy: 'global' } } } } }, async () => 'ok')
    const from = (url: string, ip: string) => app.inject({ url, headers: { 'x-forwarded-for': ip } })
    const own = await Promise.all([from('/', '192.0.2.1'), from('/', '192.0.2.2')])
    expect(own.map(({ statusCode }) => statusCode)).toEqual([200, 200])
    await from('/all', '192.0.2.1')
    let went = false
    const second = from('/all', '192.0.2.2').then(() => (went = true))
    await settle()
    expect(went).toBe(false)
    await pass(1000)
    await second
  })

  it.each([
    ['a header field', { header: 'x-tenant' }, [200, 200, 429]],
    ['a pair', ['global', { header: 'x-tenant' }], [200, 200, 429]],
    ['a list of one', ['ip'], [200, 429, 429]],
  ] as [string, PartitionBy, number[]][])('is counted by %s', async (_by, partitionBy, statuses) => {
    const app = await throttled({ rate: { limit: 1, partitionBy }, queue: { waitMs: 1 } })
    app.get('/', async () => 'ok')
    const seen: number[] = []
    for (const tenant of ['a', 'b', 'a'])
      seen.push((await app.inject({ url: '/', headers: { 'x-tenant': tenant } })).statusCode)
    expect(seen).toEqual(statuses)
  })

  it('is shared by the routes of its scope, and a route that changes it has its own', async () => {
    const app = await throttled({ rate: { limit: 1 } })
    const own = { config: { security: { throttle: { rate: { limit: 2 } } } } }
    app.get('/a', async () => 'ok')
    app.get('/b', async () => 'ok')
    app.get('/own', own, async () => 'ok')
    app.get('/own-too', own, async () => 'ok')
    const seen = listen(app)
    const all = ['/a', '/b', '/own', '/own', '/own-too'].map((url) => app.inject(url))
    await settle()
    expect(seen.map(({ type, request }) => [type, request?.url])).toEqual([['throttle.delayed', '/b']])
    await pass(1000)
    await Promise.all(all)
  })

  it('counts HEAD as GET', async () => {
    const app = await throttled({})
    app.get('/', { config: { security: { throttle: { rate: { limit: 1 } } } } }, async () => 'ok')
    const seen = listen(app)
    await app.inject('/')
    const head = app.inject({ method: 'HEAD', url: '/' })
    await settle()
    expect(seen).toMatchObject([
      { type: 'throttle.delayed', outcome: 'allowed', detail: { rule: 'rate', expectedMs: 1000 } },
    ])
    await pass(1000)
    expect((await head).statusCode).toBe(200)
  })
})

describe('places', () => {
  it('let so many requests be under way and the next wait until one is over', async () => {
    const app = await throttled({ concurrency: { limit: 2 } })
    const { handler, letGo, arrived } = held()
    app.get('/', handler)
    const all = [1, 2, 3].map(() => app.inject('/'))
    await settle()
    expect(arrived()).toBe(2)
    letGo()
    await until(() => arrived() === 3)
    letGo()
    letGo()
    expect((await Promise.all(all)).map(({ body }) => body)).toEqual(['done', 'done', 'done'])
  })

  it('answer 503 to whoever has waited as long as it may', async () => {
    const app = await throttled({ concurrency: { limit: 1 }, queue: { waitMs: 500 } })
    const { handler, letGo } = held()
    app.get('/', handler)
    const first = app.inject('/')
    await settle()
    const second = app.inject('/')
    await pass(500)
    const refused = await second
    expect([refused.statusCode, refused.headers['retry-after'], refused.json().code]).toEqual([
      503,
      '1',
      'PTC_THROTTLE_BUSY',
    ])
    letGo()
    expect((await first).statusCode).toBe(200)
  })

  it('answer 503 at once to whoever finds the queue full', async () => {
    const app = await throttled({ concurrency: { limit: 1 }, queue: { length: 1 } })
    const { handler, letGo, arrived } = held()
    app.get('/', handler)
    const all = [app.inject('/'), app.inject('/')]
    await settle()
    expect((await app.inject('/')).statusCode).toBe(503)
    letGo()
    await until(() => arrived() === 2)
    letGo()
    await Promise.all(all)
  })
})

describe('waiting that grows', () => {
  it('lets the first go and makes each further request wait a step more', async () => {
    const app = await throttled({ delayAfter: { limit: 2, stepMs: 100, maxMs: 250 } })
    app.get('/', async () => 'ok')
    await app.ready()
    const start = performance.now()
    const went: number[] = []
    const all = Array.from({ length: 6 }, () => app.inject('/').then(() => went.push(performance.now() - start)))
    await settle()
    for (let i = 0; i < 6; i++) await pass(50)
    await Promise.all(all)
    expect(went.map(Math.round)).toEqual([0, 0, 100, 200, 250, 250])
  })
})

describe('reportOnly', () => {
  it('lets everything pass at once and tells who would have waited or been refused', async () => {
    const app = await throttled({ reportOnly: true, rate: { limit: 1 }, queue: { length: 1 } })
    app.get('/', async () => 'ok')
    const seen = listen(app)
    for (let i = 0; i < 3; i++) expect((await app.inject('/')).statusCode).toBe(200)
    expect(seen.map(({ type, outcome }) => [type, outcome])).toEqual([
      ['throttle.delayed', 'observed'],
      ['throttle.refused', 'observed'],
    ])
  })

  it('counts places as if it had them, and gives them back', async () => {
    const app = await throttled({ reportOnly: true, concurrency: { limit: 1 }, queue: { length: 1 } })
    const { handler, letGo, arrived } = held()
    app.get('/', handler)
    const seen = listen(app)
    const all = [1, 2, 3].map(() => app.inject('/'))
    await until(() => arrived() === 3)
    expect(seen.map(({ type, outcome }) => [type, outcome])).toEqual([
      ['throttle.delayed', 'observed'],
      ['throttle.refused', 'observed'],
    ])
    for (let i = 0; i < 3; i++) letGo()
    await Promise.all(all)
    const later = app.inject('/')
    await until(() => arrived() === 4)
    letGo()
    await later
    expect(seen).toHaveLength(2)
  })
})

describe('closing', () => {
  it('answers whoever waits with 503, and does not hang', async () => {
    const app = await throttled({ rate: { limit: 1, window: 60 }, queue: { waitMs: 600_000 } })
    app.get('/', async () => 'ok')
    await app.inject('/')
    const waiting = app.inject('/')
    await settle()
    await app.close()
    const refused = await waiting
    expect([refused.statusCode, refused.json().code]).toEqual([503, 'PTC_THROTTLE_CLOSING'])
    expect(refused.headers['connection']).toBe('close')
  })
})

it('has an example that boots, lets ten go, makes the eleventh wait and leaves its health check alone', async () => {
  opening(example)
  const all = Array.from({ length: 11 }, () => example.inject('/export'))
  await settle()
  expect((await example.inject('/health')).json()).toEqual({ ok: true })
  await pass(100)
  expect((await Promise.all(all)).map(({ statusCode }) => statusCode)).toEqual(Array.from({ length: 11 }, () => 200))
})
