import official from '@fastify/rate-limit'
import Fastify from 'fastify'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { blankCharge, counted, memoryDecider, refusing } from '../src/decision.ts'
import { secondsOf } from '../src/fields.ts'
import { fixedWindow } from '../src/algorithms/fixed-window.ts'
import { leakyBucket } from '../src/algorithms/leaky-bucket.ts'
import { parsePolicy, type Quota } from '../src/policy.ts'
import { slidingLog } from '../src/algorithms/sliding-log.ts'
import { LONGEST_LOG, SEGMENTS, slidingSegments, slidingWindow } from '../src/algorithms/sliding-window.ts'
import { blankStanding, type Algorithm, type Standing } from '../src/algorithms/standing.ts'
import { tokenBucket } from '../src/algorithms/token-bucket.ts'
import {
  leakModel,
  logModel,
  segmentModel,
  tokenModel,
  windowModel,
  type Answer,
  type Model,
  type Settings,
} from './models.ts'

const start = 1_700_000_000_000

/** One caller of an algorithm. */
function caller(algorithm: Algorithm) {
  // Neighbours on both sides, which nothing may touch.
  const state = new Float64Array(algorithm.width + 2).fill(7, 0, 1).fill(7, algorithm.width + 1)
  return {
    state,
    look(now: number, cost: number): Standing {
      const out = blankStanding()
      algorithm.judge(state, 1, now, cost, out)
      return out
    },
    take(now: number, cost: number): Standing {
      const out = this.look(now, cost)
      if (out.allowed) algorithm.commit(state, 1, now, cost, out)
      return out
    },
    refund(now: number, cost: number, takenAt: number): void {
      algorithm.refund(state, 1, now, cost, takenAt)
    },
  }
}

const settings = fc.record({
  limit: fc.integer({ min: 1, max: 12 }),
  window: fc.integer({ min: 1, max: 90 }),
  capacity: fc.integer({ min: 1, max: 12 }),
})
const cost = fc.integer({ min: 1, max: 3 })
const request = fc.record({
  wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 40_000 })),
  cost,
})
const requests = fc.array(request, { maxLength: 60 })

interface Subject {
  algorithm: Algorithm
  model: Model
  capacity: number
}
const algorithms: [string, (of: Settings) => Subject][] = [
  [
    'fixed-window',
    (of) => ({ algorithm: fixedWindow(of.limit, of.window), model: windowModel(of), capacity: of.limit }),
  ],
  [
    'sliding-window, as a log',
    (of) => ({ algorithm: slidingLog(of.limit, of.window), model: logModel(of), capacity: of.limit }),
  ],
  [
    'sliding-window, by segments',
    (of) => ({ algorithm: slidingSegments(of.limit, of.window), model: segmentModel(of), capacity: of.limit }),
  ],
  [
    'token-bucket',
    (of) => ({
      algorithm: tokenBucket(of.limit, of.window, of.capacity),
      model: tokenModel(of),
      capacity: of.capacity,
    }),
  ],
  [
    'leaky-bucket',
    (of) => ({ algorithm: leakyBucket(of.limit, of.window, of.capacity), model: leakModel(of), capacity: of.capacity }),
  ],
]

