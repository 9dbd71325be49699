import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Offenders } from '../src/penalties/offenders.ts'

const stream = fc.array(
  fc.integer({ min: 0, max: 30 }).map((n) => `s${Math.floor(Math.sqrt(n))}-${n % 7}`),
  { maxLength: 400 },
)

function exact(refused: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const subject of refused) counts.set(subject, (counts.get(subject) ?? 0) + 1)
  return counts
}

describe('offenders', () => {
  it('are counted exactly while there is room', () => {
    fc.assert(
      fc.property(stream, (refused) => {
        const offenders = new Offenders(50)
        for (const subject of refused) offenders.add(subject)
        const top = offenders.top(50)
        expect(new Map(top.map(({ subject, refusals }) => [subject, refusals]))).toEqual(exact(refused))
        expect(top.every(({ error }) => error === 0)).toBe(true)
      }),
    )
  })

  it('are never counted too low, nor more than a share of all refusals too high', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 8 }), (refused, places) => {
        const offenders = new Offenders(places)
        for (const subject of refused) offenders.add(subject)
        const counts = exact(refused)
        for (const { subject, refusals, error } of offenders.top(places)) {
          const truth = counts.get(subject) as number
          expect(refusals).toBeGreaterThanOrEqual(truth)
          expect(refusals - error).toBeLessThanOrEqual(truth)
          expect(error).toBeLessThanOrEqual(refused.length / places)
        }
      }),
    )
  })

  it('have a place each who was refused more often than the share', () => {
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 8 }), (refused, places) => {
        const offenders = new Offenders(places)
        for (const subject of refused) offenders.add(subject)
        const found = new Set(offenders.top(places).map(({ subject }) => subject))
        for (const [subject, count] of exact(refused)) {
          if (count > refused.length / places) expect(found).toContain(subject)
        }
      }),
    )
  })

  it('never take more places than there are, whatever comes', () => {
    const offenders = new Offenders(16)
    for (let i = 0; i < 10_000; i++) offenders.add(`caller-${i}`)
    for (let i = 0; i < 2_000; i++) offenders.add('one')
    expect(offenders.top(100)).toHaveLength(16)
    expect(offenders.top(1)[0]).toMatchObject({ subject: 'one' })
    expect(offenders.total).toBe(12_000)
  })

  it('come most refused first, and can be forgotten', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(30), { maxLength: 5 }), (refused, forgotten) => {
        const offenders = new Offenders(50)
        for (const subject of refused) offenders.add(subject)
        const counts = exact(refused)
        for (const place of forgotten) {
          const subject = offenders.top(50)[place]?.subject ?? 'nobody'
          offenders.forget(subject)
          counts.delete(subject)
        }
        for (const subject of refused.slice(0, 5)) {
          offenders.add(subject)
          counts.set(subject, (counts.get(subject) ?? 0) + 1)
        }
        const top = offenders.top(50)
        expect(top.map(({ refusals }) => refusals)).toEqual([...counts.values()].toSorted((a, b) => b - a))
      }),
    )
  })
})
