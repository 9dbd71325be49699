import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import rateLimit, { inspect, reset, topOffenders, type PolicyOptions, type RateLimitOptions } from '../src/index.ts'
import { subjectHash } from '../src/subject.ts'
import { loginApp } from './login-app.ts'

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1), toFake: ['Date', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})
const pass = (seconds: number): void => {
  vi.advanceTimersByTime(seconds * 1000)
}

async function opened(policies: PolicyOptions[], options: Partial<RateLimitOptions> = {}) {
  const app = Fastify({ trustProxy: '127.0.0.1' })
  await app.register(rateLimit, { policies, ...options })
  app.get('/', async () => 'ok')
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => events.push(event))
  const ask = (from = '192.0.2.1', headers: Record<string, string> = {}) =>
    app.inject({ url: '/', headers: { 'x-forwarded-for': from, ...headers } })
  const statuses = async (count: number, from?: string): Promise<number[]> => {
    const all: number[] = []
    for (let i = 0; i < count; i++) all.push((await ask(from)).statusCode)
    return all
  }
  return { app, ask, events, statuses }
}

const banning: PolicyOptions = { name: 'q', limit: 2, window: 10, ban: { after: 3, within: 60, for: 600 } }

describe('a ban', () => {
  it('follows so many refusals, lasts as long as it says, and ends by itself', async () => {
    const { ask, statuses } = await opened([banning])
    expect(await statuses(4)).toEqual([200, 200, 429, 429])
    const begun = await ask()
    expect(begun.headers['retry-after']).toBe('600')
    expect(begun.json()).toMatchObject({
      code: 'PTC_RATE_LIMIT_BANNED',
      error: 'Too many requests were refused. Try again in 600 seconds.',
      retryAfter: 600,
    })
    // The window is long over, the ban is not.
    pass(599)
    const last = await ask()
    expect([last.statusCode, last.json().code, last.headers['retry-after']]).toEqual([
      429,
      'PTC_RATE_LIMIT_BANNED',
      '1',
    ])
    pass(1)
    expect(await statuses(2)).toEqual([200, 200])
  })

  it('holds nobody else', async () => {
    const { statuses } = await opened([banning])
    await statuses(9)
    expect(await statuses(2, '192.0.2.2')).toEqual([200, 200])
  })

  it('is not lengthened by asking on', async () => {
    const { ask, statuses } = await opened([banning])
    await statuses(5)
    for (let i = 0; i < 100; i++) {
      pass(1)
      await ask()
    }
    expect((await ask()).headers['retry-after']).toBe('500')
  })

  it('is told once', async () => {
    const { events, statuses } = await opened([banning])
    await statuses(20)
    const banned = events.filter(({ type }) => type === 'rate-limit.banned')
    expect(banned.map(({ outcome, detail }) => ({ outcome, ...detail }))).toEqual([
      { outcome: 'denied', policy: 'q', key: subjectHash('a192.0.2.1'), seconds: 600 },
    ])
    expect(events.filter(({ code }) => code === 'PTC_RATE_LIMIT_BANNED')).toHaveLength(16)
  })

  it('is only told under `reportOnly`', async () => {
    const { events, statuses } = await opened([banning], { reportOnly: true })
    expect(await statuses(9)).toEqual(Array(9).fill(200))
    expect(events.filter(({ type }) => type === 'rate-limit.banned').map(({ outcome }) => outcome)).toEqual([
      'observed',
    ])
  })

  it('spends nothing of the other policies', async () => {
    const { app, statuses } = await opened([banning, { name: 'wide', limit: 100, window: 60 }])
    await statuses(50)
    expect(await inspect(app, { policy: 'wide', ip: '192.0.2.1' })).toMatchObject({ remaining: 98 })
  })

  it('survives a flood of fresh callers that fills the memory', async () => {
    const { ask, statuses } = await opened([banning], { store: { maxKeys: 20 } })
    await statuses(5)
    for (let i = 0; i < 200; i++) await statuses(5, `198.51.${i}.1`)
    pass(100)
    expect((await ask()).json()).toMatchObject({ code: 'PTC_RATE_LIMIT_BANNED' })
  })

  it('does not fall on newcomers who share the quota of a memory that is full', async () => {
    const { ask, statuses } = await opened([banning], { store: { maxKeys: 3 } })
    for (let i = 0; i < 10; i++) await statuses(5, `198.51.${i}.1`)
    expect((await ask()).json()).toMatchObject({ code: 'PTC_RATE_LIMIT_EXCEEDED' })
  })

  it('is part of what a policy means: another ban under the same name refuses to boot', async () => {
    const { app } = await opened([banning])
    const other = { ...banning, ban: { after: 9, within: 60, for: 60 } }
    app.get('/other', { config: { security: { rateLimit: { policies: [other] } } } }, async () => 'ok')
    await expect(app.ready()).rejects.toMatchObject({ code: 'PTC_RATE_LIMIT_NAME_REUSED' })
  })
})

