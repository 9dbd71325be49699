import fc from 'fast-check'
import type { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compileAlgorithm } from '../src/algorithms/algorithms.ts'
import { Bans } from '../src/penalties/ban.ts'
import type { Charge } from '../src/decision.ts'
import { parsePolicy, type Quota } from '../src/policy.ts'
import { scriptOf } from '../src/stores/redis-script.ts'
import { RedisStore } from '../src/stores/redis-store.ts'
import type { SharedDecision } from '../src/stores/shared-store.ts'
import { blankStanding, type Standing } from '../src/algorithms/standing.ts'
import { hasRedis, RedisServer } from '@portcullis/testing/redis'

/** The script on a clock that the test sets. */
const script = scriptOf("local now = tonumber(redis.call('GET', 'clock'))", 3_600_000)
const START = 1_764_000_000_000

const bursts = new Set(['token-bucket', 'leaky-bucket'])
const quotas: fc.Arbitrary<Quota> = fc
  .record({
    algorithm: fc.constantFrom('fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket', 'backoff'),
    limit: fc.integer({ min: 1, max: 40 }),
    window: fc.integer({ min: 1, max: 6 }),
    burst: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  })
  .map(({ algorithm, limit, window, burst }) => ({
    ...parsePolicy({ name: 'q', limit, window }),
    algorithm,
    burst: bursts.has(algorithm) ? burst : undefined,
    delay: { first: 1, longest: 7 },
    tag: `q:${algorithm}:${limit}:${window}:${burst}`,
  }))

interface Step {
  readonly gap: number
  readonly cost: number
  readonly back: number | undefined
}
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    gap: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 9000 })),
    cost: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 5 })),
    // Which earlier taking to give back, if any.
    back: fc.option(fc.nat(10), { nil: undefined, freq: 5 }),
  }),
  { maxLength: 40 },
)

const seen = ({ allowed, capacity, before, after, resetMs, retryMs }: Standing): unknown => ({
  allowed,
  capacity,
  before,
  after,
  resetMs,
  retryMs,
})

describe.runIf(hasRedis)('Redis and memory agree, decision by decision,', () => {
  let server: RedisServer
  let redis: Redis
  let runs = 0
  beforeAll(async () => {
    server = await RedisServer.start()
    redis = server.client()
  })
  afterAll(async () => {
    await server.stop()
  })
  const opened = (): RedisStore =>
    new RedisStore({
      client: redis,
      prefix: `run${runs++}:`,
      timeoutMs: 60_000,
      clock: () => 0,
      script,
      onOutage: (reason) => {
        throw new Error(reason)
      },
    })

  it('under each algorithm, with costs, gaps and refunds', async () => {
    await fc.assert(
      fc.asyncProperty(quotas, steps, async (quota, list) => {
        const store = opened()
        const algorithm = compileAlgorithm(quota)
        const state = new Float64Array(algorithm.width)
        const limit = quota.limit as number
        const capacity = quota.burst ?? limit
        const takings: { charge: Charge; at: number }[] = []
        const out = blankStanding()
        let now = START
        for (const { gap, cost, back } of list) {
          now += gap
          await redis.set('clock', now)
          if (back !== undefined && takings.length > 0) {
            const [{ charge, at }] = takings.splice(back % takings.length, 1) as [(typeof takings)[number]]
            algorithm.refund(state, 0, now, charge.cost, at)
            store.refund(charge, at)
            // The refund leaves at the end of this tick, and the connection keeps the order.
            await new Promise(setImmediate)
          }
          const charge = { quota, subject: 'x', cost: Math.min(cost, capacity), limit }
          algorithm.judge(state, 0, now, charge.cost, out)
          if (out.allowed) {
            algorithm.commit(state, 0, now, charge.cost, out)
            takings.push({ charge, at: now })
          }
          const [part] = (await store.decide([charge])) as SharedDecision
          expect(seen(part!.standing)).toEqual(seen(out))
          algorithm.judge(state, 0, now, 0, out)
          const looked = await store.peek(charge)
          expect(looked!.standing).toMatchObject({ before: out.before, resetMs: out.resetMs })
          algorithm.judge(state, 0, now, 1, out)
          expect(looked!.standing.retryMs).toBe(out.retryMs)
        }
      }),
      { numRuns: 40 },
    )
  }, 120_000)

  it('over several quotas and callers of one tick: all or nothing, in the order of asking', async () => {
    const asked = fc.record({
      a: fc.constantFrom('x', 'y', 'z'),
      b: fc.constantFrom('p', 'q'),
      cost: fc.integer({ min: 1, max: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(quotas, quotas, fc.array(asked, { maxLength: 30 }), async (one, two, list) => {
        const pair = [
          { ...one, name: 'a', tag: `a${one.tag}` },
          { ...two, name: 'b', tag: `b${two.tag}` },
        ]
        const store = opened()
        const algorithms = pair.map(compileAlgorithm)
        const states = pair.map(() => new Map<string, Float64Array>())
        await redis.set('clock', START)
        // Costs alike are one section of the command: the order within it is the order of asking.
        const sorted = list.toSorted((left, right) => left.cost - right.cost)
        const requests = sorted.map(({ a, b, cost }) =>
          pair.map((quota, i) => {
            const limit = quota.limit as number
            return { quota, subject: [a, b][i]!, cost: Math.min(cost, quota.burst ?? limit), limit }
          }),
        )
        const decisions = await Promise.all(requests.map(async (charges) => store.decide(charges)))
        const expected = requests.map((charges) => {
          const outs = charges.map(({ subject, cost }, i) => {
            const known = states[i]!.get(subject) ?? new Float64Array(algorithms[i]!.width)
            states[i]!.set(subject, known)
            const out = blankStanding()
            algorithms[i]!.judge(known, 0, START, cost, out)
            return { known, cost, out }
          })
          if (outs.every(({ out }) => out.allowed))
            for (const [i, { known, cost, out }] of outs.entries()) algorithms[i]!.commit(known, 0, START, cost, out)
          return outs.map(({ out }) => seen(out))
        })
        // Equal charges meet equal plans, so sorting by cost may only move requests whose plans differ.
        expect(decisions.map((decision) => decision!.map(({ standing }) => seen(standing)))).toEqual(expected)
      }),
      { numRuns: 25 },
    )
  }, 120_000)

  it('about who is banned, and for how long', async () => {
    const ban = { after: 3, within: 5, for: 7 }
    const walk = fc.array(fc.record({ gap: fc.integer({ min: 0, max: 3000 }), who: fc.constantFrom('x', 'y') }), {
      maxLength: 40,
    })
    // Bans expire by the server's own clock: the steps of this test take no time on it.
    await fc.assert(
      fc.asyncProperty(walk, async (list) => {
        const quota = { ...parsePolicy({ name: 'b', limit: 1, window: 600 }), ban }
        const store = opened()
        const bans = new Bans(ban, 99)
        const spent = new Set<string>()
        await redis.set('clock', START)
        for (const { who } of list) {
          const [part] = (await store.decide([{ quota, subject: who, cost: 1, limit: 1 }])) as SharedDecision
          const running = bans.remaining(who, START) > 0
          const begins = !running && spent.has(who) ? bans.refused(who, START) > 0 : false
          expect(part!.ban).toBe(begins ? 'begun' : running ? 'running' : undefined)
          expect(part!.standing.allowed).toBe(!spent.has(who))
          spent.add(who)
        }
      }),
      { numRuns: 12 },
    )
  })
})
