import fc from 'fast-check'
import { parseList, type InnerList, type Item } from 'structured-headers'
import { afterEach, expect, it } from 'vitest'
import type { FastifyInstance } from 'fastify'
import { blankCharge, counted, memoryDecider, refusing } from '../src/decision.ts'
import { compileFields } from '../src/fields.ts'
import type { PolicyOptions } from '../src/index.ts'
import { parsePolicy } from '../src/policy.ts'
import { limitedApp } from './limited-app.ts'

const apps: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

/** A List of Strings with parameters, as an independent parser of RFC 9651 reads it. */
function read(field: unknown): [name: unknown, parameters: Record<string, unknown>][] {
  return parseList(String(field)).map((member: Item | InnerList) => [member[0], Object.fromEntries(member[1])])
}

const policies: PolicyOptions[] = [
  { name: 'per-ip', limit: 5, window: 60 },
  { name: 'a.b_c-9', algorithm: 'sliding-window', limit: 300, window: 3600 },
  { name: 'even', algorithm: 'token-bucket', limit: 60, window: 60, burst: 10 },
  { name: 'plan', limit: () => 7, window: 10 },
  { name: 'mail', limit: 9, window: 60, partitionBy: { body: 'email' } },
]

it('writes RateLimit and RateLimit-Policy that an RFC 9651 parser reads, with the parameters of the draft', async () => {
  const { app } = await limitedApp(policies)
  apps.push(app)
  const { headers } = await app.inject({ method: 'POST', url: '/', payload: { email: 'a' } })
  expect(read(headers['ratelimit'])).toEqual([
    ['per-ip', { r: 4, t: 60 }],
    ['a.b_c-9', { r: 299, t: expect.any(Number) as unknown }],
    ['even', { r: 9, t: 1 }],
    ['plan', { r: 6, t: 10 }],
    ['mail', { r: 8, t: 60 }],
  ])
  expect(read(headers['ratelimit-policy'])).toEqual([
    ['per-ip', { q: 5, w: 60 }],
    ['a.b_c-9', { q: 300, w: 3600 }],
    ['even', { q: 60, w: 60 }],
    ['mail', { q: 9, w: 60 }],
    ['plan', { q: 7, w: 10 }],
  ])
})

it('writes fields that a parser reads, and never promises what does not hold, whatever is asked when', () => {
  const quota = fc.record({
    algorithm: fc.constantFrom('fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket'),
    limit: fc.integer({ min: 1, max: 1_000_000 }),
    window: fc.integer({ min: 1, max: 31_536_000 }),
    reportOnly: fc.boolean(),
    byFunction: fc.boolean(),
  })
  const waits = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1e7 })), { maxLength: 20 })
  fc.assert(
    fc.property(fc.array(quota, { minLength: 1, maxLength: 4 }), waits, fc.boolean(), (given, gaps, unix) => {
      const quotas = given.map(({ byFunction, limit, ...rest }, i) =>
        parsePolicy({ ...rest, name: `q${i}`, limit: byFunction ? () => limit : limit }),
      )
      const decide = memoryDecider(quotas.map((one) => counted(one, 9)))
      const write = compileFields(quotas, false, unix ? 'unix' : 'delta')
      let now = 1_700_000_000_000
      for (const gap of gaps) {
        now += gap
        const charges = quotas.map((one, i) => ({ ...blankCharge(one), subject: 'x', limit: given[i]!.limit }))
        const decision = decide(charges, now)
        const fields = new Map<string, string | number>()
        const target = {
          header: (name: string, value: string | number) => fields.set(name, value),
          getHeader: (name: string) => fields.get(name),
        }
        write(target, decision, refusing(decision), now)
        const policy = new Map(read(fields.get('ratelimit-policy')) as [string, Record<string, unknown>][])
        for (const [name, { r, t }] of read(fields.get('ratelimit'))) {
          expect([Number.isSafeInteger(r), Number.isSafeInteger(t)]).toEqual([true, true])
          expect(r).toBeGreaterThanOrEqual(0)
          expect(r).toBeLessThanOrEqual(policy.get(name as string)!['q'] as number)
          expect(t).toBeGreaterThanOrEqual(0)
        }
        expect(policy.size).toBe(quotas.length)
        const reset = Number(fields.get('x-ratelimit-reset')) * 1000
        expect(reset).toBeGreaterThanOrEqual(unix ? now : 0)
      }
    }),
  )
})
