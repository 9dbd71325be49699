import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type AddressInfo } from 'node:net'
import official from '@fastify/rate-limit'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it, vi } from 'vitest'
import rateLimit from '../src/index.ts'
import { loginApp, secret, statuses, type LoginApp } from './login-app.ts'

const [alice, mallory] = ['alice@example.com', 'mallory@example.com']
const address = (n: number): string => `198.51.100.${n}`
const times = <T>(n: number, of: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: n }, (_, i) => of(i)))

const apps: FastifyInstance[] = []
afterEach(async () => {
  vi.useRealTimers()
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

/** The official plugin, three failures an account: the handler's answer decides afterwards, so it counts all alike. */
async function theirs(): Promise<{ app: FastifyInstance; tried: string[] }> {
  const app = Fastify()
  apps.push(app)
  const tried: string[] = []
  await app.register(official, {
    global: false,
    hook: 'preHandler',
    max: 3,
    keyGenerator: ({ body }) => String((body as { email: unknown }).email),
  })
  app.post<{ Body: { password: string } }>('/login', { config: { rateLimit: {} } }, async ({ body }, reply) => {
    tried.push(body.password)
    return reply.code(401).send()
  })
  return { app, tried }
}

describe('fifty guesses at once', () => {
  it('reach an app that counts failures after the handler; here three do', async () => {
    // What is usually written by hand: count a failure when it is known.
    const bare = Fastify()
    apps.push(bare)
    let [failures, reached] = [0, 0]
    bare.post('/login', async (_request, reply) => {
      if (failures >= 3) return reply.code(429).send()
      reached++
      await new Promise(setImmediate)
      failures++
      return reply.code(401).send()
    })
    await times(50, () => bare.inject({ method: 'POST', url: '/login', payload: {} }))
    expect(reached).toBe(50)

    const { attempt, tried } = await loginApp({ perPair: 3 })
    const answers = await times(50, (i) => attempt(alice, `guess-${i}`))
    expect(tried).toHaveLength(3)
    expect(statuses(answers)).toEqual({ 401: 3, 429: 47 })
  })

  it('reach the handler three times from fifty addresses too', async () => {
    const { attempt, tried } = await loginApp({ perAccount: 3 })
    await times(50, (i) => attempt(alice, `guess-${i}`, address(i)))
    expect(tried).toHaveLength(3)
  })

  it('reach the handler three times when they are pipelined on one connection', async () => {
    const { app, tried } = await loginApp({ perPair: 3 })
    apps.push(app)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const body = JSON.stringify({ email: alice, password: 'guess' })
    const request = `POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => (answer += String(chunk)))
    socket.write(request.repeat(50))
    await vi.waitFor(() => expect(answer.match(/HTTP\/1\.1 \d{3}/g)).toHaveLength(50))
    socket.destroy()
    expect(tried).toHaveLength(3)
  })
})

describe('many addresses against one account', () => {
  it('guess as often as they are many where addresses are counted; here the account is', async () => {
    const bare = Fastify({ trustProxy: '127.0.0.1' })
    apps.push(bare)
    await bare.register(official, { max: 3 })
    bare.post('/login', (_request, reply) => reply.code(401).send())
    const theirAnswers = await times(90, (i) =>
      bare.inject({ method: 'POST', url: '/login', headers: { 'x-forwarded-for': address(i) }, payload: {} }),
    )
    expect(statuses(theirAnswers)).toEqual({ 401: 90 })

    const { attempt, tried } = await loginApp({ perAccount: 20 })
    for (let i = 0; i < 90; i++) await attempt(alice, 'guess', address(i))
    expect(tried).toHaveLength(20)
  })

  it('do not lock out the owner where he has signed in before', async () => {
    const { attempt } = await loginApp({ perAccount: 3 })
    expect((await attempt(alice, secret, '192.0.2.7')).statusCode).toBe(200)
    for (let i = 0; i < 20; i++) await attempt(alice, 'guess', address(i))
    expect((await attempt(alice, 'guess', address(99))).statusCode).toBe(429)
    expect((await attempt(alice, secret, '192.0.2.8')).statusCode).toBe(429)
    expect((await attempt(alice, secret, '192.0.2.7')).statusCode).toBe(200)
    // And what he does there gives the others nothing back.
    expect((await attempt(alice, 'guess', address(99))).statusCode).toBe(429)
  })

  it('lock the owner out of nowhere for longer than the longest delay', async () => {
    vi.useFakeTimers({ now: 0, toFake: ['Date', 'performance'] })
    const { attempt } = await loginApp({ perAccount: 3, delay: { longest: 60 } })
    for (let hour = 0; hour < 100; hour++) {
      for (let i = 0; i < 5; i++) await attempt(alice, 'guess', address(i))
      vi.advanceTimersByTime(30_000)
    }
    expect(Number((await attempt(alice, secret)).headers['retry-after'])).toBeLessThanOrEqual(60)
    vi.advanceTimersByTime(60_000)
    expect((await attempt(alice, secret)).statusCode).toBe(200)
  })

  it('gain no trust by failing', async () => {
    const { attempt, tried } = await loginApp({ perAccount: 3, perPair: 100 })
    for (let i = 0; i < 20; i++) await attempt(alice, 'guess', address(1))
    expect(tried).toHaveLength(3)
  })

  it('are held by their own failures where the owner shares their address', async () => {
    const { attempt, tried } = await loginApp({ perPair: 3 })
    await attempt(alice, secret)
    for (let i = 0; i < 20; i++) await attempt(alice, 'guess')
    expect(tried).toHaveLength(1 + 3)
  })
})

describe('one address against many accounts', () => {
  it('tries one password at each of them where accounts are counted; here the address is', async () => {
    const { app, tried: theirTried } = await theirs()
    await times(90, (i) =>
      app.inject({ method: 'POST', url: '/login', payload: { email: `user-${i}`, password: 'Spring2026!' } }),
    )
    expect(theirTried).toHaveLength(90)

    const { attempt, tried } = await loginApp({ perAddress: 20 })
    const answers = await times(90, (i) => attempt(`user-${i}`, 'Spring2026!'))
    expect(tried).toHaveLength(20)
    expect(statuses(answers)).toEqual({ 401: 20, 429: 70 })
  })

  it('buys no attempt by signing in to an account of its own', async () => {
    const { attempt, tried } = await loginApp({ perAddress: 20 })
    let victims = 0
    for (let i = 0; i < 90; i++) {
      expect([200, 429]).toContain((await attempt(mallory, secret)).statusCode)
      if ((await attempt(`user-${i}`, 'Spring2026!')).statusCode === 401) victims++
    }
    expect(victims).toBe(20)
    expect(tried.filter((password) => password !== secret)).toHaveLength(20)
  })

  it('is named once, with the accounts that it tried', async () => {
    const { attempt, events } = await loginApp({ perAddress: 4 })
    for (let i = 0; i < 30; i++) await attempt(`user-${i}`, 'Spring2026!', '2001:db8:1:2::9')
    const suspicions = events.filter(({ type }) => type === 'rate-limit.brute-force-suspected')
    expect(suspicions).toHaveLength(1)
    expect(suspicions[0]?.detail).toMatchObject({ held: 'address', attempts: 5, addresses: ['2001:db8:1:2'] })
    expect(suspicions[0]?.detail['accounts']).toHaveLength(5)
  })

  it('is one by its /64, whatever it calls itself', async () => {
    const { attempt, tried } = await loginApp({ perAddress: 5 })
    for (let i = 0; i < 30; i++) await attempt(`user-${i}`, 'Spring2026!', `2001:db8:1:2::${i.toString(16)}`)
    expect(tried).toHaveLength(5)
  })
})

describe('another spelling of one account', () => {
  const spellings = [
    'alice@example.com',
    'ALICE@example.com',
    ' alice@example.com',
    'alice@example.com\t',
    '\u00A0alice@example.com',
    'ａlice@example.com',
    'alice@exa\u00ADmple.com',
    'alice@example.com\u200B',
    'ⓐlice@example.com',
    'alicé@example.com',
  ]

  it('is a fresh quota for the official plugin; here it is the same', async () => {
    const { app, tried: theirTried } = await theirs()
    for (const email of spellings)
      for (let i = 0; i < 5; i++) await app.inject({ method: 'POST', url: '/login', payload: { email, password: 'x' } })
    expect(theirTried).toHaveLength(spellings.length * 3)

    const { attempt, tried } = await loginApp({ perPair: 3 })
    for (const email of spellings) for (let i = 0; i < 5; i++) await attempt(email, 'x')
    expect(tried).toHaveLength(3)
  })

  it.each([
    ['a list', [alice]],
    ['a list in a list', [[alice]]],
    ['an object', { toString: 'x' }],
    ['an operator', { $gt: '' }],
    ['true', true],
    ['a megabyte', 'a'.repeat(1_000_000)],
  ])('is refused as %s, before any handler', async (_, email) => {
    const { attempt, tried } = await loginApp({ perPair: 3 })
    const answer = await attempt(email, secret)
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'PTC_RATE_LIMIT_ACCOUNT_UNREADABLE'])
    expect(tried).toEqual([])
  })

  it('washes no failures away where an app tells spellings apart, and earns no trust for the other account', async () => {
    // Mallory owns `alicé@example.com`; to this app that is another account.
    const app = Fastify()
    apps.push(app)
    await app.register(rateLimit, { policies: [{ name: 'all', limit: 10_000, window: 60 }] })
    const loginGuard = { account: { body: 'email' }, perPair: 5, perAccount: 5, perAddress: 10_000 }
    let guesses = 0
    app.post<{ Body: { email: string } }>(
      '/login',
      { config: { security: { rateLimit: { loginGuard } } } },
      async ({ body }, reply) => {
        if (body.email === 'alicé@example.com') return { ok: true }
        guesses++
        return reply.code(401).send()
      },
    )
    const attempt = (email: string) => app.inject({ method: 'POST', url: '/login', payload: { email } })
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 4; i++) await attempt(alice)
      await attempt('alicé@example.com')
    }
    expect(guesses).toBe(5)
  })

  it('does not come from the prototype', async () => {
    const { app } = await loginApp({ account: { body: 'constructor' }, perPair: 1 })
    const answer = await app.inject({ method: 'POST', url: '/login', payload: { password: 'x' } })
    expect(answer.statusCode).toBe(401)
  })

  it.each([[undefined], [null], [''], [' \u200B ']])('that is none (%j) is counted by the address', async (email) => {
    const { attempt, tried } = await loginApp({ perPair: 3 })
    for (let i = 0; i < 9; i++) await attempt(email, 'x')
    expect(tried).toHaveLength(3)
    // Nobody else is held with it.
    await attempt(email, 'x', address(2))
    expect(tried).toHaveLength(4)
  })
})

describe('a client that hangs up', () => {
  /** A login that answers only when it is told to. */
  async function slow(http2 = false) {
    const app = Fastify({ ...(http2 && { http2: true }) } as object) as unknown as FastifyInstance
    apps.push(app)
    await app.register(rateLimit, { policies: [{ name: 'all', limit: 1000, window: 60 }] })
    const waiting: (() => void)[] = []
    let [reached, over] = [0, 0]
    app.post<{ Body: { status: number } }>(
      '/login',
      { config: { security: { rateLimit: { loginGuard: { account: { body: 'email' }, perPair: 3 } } } } },
      async ({ body }, reply) => {
        reached++
        reply.raw.once('close', () => over++)
        await new Promise<void>((resolve) => waiting.push(resolve))
        return reply.code(body.status).send()
      },
    )
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    return { app, url, waiting, reached: () => reached, over: () => over }
  }

  it.each([401, 200, 500])('pays for its attempt all the same: what would have been %i', async (status) => {
    const { url, waiting, reached, over } = await slow()
    const guess = (signal?: AbortSignal): Promise<number> =>
      fetch(`${url}/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ email: alice, status }),
        ...(signal && { signal }),
      }).then(
        (answer) => answer.status,
        () => 0,
      )
    for (let i = 1; i <= 3; i++) {
      const hangup = new AbortController()
      const answer = guess(hangup.signal)
      await vi.waitFor(() => expect(waiting).toHaveLength(i))
      hangup.abort()
      expect(await answer).toBe(0)
      await vi.waitFor(() => expect(over()).toBe(i))
      waiting[i - 1]?.()
    }
    expect(await guess()).toBe(429)
    expect(reached()).toBe(3)
  })

  it('pays over HTTP/2 too', async () => {
    const { app, url, waiting, over } = await slow(true)
    const session = connectHttp2(url)
    const post = () => {
      const stream = session.request({ ':method': 'POST', ':path': '/login', 'content-type': 'application/json' })
      stream.on('error', () => undefined)
      stream.end(JSON.stringify({ email: alice, status: 200 }))
      return stream
    }
    for (let i = 1; i <= 3; i++) {
      const stream = post()
      await vi.waitFor(() => expect(waiting).toHaveLength(i))
      stream.close(8)
      await vi.waitFor(() => expect(over()).toBe(i))
      waiting[i - 1]?.()
    }
    const last = post()
    const refused = once(last, 'response') as Promise<[Record<string, unknown>]>
    await Promise.race([refused, vi.waitFor(() => expect(waiting).toHaveLength(4))])
    expect(waiting).toHaveLength(3)
    expect((await refused)[0][':status']).toBe(429)
    session.destroy()
    await app.close()
  })

  it('pays when the handler answers past Fastify', async () => {
    const app = Fastify()
    apps.push(app)
    await app.register(rateLimit, { policies: [{ name: 'all', limit: 1000, window: 60 }] })
    let status = 401
    app.post(
      '/login',
      { config: { security: { rateLimit: { loginGuard: { account: { body: 'email' }, perPair: 3 } } } } },
      (_request, reply) => {
        reply.hijack()
        reply.raw.statusCode = status
        reply.raw.end()
      },
    )
    const attempt = async (): Promise<number> =>
      (await app.inject({ method: 'POST', url: '/login', payload: { email: alice } })).statusCode
    status = 200
    for (let i = 0; i < 6; i++) expect(await attempt()).toBe(200)
    status = 401
    for (let i = 0; i < 3; i++) expect(await attempt()).toBe(401)
    expect(await attempt()).toBe(429)
  })
})

describe('what a refusal tells', () => {
  const shown = async ({ attempt }: LoginApp, account: string) => {
    for (let i = 0; i < 3; i++) await attempt(account, 'guess')
    const { statusCode, headers, body } = await attempt(account, 'guess')
    const { date: _date, 'x-ratelimit-remaining': _left, ratelimit: _quota, ...fields } = headers
    return { statusCode, fields, body }
  }

  it('is the same whether the account exists or not', async () => {
    vi.useFakeTimers({ now: 0, toFake: ['Date', 'performance'] })
    const app = await loginApp({ perPair: 3, delay: { first: 30 } })
    expect(await shown(app, alice)).toEqual(await shown(app, 'nobody@example.com'))
  })

  it('is decided before anybody looks the account up, so its time tells nothing either', async () => {
    const { attempt, tried } = await loginApp({ perPair: 1 })
    await attempt(alice, 'guess')
    await attempt('nobody@example.com', 'guess')
    expect(tried).toHaveLength(2)
    expect(statuses([await attempt(alice, 'guess'), await attempt('nobody@example.com', 'guess')])).toEqual({ 429: 2 })
    expect(tried).toHaveLength(2)
  })
})
