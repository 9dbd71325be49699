import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bans, type BanSettings } from '../src/penalties/ban.ts'

const start = 5_000
const settings: BanSettings = { after: 3, within: 60, for: 600 }

/** Obvious and slow: every refusal is remembered. */
function model({ after, within, for: length }: BanSettings) {
  let [refusals, banned]: [number[], number] = [[], 0]
  return {
    remaining: (now: number): number => Math.max(0, banned - now),
    refused(now: number): number {
      if (refusals.length > 0 && now >= (refusals[0] as number) + within * 1000) refusals = []
      refusals.push(now)
      if (refusals.length < after) return 0
      refusals = []
      banned = now + length * 1000
      return length * 1000
    },
  }
}

describe('bans', () => {
  it('begin with the third refusal, and end by themselves', () => {
    const bans = new Bans(settings, 100)
    expect([bans.refused('a', start), bans.refused('a', start + 1), bans.refused('a', start + 2)]).toEqual([
      0, 0, 600_000,
    ])
    expect(bans.remaining('a', start + 2)).toBe(600_000)
    expect(bans.remaining('b', start + 2)).toBe(0)
    expect(bans.remaining('a', start + 600_001)).toBe(1)
    expect(bans.remaining('a', start + 600_002)).toBe(0)
    expect(bans.size).toBe(0)
  })

  it('do not begin when the refusals are far apart', () => {
    const bans = new Bans(settings, 100)
    for (let minute = 0; minute < 50; minute++) {
      expect(bans.refused('a', start + minute * 60_000)).toBe(0)
      expect(bans.refused('a', start + minute * 60_000 + 59_999)).toBe(0)
    }
  })

  it('are lifted, and the refusals before them forgotten', () => {
    const bans = new Bans(settings, 100)
    for (let i = 0; i < 3; i++) bans.refused('a', start)
    bans.refused('b', start)
    bans.refused('b', start)
    bans.forget('a')
    bans.forget('b')
    expect(bans.remaining('a', start)).toBe(0)
    expect(bans.refused('b', start)).toBe(0)
  })

  it('agree with the model, caller by caller', () => {
    const steps = fc.array(fc.record({ who: fc.nat(3), wait: fc.nat(40_000) }), { maxLength: 200 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 4 }), (given, after) => {
        const all = { after, within: 60, for: 45 }
        const [bans, models] = [new Bans(all, 1000), [0, 1, 2, 3].map(() => model(all))]
        let now = start
        for (const { who, wait } of given) {
          now += wait
          const expected = models[who] as ReturnType<typeof model>
          expect(bans.remaining(`${who}`, now)).toBe(expected.remaining(now))
          if (expected.remaining(now) === 0) expect(bans.refused(`${who}`, now)).toBe(expected.refused(now))
        }
      }),
    )
  })

  it('survive a flood of refused callers, and never grow beyond their bound', () => {
    const bans = new Bans(settings, 50)
    for (let i = 0; i < 3; i++) bans.refused('villain', start)
    for (let caller = 0; caller < 5_000; caller++) {
      for (let i = 0; i < 3; i++) bans.refused(`flood-${caller}`, start + 1)
      bans.refused(`once-${caller}`, start + 1)
    }
    expect(bans.remaining('villain', start + 1)).toBe(599_999)
    expect(bans.size).toBeLessThanOrEqual(100)
  })

  it('begin again when there is room again', () => {
    const bans = new Bans(settings, 1)
    for (let i = 0; i < 3; i++) bans.refused('a', start)
    for (let i = 0; i < 3; i++) expect(bans.refused('b', start)).toBe(0)
    for (let i = 0; i < 2; i++) bans.refused('b', start + 600_000)
    expect(bans.refused('b', start + 600_000)).toBe(600_000)
  })
})