describe.each(algorithms)('%s', (_, build) => {
  it('agrees with its reference model, request by request, and touches no neighbour', () => {
    fc.assert(
      fc.property(settings, requests, fc.constantFrom(0, start), (of, sent, from) => {
        const { algorithm, model } = build(of)
        const one = caller(algorithm)
        let now = from
        for (const { wait, cost: units } of sent) {
          now += wait
          const { allowed, after } = one.take(now, units)
          expect([allowed, after]).toEqual(model(now, units))
        }
        expect([one.state[0], one.state.at(-1)]).toEqual([7, 7])
      }),
    )
  })

  it('admits after retryMs, not a millisecond earlier, after Retry-After too, and is whole after resetMs', () => {
    fc.assert(
      fc.property(settings, requests, (of, sent) => {
        const { algorithm, capacity } = build(of)
        const one = caller(algorithm)
        let now = start
        for (const { wait, cost: units } of sent) {
          if (units > capacity) continue
          now += wait
          const { allowed, retryMs, resetMs, until } = one.take(now, units)
          if (allowed) expect(retryMs).toBe(0)
          else {
            expect(one.look(now + retryMs, units).allowed).toBe(true)
            expect(one.look(now + retryMs - 1, units).allowed).toBe(false)
            expect(one.look(now + secondsOf(retryMs) * 1000, units).allowed).toBe(true)
          }
          expect(one.look(now + resetMs, 1).before).toBe(capacity)
          expect(until).toBeGreaterThanOrEqual(now + resetMs)
        }
      }),
    )
  })

  it('is as if nothing had been asked after a refusal', () => {
    fc.assert(
      fc.property(settings, requests, (of, sent) => {
        const one = caller(build(of).algorithm)
        let now = start
        for (const { wait, cost: units } of sent) {
          now += wait
          const before = one.state.slice()
          if (!one.take(now, units).allowed) expect(one.state).toEqual(before)
        }
      }),
    )
  })

  it('decides after a refund as if it had never been taken', () => {
    fc.assert(
      fc.property(settings, requests, request, fc.nat(20_000), requests, (of, earlier, refunded, held, later) => {
        const [one, twin] = [caller(build(of).algorithm), caller(build(of).algorithm)]
        let now = start
        for (const { wait, cost: units } of earlier) {
          now += wait
          one.take(now, units)
          twin.take(now, units)
        }
        const takenAt = (now += refunded.wait)
        if (one.take(takenAt, refunded.cost).allowed) one.refund(takenAt + held, refunded.cost, takenAt)
        now += held
        for (const { wait, cost: units } of later) {
          now += wait
          if (units > one.look(now, 0).capacity) continue
          expect(told(one.take(now, units))).toEqual(told(twin.take(now, units)))
        }
      }),
    )
  })

  it('makes nobody wait longer because the clock was set back', () => {
    const one = caller(build({ limit: 2, window: 60, capacity: 2 }).algorithm)
    expect(one.take(start, 2).allowed).toBe(true)
    const { allowed, retryMs } = one.look(start - 3_600_000, 1)
    expect(allowed).toBe(false)
    expect(retryMs).toBeLessThanOrEqual(63_000)
  })
})

const told = ({ allowed, before, after, resetMs, retryMs }: Standing) => ({ allowed, before, after, resetMs, retryMs })

/** Runs a caller that always asks again, and tells the units admitted with their times. */
function admitted(algorithm: Algorithm, sent: readonly { wait: number; cost: number }[]) {
  const one = caller(algorithm)
  let now = start
  return sent.flatMap(({ wait, cost: units }) => {
    now += wait
    return one.take(now, units).allowed ? [{ at: now, units }] : []
  })
}

it.each([
  ['a log', slidingLog],
  ['segments', slidingSegments],
])('sliding-window as %s admits more than the limit in no window of its length', (_, build) => {
  fc.assert(
    fc.property(settings, requests, ({ limit, window }, sent) => {
      const all = admitted(build(limit, window), sent)
      for (const { at: from } of all) {
        const within = all.filter(({ at }) => at >= from && at < from + window * 1000)
        expect(within.reduce((sum, { units }) => sum + units, 0)).toBeLessThanOrEqual(limit)
      }
    }),
  )
})

it('keeps at least 95 % of the rate in a sliding window by segments, in memory that the limit does not change', () => {
  const window = 60
  for (const limit of [100, 10_000]) {
    // Ten times the limit, evenly, for fifty windows.
    const every = (window * 1000) / limit / 10
    const algorithm = slidingSegments(limit, window)
    const one = caller(algorithm)
    let passed = 0
    for (let now = 0; now < 50 * window * 1000; now += every) if (one.take(Math.floor(now), 1).allowed) passed++
    expect(passed / (limit * 50)).toBeGreaterThanOrEqual(0.95)
    expect(algorithm.width).toBe(SEGMENTS + 2)
  }
})

it('keeps a log only where it is not larger than the segments', () => {
  expect(slidingWindow(LONGEST_LOG, 60).width).toBe(slidingWindow(LONGEST_LOG + 1, 60).width)
  expect(slidingWindow(3, 60).width).toBe(4)
})

describe.each([
  ['token-bucket', tokenBucket],
  ['leaky-bucket', leakyBucket],
])('%s', (_, build) => {
  it('never admits more than burst and rate allow in any stretch of time', () => {
    fc.assert(
      fc.property(settings, requests, ({ limit, window, capacity }, sent) => {
        const all = admitted(build(limit, window, capacity), sent)
        for (const [first, { at: from }] of all.entries()) {
          let units = 0
          for (const one of all.slice(first)) {
            units += one.units
            expect(units).toBeLessThanOrEqual(capacity + ((one.at - from) / 1000 / window) * limit)
          }
        }
      }),
    )
  })

  it('gives back by a late refund never more than was taken, and less by at most the time until the last taking', () => {
    fc.assert(
      fc.property(settings, requests, request, requests, fc.nat(5000), (of, earlier, refunded, between, held) => {
        const { limit, window, capacity } = of
        const [one, twin] = [caller(build(limit, window, capacity)), caller(build(limit, window, capacity))]
        let now = start
        for (const { wait, cost: units } of earlier) {
          now += wait
          one.take(now, units)
          twin.take(now, units)
        }
        const takenAt = (now += refunded.wait)
        if (!one.take(takenAt, refunded.cost).allowed) return
        let last = takenAt
        for (const { wait, cost: units } of between) {
          now += wait
          if (!one.take(now, units).allowed) continue
          twin.take(now, units)
          last = now
        }
        now += held
        one.refund(now, refunded.cost, takenAt)
        const [late, never] = [one.look(now, 0).resetMs, twin.look(now, 0).resetMs]
        expect(late).toBeGreaterThanOrEqual(never)
        expect(late - never).toBeLessThanOrEqual(last - takenAt + 1)
      }),
    )
  })
})

