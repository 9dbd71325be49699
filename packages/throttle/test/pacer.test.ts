import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Pacer } from '../src/pacer.ts'
import { Turn } from '../src/turn.ts'
import { FakeTimers } from './fake-timers.ts'

const wide = { length: 1_000_000, perCaller: 1_000_000, waitMs: 1_000_000 }

/** Notes when a request goes. */
function noting(timers: FakeTimers, outcome: null | Turn | number, note: (at: number) => void): void {
  if (outcome === null) note(timers.now())
  if (outcome instanceof Turn) {
    outcome.settle = (ending) => {
      if (ending === 'go') note(timers.now())
    }
  }
}

const pace = fc.record({
  limit: fc.integer({ min: 1, max: 50 }),
  window: fc.integer({ min: 1, max: 5 }),
  burst: fc.integer({ min: 1, max: 20 }),
})
const arrivals = fc.array(
  fc.record({
    gap: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 700 })),
    caller: fc.constantFrom('a', 'b', 'c'),
  }),
  { minLength: 1, maxLength: 80 },
)

describe('a pacer, whatever arrives', () => {
  it('admits in no stretch of time more than the burst and what the rate brings', () => {
    fc.assert(
      fc.property(pace, arrivals, (given, all) => {
        const timers = new FakeTimers()
        const pacer = new Pacer(given, wide, timers)
        const went: number[] = []
        for (const { gap, caller } of all) {
          timers.pass(gap)
          noting(timers, pacer.enter('r', caller), (at) => went.push(at))
        }
        timers.pass(1_000_000)
        expect(went).toHaveLength(all.length)
        const interval = (given.window * 1000) / given.limit
        for (let from = 0; from < went.length; from++) {
          for (let to = from; to < went.length; to++) {
            const stretch = (went[to] as number) - (went[from] as number)
            expect(to - from + 1).toBeLessThanOrEqual(given.burst + stretch / interval + 1e-6)
          }
        }
      }),
    )
  })

  it('goes exactly when the slow oracle says: as soon as the rate allows, rounded up to a whole timer tick', () => {
    fc.assert(
      fc.property(pace, arrivals, (given, all) => {
        const timers = new FakeTimers()
        const pacer = new Pacer(given, wide, timers)
        const interval = (given.window * 1000) / given.limit
        const went: number[] = []
        const start: number[] = []
        for (const { gap } of all) {
          timers.pass(gap)
          start.push(timers.now())
          noting(timers, pacer.enter('r', 'one'), (at) => went.push(at))
        }
        timers.pass(1_000_000)
        // A bucket of tokens, counted one by one.
        let tokens = given.burst
        let at = 0
        for (const [i, asked] of start.entries()) {
          const earliest = Math.max(asked, at)
          tokens = Math.min(given.burst, tokens + (earliest - at) / interval)
          at = earliest
          if (tokens < 1) {
            at += (1 - tokens) * interval
            tokens = 1
          }
          tokens -= 1
          // The oracle has no timer: each wait may end up to a tick late, and lateness adds up with a burst of one.
          expect(went[i] as number).toBeGreaterThanOrEqual(at - 1e-6)
          expect(went[i] as number).toBeLessThanOrEqual(at + 1 + i)
        }
      }),
    )
  })

  it('tells each who waits how long, and so long it is unless another caller comes', () => {
    const whole = fc.record({
      limit: fc.constantFrom(1, 2, 4, 5, 10, 20),
      window: fc.constant(1),
      burst: fc.integer({ min: 1, max: 9 }),
    })
    fc.assert(
      fc.property(whole, arrivals, (given, all) => {
        const timers = new FakeTimers()
        const pacer = new Pacer(given, wide, timers)
        for (const { caller } of all) pacer.enter('r', caller)
        const asked = timers.now()
        const turn = pacer.enter('r', 'a')
        fc.pre(turn instanceof Turn)
        let went = -1
        turn.settle = () => (went = timers.now())
        timers.pass(1_000_000)
        expect(went - asked).toBeCloseTo(turn.expectedMs, 6)
      }),
    )
  })

  it('takes a refused request after the time it names, and not a millisecond before', () => {
    fc.assert(
      fc.property(pace, fc.integer({ min: 1, max: 3000 }), fc.boolean(), (given, waitMs, early) => {
        const timers = new FakeTimers()
        const pacer = new Pacer(given, { ...wide, waitMs }, timers)
        let refused: null | Turn | number = null
        while (typeof refused !== 'number') refused = pacer.enter('r', 'a')
        fc.pre(!early || refused > 1)
        const wait = early ? Math.floor(refused) - 1 : Math.ceil(refused)
        timers.pass(wait)
        expect(typeof pacer.enter('r', 'a') === 'number').toBe(early)
      }),
    )
  })

  it('keeps nobody longer than it may, and nothing when all is over', () => {
    fc.assert(
      fc.property(pace, arrivals, fc.integer({ min: 1, max: 2000 }), (given, all, waitMs) => {
        const timers = new FakeTimers()
        const pacer = new Pacer(given, { ...wide, waitMs }, timers)
        for (const { gap, caller } of all) {
          timers.pass(gap)
          const asked = timers.now()
          const turn = pacer.enter('r', caller)
          if (turn instanceof Turn) turn.settle = () => expect(timers.now() - asked).toBeLessThanOrEqual(waitMs)
        }
        timers.pass(waitMs)
        expect(pacer.waiting).toBe(0)
        expect(timers.pending).toBe(0)
        expect(timers.most).toBeLessThanOrEqual(1)
      }),
    )
  })
})

