import fc from 'fast-check'
import { expect, it } from 'vitest'
import { CallerRecords } from '../src/memory/caller-records.ts'

const key = [0x1234_5678, -7] as const

/** The records of one tier, the longest untouched first, by a Map that remembers order. */
class Model {
  readonly tiers = new Map<string, { tier: number; until: number }>()
  set(name: string, tier: number, until: number): void {
    this.tiers.delete(name)
    this.tiers.set(name, { tier, until })
  }
  oldest(tier: number): string | undefined {
    for (const [name, one] of this.tiers) if (one.tier === tier) return name
    return undefined
  }
}

it('finds, keeps and orders what a plain Map finds, keeps and orders', () => {
  const step = fc.record({
    act: fc.constantFrom('put' as const, 'put' as const, 'remove' as const, 'oldest' as const),
    name: fc.integer({ min: 0, max: 400 }).map((one) => `n${one}`),
    tier: fc.integer({ min: 0, max: 2 }),
    until: fc.double({ noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600, size: 'max' }), fc.integer({ min: 1, max: 3 }), (steps, width) => {
      const records = new CallerRecords(width, 3, 401, key)
      const model = new Model()
      for (const { act, name, tier, until } of steps) {
        if (act === 'oldest') {
          const oldest = model.oldest(tier)
          expect(records.oldest(tier)).toBe(oldest === undefined ? 0 : records.find(oldest))
          continue
        }
        let record = records.find(name)
        const known = model.tiers.get(name)
        expect(record !== 0).toBe(known !== undefined)
        if (known !== undefined) {
          expect([records.tier(record), records.until(record)]).toEqual([known.tier, known.until])
          expect(records.numbersOf(record)[records.placeOf(record) + width - 1]).toBe(known.until)
        }
        if (act === 'remove') {
          if (record !== 0) records.remove(record)
          model.tiers.delete(name)
        } else {
          if (record === 0) {
            record = records.insert(tier)
            const place = records.placeOf(record)
            expect([...records.numbersOf(record).subarray(place, place + width)]).toEqual(Array(width).fill(0))
          } else records.touch(record, tier)
          records.keepUntil(record, until)
          records.numbersOf(record)[records.placeOf(record) + width - 1] = until
          model.set(name, tier, until)
        }
        expect(records.size).toBe(model.tiers.size)
      }
    }),
  )
})

it('finds each of 50,000 records while they come and after half of them are gone', () => {
  const records = new CallerRecords(1, 1, 50_000, key)
  const made = Array.from({ length: 50_000 }, (_, i) => {
    expect(records.find(`n${i}`)).toBe(0)
    const record = records.insert(0)
    records.keepUntil(record, i)
    return record
  })
  for (const [i, record] of made.entries()) if (i % 2 === 0) records.remove(record)
  for (const [i, record] of made.entries()) {
    expect(records.find(`n${i}`)).toBe(i % 2 === 0 ? 0 : record)
    if (i % 2 === 1) expect(records.until(record)).toBe(i)
  }
  expect(records.size).toBe(25_000)
})

it('uses the memory of the removed again before it asks for more', () => {
  const records = new CallerRecords(1, 1, 100, key)
  for (let i = 0; i < 10_000; i++) {
    if (i >= 100) records.remove(records.find(`n${i - 100}`))
    records.find(`n${i}`)
    records.insert(0)
  }
  expect([records.size, records.made]).toEqual([100, 101])
})