describe('inspect', () => {
  it('tells how a caller stands, and spends nothing', async () => {
    const { app, statuses } = await opened([{ name: 'q', limit: 5, window: 60 }])
    await statuses(3)
    for (let i = 0; i < 10; i++) {
      expect(await inspect(app, { policy: 'q', ip: '192.0.2.1' })).toEqual({
        policy: 'q',
        key: subjectHash('a192.0.2.1'),
        limit: 5,
        remaining: 2,
        resetMs: 60_000,
        retryMs: 0,
        bannedUntil: null,
        from: 'memory',
      })
    }
    expect(await inspect(app, { policy: 'q', ip: '192.0.2.9' })).toMatchObject({ remaining: 5 })
  })

  it('tells when a refused caller may come back, and when a banned one may', async () => {
    const { app, statuses } = await opened([banning])
    await statuses(3)
    expect(await inspect(app, { policy: 'q', ip: '192.0.2.1' })).toMatchObject({ remaining: 0, retryMs: 10_000 })
    await statuses(2)
    expect(await inspect(app, { policy: 'q', ip: '192.0.2.1' })).toMatchObject({
      remaining: 0,
      retryMs: 600_000,
      bannedUntil: new Date(Date.now() + 600_000),
    })
  })

  it.each<[string, PolicyOptions['partitionBy'], Record<string, string>, object]>([
    ['an API key', 'api-key', { 'x-api-key': 'k-1' }, { apiKey: 'k-1' }],
    ['a header field', { header: 'x-tenant' }, { 'x-tenant': 't-1' }, { headers: { 'x-tenant': 't-1' } }],
    ['everybody', 'global', {}, {}],
    ['what a function returns', (request) => String(request.headers['x-name']), { 'x-name': 'n' }, { key: 'n' }],
    ['an address', 'ip', { 'x-forwarded-for': '2001:db8::7' }, { ip: '2001:db8::1' }],
    [
      'a pair',
      ['ip', { header: 'x-tenant' }],
      { 'x-forwarded-for': '192.0.2.7', 'x-tenant': 't-1' },
      { ip: '192.0.2.7', headers: { 'x-tenant': 't-1' } },
    ],
  ])('finds callers by %s', async (_, partitionBy, headers, named) => {
    const { app, ask } = await opened([{ name: 'q', limit: 5, window: 60, partitionBy }] as PolicyOptions[])
    await ask('192.0.2.1', headers)
    expect(await inspect(app, { policy: 'q', ...named })).toMatchObject({ remaining: 4 })
  })

  it('finds callers by identity, and by the account of a login guard', async () => {
    const app = Fastify()
    await app.register(rateLimit, { policies: [{ name: 'q', limit: 5, window: 60, partitionBy: 'identity' }] })
    const identity = { subject: 'alice', scheme: 'jwt', scopes: [], credentialId: null, claims: { iss: 'https://id' } }
    app.addHook('onRequest', async ({ security }) => {
      security.identity = identity
    })
    app.get('/', async () => 'ok')
    await app.inject('/')
    const named = { scheme: 'jwt', subject: 'alice', issuer: 'https://id' }
    expect(await inspect(app, { policy: 'q', identity: named })).toMatchObject({ remaining: 4 })

    const { app: guarded, attempt } = await loginApp()
    await attempt('alice@example.com', 'wrong')
    const account = ' Alice@Example.com'
    expect(await inspect(guarded, { policy: 'login.account', account })).toMatchObject({ remaining: 19 })
    expect(await inspect(guarded, { policy: 'login.pair', account, ip: '192.0.2.1' })).toMatchObject({ remaining: 4 })
    expect(await inspect(guarded, { policy: 'login.address', ip: '192.0.2.1' })).toMatchObject({ remaining: 49 })
  })

  it.each([
    [{ policy: 'p' }, 'PTC_RATE_LIMIT_POLICY_UNKNOWN', /no route here has a policy "p"; there are: q/],
    [{ policy: 'q' }, 'PTC_RATE_LIMIT_CALLER_UNNAMED', /add `ip`/],
  ])('says what is wrong with %j', async (caller, code, message) => {
    const { app } = await opened([{ name: 'q', limit: 5, window: 60 }])
    await app.ready()
    for (const act of [inspect, reset]) {
      await expect(act(app, caller)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    }
  })

  it.each<[PolicyOptions['partitionBy'], object, string]>([
    ['api-key', {}, 'apiKey'],
    ['identity', {}, 'identity'],
    [{ header: 'x-tenant' }, {}, 'headers'],
    [() => 'x', {}, 'key'],
    [['ip', { header: 'x-tenant' }], { headers: { 'x-tenant': 't' } }, 'ip'],
    [['ip', { header: 'x-tenant' }], { ip: '192.0.2.1' }, ''],
    ['api-key', { ip: '192.0.2.1' }, ''],
  ])('asks for what a policy by %j reads', async (partitionBy, named, missing) => {
    const { app } = await opened([{ name: 'q', limit: 5, window: 60, partitionBy }] as PolicyOptions[])
    await app.ready()
    const asked = inspect(app, { policy: 'q', ...named })
    if (missing === '') await expect(asked).resolves.toMatchObject({ remaining: 5 })
    else await expect(asked).rejects.toThrow(`add \`${missing}\``)
  })

  it.each(['nonsense', '192.0.2.300', 'example.com:80'])('takes %s for nobody’s address', async (ip) => {
    const { app } = await opened([{ name: 'q', limit: 5, window: 60 }])
    await app.ready()
    for (const act of [inspect, reset]) await expect(act(app, { policy: 'q', ip })).rejects.toThrow('is no address')
  })

  it('takes a method in either case', async () => {
    const { app, ask } = await opened([{ name: 'q', limit: 5, window: 60, per: ['route', 'method'] }])
    await ask()
    for (const method of ['get', 'GET', 'head']) {
      const caller = { policy: 'q', ip: '192.0.2.1', route: '/', method }
      expect(await inspect(app, caller)).toMatchObject({ remaining: 4 })
    }
  })

  it('says when nobody is counted', async () => {
    const app = Fastify()
    await expect(inspect(app, { policy: 'q', ip: '192.0.2.1' })).rejects.toMatchObject({
      code: 'PTC_RATE_LIMIT_ABSENT',
    })
    expect(() => topOffenders(app)).toThrow('no @portcullis/rate-limit is registered')
  })

  it('asks the registration nearest to the scope', async () => {
    const { app, statuses } = await opened([{ name: 'q', limit: 5, window: 60 }])
    let inner: FastifyInstance | undefined
    await app.register(async (scope) => {
      inner = scope
      await scope.register(rateLimit, { policies: [{ name: 'inner', limit: 3, window: 60 }] })
      scope.get('/inner', async () => 'ok')
    })
    await statuses(1)
    expect(await inspect(inner as FastifyInstance, { policy: 'inner', ip: '192.0.2.1' })).toMatchObject({ limit: 3 })
    await expect(inspect(app, { policy: 'inner', ip: '192.0.2.1' })).rejects.toMatchObject({
      code: 'PTC_RATE_LIMIT_POLICY_UNKNOWN',
    })
  })
})

describe('reset', () => {
  it('makes a quota whole, and nobody else’s', async () => {
    const { app, statuses } = await opened([{ name: 'q', limit: 2, window: 60 }])
    await statuses(3)
    await statuses(3, '192.0.2.2')
    expect(await reset(app, { policy: 'q', ip: '192.0.2.1' })).toBe(true)
    expect(await statuses(3)).toEqual([200, 200, 429])
    expect(await statuses(1, '192.0.2.2')).toEqual([429])
  })

  it('lifts a ban, and forgets the refusals before it', async () => {
    const { app, statuses } = await opened([banning])
    await statuses(9)
    await reset(app, { policy: 'q', ip: '192.0.2.1' })
    expect(await statuses(4)).toEqual([200, 200, 429, 429])
    expect(topOffenders(app)[0]).toMatchObject({ refusals: 2 })
  })

  it('lets an account in again that is being guessed at', async () => {
    const { app, attempt } = await loginApp({ perAccount: 2 })
    for (let i = 0; i < 5; i++) await attempt('alice@example.com', 'wrong', `198.51.100.${i}`)
    expect((await attempt('alice@example.com', 'the right password')).statusCode).toBe(429)
    await reset(app, { policy: 'login.account', account: 'alice@example.com' })
    expect((await attempt('alice@example.com', 'the right password')).statusCode).toBe(200)
  })
})

describe('top offenders', () => {
  it('are not those whom a policy that only reports would have refused', async () => {
    const { app, statuses } = await opened([
      { name: 'q', limit: 2, window: 60 },
      { name: 'tried', limit: 1, window: 60, reportOnly: true },
    ])
    await statuses(4)
    expect(topOffenders(app)).toEqual([{ policy: 'q', key: subjectHash('a192.0.2.1'), refusals: 2, error: 0 }])
  })

  it('come most refused first, named as in events', async () => {
    const { app, events, statuses } = await opened([{ name: 'q', limit: 1, window: 60 }])
    await statuses(3)
    await statuses(9, '192.0.2.2')
    await statuses(1, '192.0.2.3')
    expect(topOffenders(app)).toEqual([
      { policy: 'q', key: subjectHash('a192.0.2.2'), refusals: 8, error: 0 },
      { policy: 'q', key: subjectHash('a192.0.2.1'), refusals: 2, error: 0 },
    ])
    const refused = events.filter(({ type }) => type === 'rate-limit.exceeded')
    expect(topOffenders(app, { count: 1 })[0]?.key).toBe(refused.at(-1)?.detail['key'])
  })

  it('name the worst of a flood from many addresses, in memory that does not grow', async () => {
    const { app, statuses } = await opened([{ name: 'q', limit: 1, window: 60 }])
    for (let i = 0; i < 600; i++) {
      await statuses(2, `198.51.${i >> 8}.${i & 255}`)
      await statuses(1, '192.0.2.66')
    }
    const [worst] = topOffenders(app, { count: 1_000_000 })
    expect(worst?.key).toBe(subjectHash('a192.0.2.66'))
    expect(worst?.refusals).toBeGreaterThanOrEqual(599)
    expect(topOffenders(app, { count: 1_000_000 })).toHaveLength(128)
  })
})
