import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Backoff, type BackoffSettings } from '../src/algorithms/backoff.ts'
import { blankStanding, type Standing } from '../src/algorithms/standing.ts'

/** One caller. */
class Caller {
  readonly state = new Float64Array(3)
  readonly #backoff: Backoff
  constructor(settings: BackoffSettings) {
    this.#backoff = new Backoff(settings)
  }
  look(now: number, cost = 1): Standing {
    const out = blankStanding()
    this.#backoff.judge(this.state, 0, now, cost, out)
    return out
  }
  take(now: number, cost = 1): Standing {
    const out = this.look(now, cost)
    if (out.allowed) this.#backoff.commit(this.state, 0, now, cost)
    return out
  }
  refund(takenAt: number, cost = 1): void {
    this.#backoff.refund(this.state, 0, takenAt, cost, takenAt)
  }
}

/** Ten lines that are slow and obvious: failures leak like water, and each one too many doubles the delay. */
function model({ limit, window, first, longest }: BackoffSettings): (now: number) => number {
  const unit = Math.ceil((window * 1000) / limit)
  let [water, seen, ready] = [0, 0, 0]
  return (now) => {
    water = Math.max(0, water - (now - seen))
    seen = now
    if (now < ready) return ready - now
    water = Math.min(water, unit * (limit + 40)) + unit
    let delay = 0
    for (let failure = limit; failure <= Math.ceil(water / unit); failure++) delay = delay === 0 ? first : delay * 2
    ready = now + Math.min(delay, longest) * 1000
    return 0
  }
}

const settings = fc
  .record({
    limit: fc.integer({ min: 1, max: 8 }),
    window: fc.integer({ min: 1, max: 600 }),
    first: fc.integer({ min: 1, max: 30 }),
    more: fc.integer({ min: 0, max: 900 }),
  })
  .map(({ first, more, ...rest }) => ({ ...rest, first, longest: first + more }))
const waits = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 120_000 })), { maxLength: 60 })
const start = 1_000_000

describe('backoff', () => {
  it('lets three attempts pass, then doubles the delay from one second on', () => {
    const caller = new Caller({ limit: 3, window: 900, first: 1, longest: 900 })
    let now = start
    const waited: number[] = []
    for (let attempt = 0; attempt < 10; attempt++) {
      const { retryMs } = caller.look(now)
      waited.push(retryMs / 1000)
      now += retryMs
      expect(caller.take(now).allowed).toBe(true)
    }
    expect(waited).toEqual([0, 0, 0, 1, 2, 4, 8, 16, 32, 64])
  })

  it('never delays longer than `longest`', () => {
    const caller = new Caller({ limit: 1, window: 3600, first: 1, longest: 30 })
    let now = start
    for (let attempt = 0; attempt < 200; attempt++) {
      const { retryMs } = caller.look(now)
      expect(retryMs).toBeLessThanOrEqual(30_000)
      now += retryMs
      caller.take(now)
    }
    expect(caller.look(now).retryMs).toBe(30_000)
  })

  it('decides like the model', () => {
    fc.assert(
      fc.property(settings, waits, (given, gaps) => {
        const [caller, expected] = [new Caller(given), model(given)]
        let now = start
        for (const gap of gaps) {
          now += gap
          expect(caller.take(now).retryMs).toBe(expected(now))
        }
      }),
    )
  })

  it('admits after exactly the wait that it tells, and not 1 ms earlier', () => {
    fc.assert(
      fc.property(settings, waits, (given, gaps) => {
        const caller = new Caller(given)
        let now = start
        for (const gap of gaps) {
          now += gap
          const { allowed, retryMs } = caller.take(now)
          if (allowed) continue
          expect(caller.look(now + retryMs).allowed).toBe(true)
          expect(caller.look(now + retryMs - 1).allowed).toBe(false)
        }
      }),
    )
  })

  it('does not lengthen a delay by what it refuses', () => {
    const caller = new Caller({ limit: 1, window: 900, first: 10, longest: 900 })
    caller.take(start)
    const before = [...caller.state]
    for (let ms = 0; ms < 10_000; ms += 100) expect(caller.take(start + ms).allowed).toBe(false)
    expect([...caller.state]).toEqual(before)
    expect(caller.take(start + 10_000).allowed).toBe(true)
  })

  it('is as if nothing had been taken after a refund at once', () => {
    fc.assert(
      fc.property(settings, waits, waits, (given, before, after) => {
        const [refunded, never] = [new Caller(given), new Caller(given)]
        let now = start
        for (const gap of before) {
          now += gap
          expect(refunded.take(now)).toEqual(never.take(now))
        }
        now += 1
        if (refunded.take(now).allowed) refunded.refund(now)
        for (const gap of after) {
          now += gap
          expect(refunded.take(now)).toEqual(never.take(now))
        }
      }),
    )
  })

  it('frees those who wait when one of several simultaneous attempts is given back', () => {
    const caller = new Caller({ limit: 3, window: 900, first: 60, longest: 900 })
    for (let ms = 0; ms < 3; ms++) caller.take(start + ms)
    expect(caller.look(start + 3).allowed).toBe(false)
    caller.refund(start + 1)
    expect(caller.take(start + 3).allowed).toBe(true)
    expect(caller.take(start + 3).allowed).toBe(false)
  })

  it('lets nobody have more than the limit and then the limit a window for long, however patient', () => {
    const given = { limit: 5, window: 100, first: 1, longest: 60 }
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 100, maxLength: 400 }), (gaps) => {
        const caller = new Caller(given)
        let [now, admitted] = [start, 0]
        for (const gap of gaps) {
          now += gap
          if (caller.take(now).allowed) admitted++
        }
        // Five at once, five more delays until a delay (32 s) is longer than a failure is remembered (20 s).
        expect(admitted).toBeLessThanOrEqual(5 + 5 + ((now - start) / 1000 / given.window) * given.limit)
      }),
    )
  })

  it('holds nobody longer than `longest` after the clock was set back', () => {
    const caller = new Caller({ limit: 1, window: 900, first: 60, longest: 120 })
    caller.take(start + 86_400_000)
    expect(caller.look(start).retryMs).toBe(120_000)
    expect(caller.look(start).resetMs).toBeLessThanOrEqual(41 * 900_000)
  })

  it('tells how much is left, and when all is forgotten', () => {
    const caller = new Caller({ limit: 3, window: 30, first: 5, longest: 60 })
    expect(caller.take(start)).toMatchObject({ before: 3, after: 2, resetMs: 10_000 })
    expect(caller.take(start)).toMatchObject({ before: 2, after: 1, resetMs: 20_000 })
    expect(caller.take(start)).toMatchObject({ before: 1, after: 0, resetMs: 30_000 })
    expect(caller.take(start)).toMatchObject({ allowed: false, before: 0, after: 0, retryMs: 5_000 })
    expect(caller.take(start + 30_000)).toMatchObject({ before: 3, after: 2 })
  })
})
