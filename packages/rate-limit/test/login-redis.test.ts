import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { inspect, reset } from '../src/index.ts'
import { loginApp, secret, statuses, type LoginApp } from './login-app.ts'
import { hasRedis, RedisServer } from '@portcullis/testing/redis'

const alice = 'alice@example.com'

describe.runIf(hasRedis)('a login guard over Redis', () => {
  let server: RedisServer
  const apps: FastifyInstance[] = []
  beforeAll(async () => {
    server = await RedisServer.start()
  })
  beforeEach(async () => {
    await server.client().flushall()
  })
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()))
  })
  afterAll(async () => {
    await server.stop()
  })

  async function guarded(guard: Parameters<typeof loginApp>[0] = {}): Promise<LoginApp> {
    const client = server.client()
    await client.ping()
    const made = await loginApp(guard, { store: { redis: client, timeoutMs: 5000 } })
    apps.push(made.app)
    return made
  }

  it('lets three of fifty simultaneous guesses reach the handlers of two processes', async () => {
    const both = [await guarded({ perPair: 3 }), await guarded({ perPair: 3 })] as const
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => (both[i % 2] as LoginApp).attempt(alice, `guess-${i}`)),
    )
    expect(both[0].tried.length + both[1].tried.length).toBe(3)
    expect(statuses(answers)).toEqual({ 401: 3, 429: 47 })
  })

  it('tells the exact wait, and holds the next process to it', async () => {
    const [one, other] = [
      await guarded({ perPair: 1, delay: { first: 30 } }),
      await guarded({ perPair: 1, delay: { first: 30 } }),
    ]
    expect((await one.attempt(alice, 'guess')).statusCode).toBe(401)
    const refused = await other.attempt(alice, secret)
    expect(refused.statusCode).toBe(429)
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(29)
  })

  it('forgets the failures of whoever signs in, in every process', async () => {
    const [one, other] = [await guarded({ perPair: 3 }), await guarded({ perPair: 3 })]
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 2; i++) expect((await one.attempt(alice, 'guess')).statusCode).toBe(401)
      expect((await other.attempt(alice, secret)).statusCode).toBe(200)
      await vi.waitFor(async () =>
        expect(await inspect(one.app, { policy: 'login.pair', account: alice, ip: '192.0.2.1' })).toMatchObject({
          remaining: 3,
          from: 'shared',
        }),
      )
    }
  })

  it('gives an attempt back when the server fails', async () => {
    const { app, attempt } = await guarded({ perPair: 2, perAccount: 2, perAddress: 2 })
    for (let i = 0; i < 8; i++) {
      expect((await attempt(alice, 'break')).statusCode).toBe(500)
      await vi.waitFor(async () =>
        expect(await inspect(app, { policy: 'login.address', ip: '192.0.2.1' })).toMatchObject({ remaining: 2 }),
      )
    }
  })

  it('trusts where the owner has signed in, whichever process saw it', async () => {
    const [one, other] = [await guarded({ perAccount: 3 }), await guarded({ perAccount: 3 })]
    expect((await one.attempt(alice, secret, '192.0.2.7')).statusCode).toBe(200)
    for (let i = 0; i < 9; i++) await one.attempt(alice, 'guess', `198.51.100.${i}`)
    expect((await other.attempt(alice, secret, '192.0.2.8')).statusCode).toBe(429)
    expect((await other.attempt(alice, secret, '192.0.2.7')).statusCode).toBe(200)
  })

  it('is reset in every process', async () => {
    const [one, other] = [await guarded({ perAccount: 1 }), await guarded({ perAccount: 1 })]
    await one.attempt(alice, 'guess')
    expect((await other.attempt(alice, secret, '192.0.2.8')).statusCode).toBe(429)
    expect(await reset(other.app, { policy: 'login.account', account: alice })).toBe(true)
    expect((await one.attempt(alice, secret, '192.0.2.8')).statusCode).toBe(200)
  })

  it('counts in each process while Redis is away', async () => {
    // However long it takes to notice, no delay is over meanwhile.
    const { attempt, tried } = await guarded({ perPair: 3, delay: { first: 600 } })
    await server.kill()
    const answers = []
    for (let i = 0; i < 9; i++) answers.push(await attempt(alice, `guess-${i}`))
    await server.revive()
    expect(tried).toHaveLength(3)
    expect(statuses(answers)).toEqual({ 401: 3, 429: 6 })
  })

  it('keeps no name of an account in Redis', async () => {
    const { attempt } = await guarded()
    await attempt(alice, 'guess')
    await attempt(alice, secret)
    const keys = await server.client().keys('*')
    expect(keys.length).toBeGreaterThan(0)
    expect(keys.join(' ')).not.toContain('alice')
  })
})
