import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryDecider, refusing } from '../src/decision.ts'
import { fixedWindow } from '../src/fixed-window.ts'
import { gcra } from '../src/gcra.ts'
import { MemoryTable } from '../src/memory-table.ts'
import { parsePolicy, type Quota } from '../src/policy.ts'
import { blankStanding, type Algorithm } from '../src/standing.ts'

interface Settings {
  limit: number
  window: number
  capacity: number
}
type Answer = readonly [allowed: boolean, left: number]
type Model = (now: number, cost: number) => Answer

/** Ten lines that are slow, obvious and independent: every admitted request is remembered. */
function windowModel({ limit, window }: Settings): Model {
  let admitted: { at: number; cost: number }[] = []
  return (now, cost) => {
    if (admitted.length > 0 && now >= admitted[0]!.at + window * 1000) admitted = []
    const spent = admitted.reduce((sum, one) => sum + one.cost, 0)
    if (spent + cost > limit) return [false, limit - spent]
    admitted.push({ at: now, cost })
    return [true, limit - spent - cost]
  }
}

/** A bucket of tokens in exact fractions: units are 1/unit of a token, `unit` µs long. */
function bucketModel({ limit, window, capacity }: Settings): Model {
  const unit = BigInt(Math.ceil((window * 1e6) / limit))
  let tokens = BigInt(capacity) * unit
  let seen = 0n
  return (now, cost) => {
    const at = BigInt(now) * 1000n
    tokens = tokens + at - seen < BigInt(capacity) * unit ? tokens + at - seen : BigInt(capacity) * unit
    seen = at
    const allowed = tokens >= BigInt(cost) * unit
    if (allowed) tokens -= BigInt(cost) * unit
    return [allowed, Number(tokens / unit)]
  }
}

const settings = fc.record({
  limit: fc.integer({ min: 1, max: 12 }),
  window: fc.integer({ min: 1, max: 90 }),
  capacity: fc.integer({ min: 1, max: 12 }),
})
const requests = fc.array(
  fc.record({
    wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40_000 })),
    cost: fc.integer({ min: 1, max: 3 }),
  }),
  { maxLength: 60 },
)

const algorithms: [string, (of: Settings) => { judge: Algorithm; model: Model; capacity: number }][] = [
  ['fixed-window', (of) => ({ judge: fixedWindow(of.limit, of.window), model: windowModel(of), capacity: of.limit })],
  ['gcra', (of) => ({ judge: gcra(of.limit, of.window, of.capacity), model: bucketModel(of), capacity: of.capacity })],
]

describe.each(algorithms)('%s', (_, build) => {
  it('agrees with its reference model, request by request', () => {
    fc.assert(
      fc.property(settings, requests, (of, sent) => {
        const { judge, model, capacity } = build(of)
        const table = new MemoryTable(judge, capacity, 10)
        const standing = blankStanding()
        let now = 1_700_000_000_000
        for (const { wait, cost } of sent) {
          now += wait
          table.judge('one', now, cost, standing)
          if (standing.allowed) table.commit('one', now, standing, cost)
          expect([standing.allowed, standing.after]).toEqual(model(now, cost))
        }
      }),
    )
  })

  it('admits after retryMs, not a millisecond earlier, and is whole after resetMs', () => {
    fc.assert(
      fc.property(settings, requests, (of, sent) => {
        const { judge, capacity } = build(of)
        const [standing, later] = [blankStanding(), blankStanding()]
        let [now, level, until] = [1_700_000_000_000, 0, 0]
        for (const { wait, cost } of sent) {
          if (cost > capacity) continue
          now += wait
          judge(level, until, now, cost, standing)
          if (standing.allowed) {
            ;({ level, until } = standing)
            expect(standing.retryMs).toBe(0)
          } else {
            judge(level, until, now + standing.retryMs, cost, later)
            expect(later.allowed).toBe(true)
            judge(level, until, now + standing.retryMs - 1, cost, later)
            expect(later.allowed).toBe(false)
          }
          judge(level, until, now + standing.resetMs, 1, later)
          expect(later.before).toBe(capacity)
        }
      }),
    )
  })

  it('makes nobody wait longer because the clock was set back', () => {
    const { judge } = build({ limit: 2, window: 60, capacity: 2 })
    const standing = blankStanding()
    const now = 1_700_000_000_000
    judge(0, 0, now, 2, standing)
    judge(standing.level, standing.until, now - 3_600_000, 1, standing)
    expect(standing.allowed).toBe(false)
    expect(standing.retryMs).toBeLessThanOrEqual(60_000)
  })
})