it('lets ten go at once and the next five a tenth of a second apart', () => {
  const timers = new FakeTimers()
  const pacer = new Pacer({ limit: 10, window: 1, burst: 10 }, wide, timers)
  const start = timers.now()
  const went: number[] = []
  for (let i = 0; i < 15; i++) noting(timers, pacer.enter('r', 'a'), (at) => went.push(at - start))
  timers.pass(1000)
  expect(went).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 200, 300, 400, 500])
})

it('stays at the rate after the process was stopped for a minute', () => {
  const timers = new FakeTimers()
  const pacer = new Pacer({ limit: 10, window: 1, burst: 1 }, wide, timers)
  const went: number[] = []
  for (let i = 0; i < 10; i++) noting(timers, pacer.enter('r', 'a'), (at) => went.push(at))
  timers.jump(60_000)
  timers.pass(2000)
  for (let i = 2; i < went.length; i++)
    expect((went[i] as number) - (went[i - 1] as number)).toBeGreaterThanOrEqual(100)
})

it('forgets the rates of callers who have rested, and shares one among newcomers while it is full', () => {
  const timers = new FakeTimers()
  const pacer = new Pacer({ limit: 1, window: 1, burst: 1 }, wide, timers, 100)
  for (let i = 0; i < 1000; i++) pacer.enter(`caller ${i}`, 'x')
  expect(pacer.lanes).toBe(101)
  timers.pass(2_000_000)
  for (let i = 0; i < 200; i++) {
    pacer.enter(`later ${i}`, 'x')
    timers.pass(2000)
  }
  expect(pacer.lanes).toBeLessThan(10)
})

it('holds each caller to its share of the queue, and all to the whole', () => {
  const timers = new FakeTimers()
  const pacer = new Pacer({ limit: 1, window: 1, burst: 1 }, { length: 5, perCaller: 3, waitMs: 60_000 }, timers)
  pacer.enter('r', 'a')
  const kinds = ['a', 'a', 'a', 'a', 'b', 'b', 'b', 'c'].map((caller) => typeof pacer.enter('r', caller))
  expect(kinds).toEqual(['object', 'object', 'object', 'number', 'object', 'object', 'number', 'number'])
})

it('ends the waiting of all when it closes', () => {
  const timers = new FakeTimers()
  const pacer = new Pacer({ limit: 1, window: 1, burst: 1 }, wide, timers)
  const endings: string[] = []
  for (let i = 0; i < 4; i++) {
    const turn = pacer.enter('r', 'a')
    if (turn instanceof Turn) turn.settle = (ending) => endings.push(ending)
  }
  pacer.close()
  expect(endings).toEqual(['closing', 'closing', 'closing'])
  expect(timers.pending).toBe(0)
})