it('gives back in a sliding window exactly what was taken, whatever came between', () => {
  const builds = fc.constantFrom(slidingLog, slidingSegments)
  fc.assert(
    fc.property(builds, settings, requests, fc.nat(59), fc.nat(5000), (build, { limit, window }, sent, which, held) => {
      const [one, twin] = [caller(build(limit, window)), caller(build(limit, window))]
      let now = start
      let refunded: { at: number; units: number } | undefined
      for (const [place, { wait, cost: units }] of sent.entries()) {
        now += wait
        if (!one.take(now, units).allowed) continue
        if (place === which) refunded = { at: now, units }
        else twin.take(now, units)
      }
      now += held
      if (refunded !== undefined) one.refund(now, refunded.units, refunded.at)
      for (let units = 0; units <= limit; units++) {
        expect(told(one.look(now, units))).toEqual(told(twin.look(now, units)))
      }
    }),
  )
})

it('admits by level what a token bucket of the same capacity admits by tokens', () => {
  fc.assert(
    fc.property(settings, requests, ({ limit, window, capacity }, sent) => {
      const [tokens, level] = [
        caller(tokenBucket(limit, window, capacity)),
        caller(leakyBucket(limit, window, capacity)),
      ]
      let now = start
      for (const { wait, cost: units } of sent) {
        now += wait
        expect(level.take(now, units)).toEqual(tokens.take(now, units))
      }
    }),
  )
})

describe('beside @fastify/rate-limit', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('decides a fixed window as it does, request by request', async () => {
    vi.useFakeTimers({ now: start, toFake: ['Date'] })
    const app = Fastify()
    await app.register(official, { global: false })
    app.get('/', async () => '')
    await app.ready()
    await fc.assert(
      fc.asyncProperty(
        settings,
        fc.array(fc.integer({ min: 0, max: 30_000 }), { maxLength: 30 }),
        async (of, waits) => {
          const { limit: max, window } = of
          const take = app.createRateLimit({ max, timeWindow: window * 1000, keyGenerator: () => 'one' })
          const one = caller(fixedWindow(max, window))
          vi.setSystemTime(start)
          for (const wait of waits) {
            vi.setSystemTime(Date.now() + wait)
            const theirs = await take({ routeOptions: {} } as never)
            const ours = one.take(Date.now(), 1)
            if (theirs.isAllowed) throw new TypeError('nobody is on a list')
            expect([!theirs.isExceeded, theirs.remaining]).toEqual([ours.allowed, ours.after])
            if (theirs.isExceeded) expect(theirs.ttl).toBe(ours.retryMs)
          }
        },
      ),
      { numRuns: 50 },
    )
    await app.close()
  })
})

it('changes nothing at all when one of several quotas refuses', () => {
  const policies = [
    { name: 'a', limit: 3, window: 10 },
    { name: 'b', algorithm: 'token-bucket', limit: 2, window: 10 },
    { name: 'c', algorithm: 'sliding-window', limit: 4, window: 12 },
  ] as const
  const quotas: Quota[] = policies.map(parsePolicy)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4000 }), { maxLength: 40 }), (waits) => {
      const decide = memoryDecider(quotas.map((quota) => counted(quota, 9)))
      const models = [
        windowModel({ limit: 3, window: 10, capacity: 3 }),
        tokenModel({ limit: 2, window: 10, capacity: 2 }),
        logModel({ limit: 4, window: 12, capacity: 4 }),
      ]
      const charges = quotas.map((quota) => ({ ...blankCharge(quota), subject: 'x' }))
      let now = start
      for (const wait of waits) {
        now += wait
        const decision = decide(charges, now)
        if (refusing(decision)) continue
        // Models see only what was admitted: each must agree that it fits.
        const left = decision.map(({ standing }): Answer => [true, standing.after])
        expect(models.map((model) => model(now, 1))).toEqual(left)
      }
    }),
  )
})
