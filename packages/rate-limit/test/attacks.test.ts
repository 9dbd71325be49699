import { once } from 'node:events'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import official from '@fastify/rate-limit'
import fc from 'fast-check'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { exceeded } from '../src/exceeded.ts'
import { compileFields } from '../src/fields.ts'
import { blankCharge, counted, memoryDecider, refusing } from '../src/decision.ts'
import rateLimit, { type PolicyOptions } from '../src/index.ts'
import { parsePolicy } from '../src/policy.ts'

const apps: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

async function opened(register: (app: FastifyInstance) => Promise<unknown>): Promise<FastifyInstance> {
  const app = Fastify({ trustProxy: '127.0.0.1' })
  apps.push(app)
  await register(app)
  app.get('/', async () => 'ok')
  return app
}
const theirs = (options: object) => opened(async (app) => app.register(official, options as never))
const ours = (...policies: PolicyOptions[]) => opened(async (app) => app.register(rateLimit, { policies }))
const statusOf = async (app: FastifyInstance, headers: Record<string, string> = {}): Promise<number> =>
  (await app.inject({ url: '/', headers })).statusCode

describe('a clock that is set', () => {
  const noon = Date.UTC(2026, 0, 1, 12)
  const hour = 3_600_000
  beforeEach(() => {
    vi.useFakeTimers({ now: noon, toFake: ['Date', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })
  const kinds: [string, PolicyOptions[]][] = [
    ['one fixed window', [{ name: 'q', limit: 1, window: 60 }]],
    [
      'two fixed windows',
      [
        { name: 'q', limit: 1, window: 60 },
        { name: 'wide', limit: 9, window: 60 },
      ],
    ],
    ['token bucket', [{ name: 'q', algorithm: 'token-bucket', limit: 1, window: 60 }]],
  ]

  it.each(kinds)('back locks nobody out: %s', async (_, policies) => {
    const [bare, app] = [await theirs({ max: 1, timeWindow: 60_000 }), await ours(...policies)]
    for (const one of [bare, app]) expect([await statusOf(one), await statusOf(one)]).toEqual([200, 429])
    vi.setSystemTime(noon - hour)
    expect(await statusOf(app)).toBe(429)
    vi.advanceTimersByTime(60_000)
    expect([await statusOf(bare), await statusOf(app)]).toEqual([429, 200])
  })

  it.each(kinds)('forward frees nobody: %s', async (_, policies) => {
    const [bare, app] = [await theirs({ max: 1, timeWindow: 60_000 }), await ours(...policies)]
    for (const one of [bare, app]) expect([await statusOf(one), await statusOf(one)]).toEqual([200, 429])
    vi.setSystemTime(noon + hour)
    expect([await statusOf(bare), await statusOf(app)]).toEqual([200, 429])
    const reset = Number((await app.inject('/')).headers['x-ratelimit-reset'])
    expect(reset * 1000).toBeGreaterThan(noon + hour)
    expect(reset * 1000).toBeLessThanOrEqual(noon + hour + 60_000)
  })
})

describe('an address of a transition', () => {
  const from = (address: string): Record<string, string> => ({ 'x-forwarded-for': address })

  it('gives one 6to4 host one quota, not one for each of its 65,536 networks', async () => {
    const [bare, app] = [await theirs({ max: 1 }), await ours({ name: 'q', limit: 1, window: 60 })]
    const passed = [0, 0]
    for (let network = 0; network < 20; network++) {
      for (const [place, one] of [bare, app].entries())
        if ((await statusOf(one, from(`2002:c000:201:${network.toString(16)}::1`))) === 200) passed[place]!++
    }
    expect(passed).toEqual([20, 1])
  })

  it.each([
    ['a NAT64 gateway', '64:ff9b::192.0.2.1', '64:ff9b::198.51.100.1'],
    ['a translator', '::ffff:0:192.0.2.1', '::ffff:0:198.51.100.1'],
    ['a Teredo server', '2001:0:4136:e378:8000:63bf:3fff:fdd2', '2001:0:4136:e378:8000:63bf:3fff:fdd3'],
  ])('gives callers behind %s a quota each', async (_, attacker, victim) => {
    const [bare, app] = [await theirs({ max: 1 }), await ours({ name: 'q', limit: 1, window: 60 })]
    for (const one of [bare, app]) expect(await statusOf(one, from(attacker))).toBe(200)
    expect([await statusOf(bare, from(victim)), await statusOf(app, from(victim))]).toEqual([429, 200])
    expect(await statusOf(app, from(attacker))).toBe(429)
  })
})

it('one credential has one quota, however it is spelt', async () => {
  const bare = await theirs({
    max: 1,
    keyGenerator: ({ headers }: { headers: Record<string, string> }) => headers['authorization'],
  })
  const spellings = ['Bearer x', 'bearer x', 'BEARER x', 'Bearer  x']
  for (const authorization of spellings) expect(await statusOf(bare, { authorization })).toBe(200)
  await expect(
    opened(async (app) =>
      app.register(rateLimit, {
        policies: [{ name: 'q', limit: 1, window: 60, partitionBy: 'api-key' }],
        apiKeyField: 'authorization',
      }),
    ),
  ).rejects.toMatchObject({ mistakes: [{ path: 'apiKeyField', rule: 'respelt-field' }] })
})

it('every kind of request spends one quota, over HTTP/2 as well', async () => {
  const statuses = async (http2: boolean, limited: boolean): Promise<number[]> => {
    const app = Fastify(http2 ? ({ http2 } as object) : {})
    apps.push(app)
    if (limited) await app.register(rateLimit, { policies: [{ name: 'q', limit: 3, window: 60 }] })
    app.get('/stream', async () => Readable.from(['a', 'b']))
    app.get('/hijacked', (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200)
      reply.raw.end('x')
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as AddressInfo
    const asked: [string, string][] = [
      ['GET', '/stream'],
      ['GET', '/nowhere'],
      ['GET', '/hijacked'],
      ['HEAD', '/stream'],
      ['GET', '/hijacked'],
      ['OPTIONS', '/nowhere'],
      ['DELETE', '/stream'],
    ]
    const seen: number[] = []
    const session = http2 ? connect(`http://127.0.0.1:${port}`) : undefined
    for (const [method, path] of asked) {
      if (session === undefined) seen.push((await fetch(`http://127.0.0.1:${port}${path}`, { method })).status)
      else {
        const stream = session.request({ ':method': method, ':path': path })
        const [fields] = (await once(stream, 'response')) as [Record<string, unknown>]
        seen.push(Number(fields[':status']))
        stream.resume()
        await once(stream, 'end')
      }
    }
    session?.close()
    return seen
  }
  for (const http2 of [false, true]) {
    expect(await statuses(http2, false)).toEqual([200, 404, 200, 200, 200, 404, 404])
    expect(await statuses(http2, true)).toEqual([200, 404, 200, 429, 429, 429, 429])
  }
})

const ALGORITHMS = ['fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket'] as const

describe('fields', () => {
  it('never promise what does not hold, whatever is asked when', () => {
    const setting = fc.record({
      algorithm: fc.constantFrom(...ALGORITHMS),
      limit: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1_000_000 })),
      window: fc.oneof(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 31_536_000 })),
      cost: fc.integer({ min: 1, max: 5 }),
    })
    const waits = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 100_000 })), { maxLength: 40 })
    fc.assert(
      fc.property(fc.array(setting, { minLength: 1, maxLength: 3 }), waits, fc.boolean(), (settings, pauses, joins) => {
        const quotas = settings.map((one, at) =>
          parsePolicy({ ...one, name: `q${at}`, cost: Math.min(one.cost, one.limit) }),
        )
        const decide = memoryDecider(quotas.map((quota) => counted(quota, 9)))
        const write = compileFields(quotas, joins)
        let now = 1_700_000_000_000
        for (const pause of pauses) {
          now += pause
          const decision = decide(
            quotas.map((quota) => ({ ...blankCharge(quota), subject: 'x' })),
            now,
          )
          const refused = refusing(decision)
          const fields = new Map<string, string | number>()
          const target = {
            header: (name: string, value: string | number) => fields.set(name, value),
            getHeader: () => undefined,
          }
          write(target, decision, refused, now)
          const remaining = Number(fields.get('x-ratelimit-remaining'))
          const limit = Number(fields.get('x-ratelimit-limit'))
          expect(remaining).toBeGreaterThanOrEqual(0)
          expect(remaining).toBeLessThanOrEqual(limit)
          expect(Number(fields.get('x-ratelimit-reset')) * 1000).toBeGreaterThanOrEqual(now)
          expect(String(fields.get('ratelimit'))).toMatch(
            /^"q\d";r=\d{1,15};t=\d{1,15}(?:, "q\d";r=\d{1,15};t=\d{1,15})*$/,
          )
          if (refused === undefined) continue
          const { retryAfter } = exceeded(refused).details
          expect(Number.isSafeInteger(retryAfter)).toBe(true)
          expect(retryAfter).toBeGreaterThanOrEqual(1)
        }
      }),
    )
  })
})
