import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { fixedWindow } from '../src/algorithms/fixed-window.ts'
import { leakyBucket } from '../src/algorithms/leaky-bucket.ts'
import { MemoryTable } from '../src/memory/memory-table.ts'
import { slidingWindow } from '../src/algorithms/sliding-window.ts'
import { blankStanding, type Algorithm } from '../src/algorithms/standing.ts'
import { tokenBucket } from '../src/algorithms/token-bucket.ts'

const START = 1_700_000_000_000

const algorithms: [string, () => Algorithm][] = [
  ['fixed-window', () => fixedWindow(4, 10)],
  ['sliding-window, a log', () => slidingWindow(4, 10)],
  ['sliding-window, segments', () => slidingWindow(40, 10)],
  ['token-bucket', () => tokenBucket(4, 10, 5)],
  ['leaky-bucket', () => leakyBucket(4, 10, 5)],
]

const step = fc.record({
  name: fc.integer({ min: 0, max: 30 }).map((one) => `a10.0.0.${one}`),
  wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 4000 })),
  cost: fc.integer({ min: 1, max: 3 }),
  act: fc.constantFrom('take' as const, 'take' as const, 'refund' as const, 'look' as const, 'forget' as const),
})

describe.each(algorithms)('%s', (_, make) => {
  it('decides as a plain Map of states does, as long as there is room', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
        const algorithm = make()
        const table = new MemoryTable(algorithm, 31)
        const states = new Map<string, Float64Array>()
        const taken = new Map<string, { cost: number; at: number }>()
        const [ours, theirs] = [blankStanding(), blankStanding()]
        let now = START
        for (const { name, wait, cost, act } of steps) {
          now += wait
          const state = states.get(name) ?? new Float64Array(algorithm.width)
          if (act === 'forget') {
            table.forget(name)
            states.delete(name)
            taken.delete(name)
          } else if (act === 'refund') {
            const last = taken.get(name)
            taken.delete(name)
            if (last === undefined) continue
            table.refund(name, now, last.cost, last.at)
            // Who has expired and been forgotten has nothing to be given back.
            if (states.has(name)) algorithm.refund(state, 0, now, last.cost, last.at)
          } else if (act === 'look') {
            table.peek(name, now, ours)
            algorithm.judge(state, 0, now, 0, theirs)
            expect(ours.before).toBe(theirs.before)
          } else {
            table.judge(name, now, cost, ours)
            algorithm.judge(state, 0, now, cost, theirs)
            expect(ours).toEqual(theirs)
            if (!ours.allowed) continue
            table.commit(name, now, cost, ours)
            algorithm.commit(state, 0, now, cost, theirs)
            states.set(name, state)
            taken.set(name, { cost, at: now })
          }
        }
      }),
    )
  })

  it('never holds more than its bound, and never frees who is being refused', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 300, size: 'max' }),
        fc.integer({ min: 1, max: 12 }),
        (steps, maxKeys) => {
          const table = new MemoryTable(make(), maxKeys)
          const standing = blankStanding()
          /** When each refused caller may come back, and with how much. */
          const refused = new Map<string, { until: number; cost: number }>()
          let now = START
          for (const { name, wait, cost } of steps) {
            now += wait
            const known = table.peek(name, now, standing)
            table.judge(name, now, cost, standing)
            const before = refused.get(name)
            if (before !== undefined && now < before.until && cost >= before.cost) expect(standing.allowed).toBe(false)
            if (standing.allowed) {
              refused.delete(name)
              table.commit(name, now, cost, standing)
            } else if (known) refused.set(name, { until: now + standing.retryMs, cost })
            expect(table.size).toBeLessThanOrEqual(maxKeys)
          }
        },
      ),
    )
  })
})

describe('a table that is full', () => {
  const make = (limit: number, maxKeys: number, onOverflow?: () => void) => {
    const table = new MemoryTable(fixedWindow(limit, 60), maxKeys, onOverflow)
    const standing = blankStanding()
    const take = (key: string, at: number = START, cost = 1): boolean => {
      table.judge(key, at, cost, standing)
      if (standing.allowed) table.commit(key, at, cost, standing)
      return standing.allowed
    }
    return { table, take, standing }
  }

  it('never frees a caller that was refused a dear request and could still make a cheap one', () => {
    const { take } = make(4, 50)
    expect(take('dear', START, 2)).toBe(true)
    expect(take('dear', START, 3)).toBe(false)
    for (let key = 0; key < 5000; key++) take(`k${key}`)
    expect(take('dear', START, 3)).toBe(false)
  })

  it('says once that newcomers share a quota, and again only after it has had room', () => {
    const told = vi.fn<() => void>()
    const { take } = make(1, 16, told)
    for (let key = 0; key < 16; key++) take(`k${key}`, START + key)
    expect(told).not.toHaveBeenCalled()
    for (let key = 0; key < 100; key++) take(`new${key}`, START + 100)
    expect(told).toHaveBeenCalledTimes(1)
    for (let key = 0; key < 16; key++) take(`later${key}`, START + 120_000)
    for (let key = 0; key < 100; key++) take(`newer${key}`, START + 120_000)
    expect(told).toHaveBeenCalledTimes(2)
  })

  it('finds what has expired behind what has not', () => {
    const { table, take } = make(2, 10)
    // The first window begins first and is used up last: it stands last, and ends first.
    take('early', START)
    for (let key = 0; key < 9; key++) for (let time = 0; time < 2; time++) take(`k${key}`, START + 10_000)
    take('early', START + 20_000)
    expect(take('new', START + 59_999)).toBe(true)
    expect(table.size).toBe(10)
    for (let request = 0; request < 4; request++) take(`newer${request}`, START + 60_000)
    expect(table.peek('early', START + 60_000, blankStanding())).toBe(false)
    expect(take('k0', START + 60_000)).toBe(false)
  })

  it('gives nothing back to who has been forgotten', () => {
    const { table, take, standing } = make(2, 3)
    for (let key = 0; key < 3; key++) for (let time = 0; time < 2; time++) take(`k${key}`)
    expect([take('new'), take('new')]).toEqual([true, true])
    table.refund('new', START, 1, START)
    expect(take('new')).toBe(false)
    table.peek('new', START, standing)
    expect(standing.before).toBe(0)
  })

  it('forgets one caller when told, and nobody else', () => {
    const { table, take } = make(1, 10)
    expect([take('a'), take('b'), take('a')]).toEqual([true, true, false])
    expect([table.forget('a'), table.forget('a'), table.size]).toEqual([true, false, 1])
    expect([take('a'), take('b')]).toEqual([true, false])
  })
})

it('keeps names apart that differ in one bit, in length, or in script', () => {
  const table = new MemoryTable(fixedWindow(1, 60), 100_000)
  const standing = blankStanding()
  const names = ['', 'a', 'b', 'aa', 'a\0', 'a\0\0', '\0', '\u0100', '\u0001\0', '\0\u0001', 'é', 'é'.normalize('NFD')]
  for (let i = 0; i < 20_000; i++) names.push(`a10.${i >> 8}.${i & 255}.1`)
  for (const name of names) {
    table.judge(name, START, 1, standing)
    expect([name, standing.allowed]).toEqual([name, true])
    table.commit(name, START, 1, standing)
  }
  expect(table.size).toBe(names.length)
})