it('never admits more than burst and rate allow in any stretch of time under GCRA', () => {
  fc.assert(
    fc.property(settings, fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 80 }), (of, waits) => {
      const judge = gcra(of.limit, of.window, of.capacity)
      const standing = blankStanding()
      const admitted: number[] = []
      let [now, level] = [1_700_000_000_000, 0]
      for (const wait of waits) {
        now += wait
        judge(level, 0, now, 1, standing)
        if (!standing.allowed) continue
        level = standing.level
        admitted.push(now)
      }
      for (const [first, from] of admitted.entries()) {
        for (const [last, to] of admitted.entries()) {
          if (last >= first)
            expect(last - first + 1).toBeLessThanOrEqual(of.capacity + ((to - from) / 1000 / of.window) * of.limit)
        }
      }
    }),
  )
})

it('changes nothing at all when one of several quotas refuses', () => {
  const policies = [
    { name: 'a', limit: 3, window: 10 },
    { name: 'b', algorithm: 'gcra', limit: 2, window: 10 },
  ] as const
  const quotas: Quota[] = policies.map(parsePolicy)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4000 }), { maxLength: 40 }), (waits) => {
      const tables = [new MemoryTable(fixedWindow(3, 10), 3, 9), new MemoryTable(gcra(2, 10, 2), 2, 9)]
      const decide = memoryDecider(quotas.map((quota, i) => ({ quota, table: tables[i]! })))
      const models = [
        windowModel({ limit: 3, window: 10, capacity: 3 }),
        bucketModel({ limit: 2, window: 10, capacity: 2 }),
      ]
      let now = 1_700_000_000_000
      for (const wait of waits) {
        now += wait
        const decision = decide(['x', 'x'], now)
        if (refusing(decision)) continue
        // Models see only what was admitted: each must agree that it fits.
        for (const [i, model] of models.entries()) expect(model(now, 1)).toEqual([true, decision[i]!.standing.after])
      }
    }),
  )
})

describe('a table that is full', () => {
  const now = 1_700_000_000_000
  const make = (limit: number, maxKeys: number) => {
    const table = new MemoryTable(fixedWindow(limit, 60), limit, maxKeys)
    const standing = blankStanding()
    const take = (key: string, at: number = now): boolean => {
      table.judge(key, at, 1, standing)
      if (standing.allowed) table.commit(key, at, standing, 1)
      return standing.allowed
    }
    return { table, take }
  }

  it('never holds more than its bound', () => {
    const { table, take } = make(3, 50)
    for (let key = 0; key < 5000; key++) take(`k${key}`)
    expect(table.size).toBe(50)
  })

  it('keeps whoever has spent much, and forgets whoever has spent least', () => {
    const { take } = make(4, 50)
    for (let request = 0; request < 3; request++) take('busy')
    for (let key = 0; key < 5000; key++) take(`k${key}`)
    expect(take('busy')).toBe(true)
    expect(take('busy')).toBe(false)
  })

  it('gives newcomers one quota between them when everybody it knows is being refused', () => {
    const { take } = make(2, 10)
    for (let key = 0; key < 10; key++) while (take(`k${key}`));
    expect([take('new1'), take('new2'), take('new3')]).toEqual([true, true, false])
    expect(take('k0')).toBe(false)
  })

  it('forgets the expired before anybody else', () => {
    const { take } = make(2, 10)
    for (let key = 0; key < 10; key++) while (take(`k${key}`));
    expect(take('new', now + 60_000)).toBe(true)
    expect(take('new', now + 60_000)).toBe(true)
    expect(take('new', now + 60_000)).toBe(false)
  })

  it('lets nobody exceed his quota, whatever floods past', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 400 }),
        fc.integer({ min: 1, max: 8 }),
        (keys, maxKeys) => {
          // A caller that has been refused once stays refused for the rest of its window.
          const { take } = make(3, maxKeys)
          const blocked = new Set<string>()
          const spent = new Map<string, number>()
          for (const [step, key] of keys.map((one) => `k${one}`).entries()) {
            const allowed = take(key, now + step)
            if (blocked.has(key)) expect(allowed).toBe(false)
            if (allowed) spent.set(key, (spent.get(key) ?? 0) + 1)
            else if ((spent.get(key) ?? 0) >= 3) blocked.add(key)
          }
        },
      ),
    )
  })
})
