import Fastify from 'fastify'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import rateLimit from '../src/index.ts'
import { loginApp, secret, statuses } from './login-app.ts'

const alice = 'alice@example.com'
const never = undefined as never as { name: string }

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1), toFake: ['Date', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})
const pass = (seconds: number): void => {
  vi.advanceTimersByTime(seconds * 1000)
}

describe('a login guard', () => {
  it('refuses the attempt after the free ones, and says how long to wait', async () => {
    const { attempt } = await loginApp({ perPair: 3, delay: { first: 30 } })
    for (let i = 0; i < 3; i++) expect((await attempt(alice, 'wrong')).statusCode).toBe(401)
    const refused = await attempt(alice, secret)
    expect(refused.statusCode).toBe(429)
    expect(refused.headers['retry-after']).toBe('30')
    expect(refused.json()).toEqual({
      error: 'Rate limit exceeded. Try again in 30 seconds.',
      code: 'PTC_RATE_LIMIT_EXCEEDED',
      status: 429,
      title: 'Too Many Requests',
      retryAfter: 30,
    })
  })

  it('doubles the delay after each further failure, and not for what it refuses', async () => {
    const { attempt } = await loginApp({ perPair: 2 })
    const waits: number[] = []
    for (let i = 0; i < 6; i++) {
      while ((await attempt(alice, 'wrong')).statusCode === 401);
      for (let again = 0; again < 3; again++) await attempt(alice, 'wrong')
      const wait = Number((await attempt(alice, 'wrong')).headers['retry-after'])
      waits.push(wait)
      pass(wait)
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32])
  })

  it('forgets the failures of whoever signs in', async () => {
    const { attempt } = await loginApp({ perPair: 3, perAccount: 3 })
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 2; i++) expect((await attempt(alice, 'wrong')).statusCode).toBe(401)
      expect((await attempt(alice, secret)).statusCode).toBe(200)
    }
  })

  it('takes nothing from an address for its successes', async () => {
    const { attempt } = await loginApp({ perPair: 2, perAddress: 3 })
    for (let i = 0; i < 50; i++) expect((await attempt(alice, secret)).statusCode).toBe(200)
  })

  it('gives an attempt back when the server fails', async () => {
    const { attempt } = await loginApp({ perPair: 2, perAccount: 2, perAddress: 2 })
    for (let i = 0; i < 20; i++) expect((await attempt(alice, 'break')).statusCode).toBe(500)
    expect(statuses(await Promise.all(Array.from({ length: 5 }, () => attempt(alice, 'wrong'))))).toEqual({
      401: 2,
      429: 3,
    })
  })

  it('costs nothing while a body does not validate, and then no handler runs', async () => {
    const { app, attempt, tried } = await loginApp({ perPair: 1, perAddress: 1 })
    const malformed = (payload: string) =>
      app.inject({ method: 'POST', url: '/login', payload, headers: { 'content-type': 'application/json' } })
    for (let i = 0; i < 20; i++) {
      expect((await malformed('{"email":')).statusCode).toBe(400)
      expect((await malformed('{"email":"alice@example.com"}')).statusCode).toBe(400)
    }
    expect(tried).toEqual([])
    expect((await attempt(alice, 'wrong')).statusCode).toBe(401)
  })

  it('forgets failures evenly as time passes', async () => {
    const { attempt } = await loginApp({ perPair: 3, window: 90 })
    for (let i = 0; i < 3; i++) await attempt(alice, 'wrong')
    pass(60)
    expect(statuses([await attempt(alice, 'wrong'), await attempt(alice, 'wrong')])).toEqual({ 401: 2 })
    expect((await attempt(alice, 'wrong')).statusCode).toBe(429)
  })

  it('believes the handler more than its status', async () => {
    const app = Fastify()
    await app.register(rateLimit, { policies: [{ name: 'all', limit: 1000, window: 60 }] })
    const loginGuard = { account: { body: 'user' }, perPair: 3 }
    app.post<{ Body: { password: string } }>(
      '/',
      { config: { security: { rateLimit: { loginGuard } } } },
      async ({ body, security }, reply) => {
        if (body.password === secret) {
          security.login?.succeeded()
          return reply.code(403).send({ ok: true })
        }
        security.login?.failed()
        return { ok: false }
      },
    )
    const attempt = async (password: string): Promise<number> =>
      (await app.inject({ method: 'POST', url: '/', payload: { user: 'alice', password } })).statusCode
    for (let i = 0; i < 10; i++) expect(await attempt(secret)).toBe(403)
    for (let i = 0; i < 3; i++) expect(await attempt('wrong')).toBe(200)
    expect(await attempt('wrong')).toBe(429)
  })

  it('counts what a function names, and refuses where it names nothing sensible', async () => {
    let name = (): unknown => 'alice'
    const { attempt, tried } = await loginApp({ perPair: 1, account: () => name() as string })
    expect((await attempt('x', 'wrong')).statusCode).toBe(401)
    expect((await attempt('y', 'wrong')).statusCode).toBe(429)
    const unreadable = [() => ({}), () => ['alice'], () => 7, () => Promise.reject(new Error('late'))]
    for (name of [...unreadable, () => never.name]) {
      expect((await attempt('z', 'wrong')).json()).toMatchObject({ code: 'PTC_RATE_LIMIT_ACCOUNT_UNREADABLE' })
    }
    expect(tried).toHaveLength(1)
    // Without a name the address alone counts.
    name = () => null
    expect((await attempt('z', 'wrong')).statusCode).toBe(401)
    expect((await attempt('z', 'wrong')).statusCode).toBe(429)
  })

  it('only tells under `reportOnly`', async () => {
    const { attempt, events, tried } = await loginApp({ perPair: 2 }, { reportOnly: true })
    for (let i = 0; i < 5; i++) expect((await attempt(alice, 'wrong')).statusCode).toBe(401)
    expect(tried).toHaveLength(5)
    expect(events.map(({ type, outcome }) => `${type} ${outcome}`)).toEqual([
      'rate-limit.brute-force-suspected observed',
      ...Array(3).fill('rate-limit.exceeded observed'),
    ])
  })

  it('shares its counts between routes of one name, and refuses to boot when they differ', async () => {
    const app = Fastify()
    await app.register(rateLimit, { policies: [{ name: 'all', limit: 1000, window: 60 }] })
    const guarded = (perPair: number) => ({
      config: { security: { rateLimit: { loginGuard: { account: { body: 'user' }, perPair } } } },
    })
    app.post('/login', guarded(3), (_request, reply) => reply.code(401).send())
    app.post('/token', guarded(4), (_request, reply) => reply.code(401).send())
    await expect(app.ready()).rejects.toMatchObject({ code: 'PTC_RATE_LIMIT_NAME_REUSED' })
  })

  it('counts on two routes as on one', async () => {
    const app = Fastify()
    await app.register(rateLimit, { policies: [{ name: 'all', limit: 1000, window: 60 }] })
    const guarded = { config: { security: { rateLimit: { loginGuard: { account: { body: 'user' }, perPair: 3 } } } } }
    for (const url of ['/login', '/token']) app.post(url, guarded, (_request, reply) => reply.code(401).send())
    const answers = []
    for (let i = 0; i < 6; i++)
      answers.push(await app.inject({ method: 'POST', url: i % 2 ? '/login' : '/token', payload: { user: 'alice' } }))
    expect(statuses(answers)).toEqual({ 401: 3, 429: 3 })
  })

  it.each([
    ['no account', { account: undefined }],
    ['an account that is a string', { account: 'email' }],
    ['a first delay longer than the longest', { delay: { first: 1000 } }],
    ['an asynchronous function', { account: async () => 'alice' }],
  ])('refuses to boot with %s', async (_, mistake) => {
    const boot = loginApp(mistake as never).then(({ app }) => app.ready())
    await expect(boot).rejects.toMatchObject({ code: 'PTC_OPTIONS_INVALID' })
  })

  it('suspects brute force once per account and window, and names both sides', async () => {
    const { attempt, events } = await loginApp({ perPair: 3, perAccount: 6 })
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3'])
      for (let i = 0; i < 3; i++) await attempt(alice, 'wrong', address)
    const suspicions = (): object[] =>
      events.filter(({ type }) => type === 'rate-limit.brute-force-suspected').map(({ detail }) => detail)
    expect(suspicions()).toEqual([
      {
        guard: 'login',
        held: 'account',
        attempts: 7,
        accounts: [expect.stringMatching(/^[\w-]{27}$/)],
        addresses: ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
      },
    ])
    expect(JSON.stringify(events.map(({ detail }) => detail))).not.toContain('alice')
    pass(901)
    for (let i = 0; i < 9; i++) await attempt(alice, 'wrong')
    expect(suspicions()).toHaveLength(2)
  })
})
