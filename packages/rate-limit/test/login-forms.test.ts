import fc from 'fast-check'
import Fastify from 'fastify'
import { afterEach, describe, expect, it, vi } from 'vitest'
import rateLimit, { type LoginGuardOptions } from '../src/index.ts'
import { loginApp, secret, statuses } from './login-app.ts'

afterEach(() => {
  vi.useRealTimers()
})

async function app(method: 'GET' | 'POST', loginGuard: LoginGuardOptions) {
  const made = Fastify()
  await made.register(rateLimit, { policies: [{ name: 'all', limit: 100_000, window: 60 }] })
  // As form parsers make it: an object without a prototype.
  made.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, text, done) =>
    done(null, Object.assign(Object.create(null), Object.fromEntries(new URLSearchParams(String(text))))),
  )
  const reached: string[] = []
  made.route({
    method,
    url: '/login',
    config: { security: { rateLimit: { loginGuard } } },
    handler: async (request, reply) => {
      reached.push(request.method)
      return reply.code(401).send()
    },
  })
  return { app: made, reached }
}

describe('another way to send an attempt', () => {
  it('spends the same quota: a form, JSON, another spelling of the media type', async () => {
    const { app: made, reached } = await app('POST', { account: { body: 'user' }, perPair: 3 })
    const ways = [
      ['application/json', '{"user":"alice"}'],
      ['application/json; charset=utf-8', '{"user":"ALICE"}'],
      ['application/x-www-form-urlencoded', 'user=alice'],
    ] as const
    for (let i = 0; i < 9; i++) {
      const [type, payload] = ways[i % 3] as (typeof ways)[number]
      await made.inject({ method: 'POST', url: '/login', headers: { 'content-type': type }, payload })
    }
    expect(reached).toHaveLength(3)
  })

  it('spends the address where the body is no object', async () => {
    const { app: made, reached } = await app('POST', { account: { body: 'user' }, perPair: 3 })
    for (let i = 0; i < 9; i++)
      await made.inject({ method: 'POST', url: '/login', headers: { 'content-type': 'text/plain' }, payload: `n${i}` })
    expect(reached).toHaveLength(3)
  })

  it('spends what GET spends when it is HEAD', async () => {
    const account = (request: { headers: Record<string, unknown> }): string => String(request.headers['x-user'])
    const { app: made, reached } = await app('GET', { account, perPair: 3 })
    for (let i = 0; i < 9; i++)
      await made.inject({ method: i % 2 ? 'GET' : 'HEAD', url: '/login', headers: { 'x-user': 'alice' } })
    expect(reached).toHaveLength(3)
  })
})

describe('however attackers mix addresses, accounts, spellings, successes and pauses', () => {
  const guard = { perPair: 2, perAccount: 4, perAddress: 6, window: 60, delay: { first: 1, longest: 60 }, trust: 0 }
  /** Free attempts, those that delays let pass (2ⁿ seconds until a failure is forgotten), and those forgotten since. */
  const bound = (limit: number, seconds: number): number => limit + 7 + Math.ceil((seconds * limit) / guard.window)

  it('no account, address or pair sees more guesses than its limit, its delays and what was forgotten', async () => {
    const step = fc.record({
      wait: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 20 })),
      address: fc.integer({ min: 1, max: 3 }),
      account: fc.constantFrom('victim', 'VICTIM', ' victim', 'other', 'mallory@example.com'),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 80 }), async (steps) => {
        vi.useFakeTimers({ now: 0, toFake: ['Date', 'performance'] })
        const { attempt } = await loginApp(guard)
        const guesses = new Map<string, number>()
        let seconds = 0
        for (const { wait, address, account } of steps) {
          vi.advanceTimersByTime(wait * 1000)
          seconds += wait
          const own = account.startsWith('mallory')
          const { statusCode } = await attempt(account, own ? secret : 'guess', `192.0.2.${address}`)
          if (own || statusCode !== 401) continue
          const name = account.trim().toLowerCase()
          for (const key of [`account ${name}`, `address ${address}`, `pair ${address} ${name}`])
            guesses.set(key, (guesses.get(key) ?? 0) + 1)
        }
        for (const [key, count] of guesses) {
          const limit = key.startsWith('pair') ? guard.perPair : key.startsWith('account') ? guard.perAccount : 6
          expect(count).toBeLessThanOrEqual(bound(limit, seconds))
        }
      }),
      { numRuns: 30 },
    )
  })

  it('a user who succeeds in the end is never refused for what he mistyped before', async () => {
    const rounds = fc.array(fc.integer({ min: 0, max: guard.perPair - 1 }), { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(rounds, async (given) => {
        const { attempt } = await loginApp({ ...guard, perAddress: 100 })
        for (const typos of given) {
          for (let i = 0; i < typos; i++) expect((await attempt('alice@example.com', 'typo')).statusCode).toBe(401)
          expect(statuses([await attempt('alice@example.com', secret)])).toEqual({ 200: 1 })
        }
      }),
      { numRuns: 20 },
    )
  })
})
