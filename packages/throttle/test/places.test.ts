import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Places } from '../src/places.ts'
import { Turn } from '../src/turn.ts'
import { FakeTimers } from './fake-timers.ts'

const wide = { length: 1_000_000, perCaller: 1_000_000, waitMs: 1_000_000 }

const moves = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('enter' as const), caller: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ do: fc.constant('leave' as const), at: fc.nat(1000) }),
    fc.record({ do: fc.constant('leave twice' as const), at: fc.nat(1000) }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 400 }) }),
  ),
  { maxLength: 150 },
)

describe('places, whatever comes and goes', () => {
  it('are never held by more than the limit, never free while somebody waits, and all given back in the end', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 1000 }), moves, (limit, waitMs, all) => {
        const timers = new FakeTimers()
        const places = new Places(limit, null, { ...wide, waitMs }, timers)
        const turns: Turn[] = []
        for (const move of all) {
          if (move.do === 'enter') {
            const turn = places.enter('all', move.caller)
            if (turn instanceof Turn) turns.push(turn)
          } else if (move.do === 'pass') timers.pass(move.ms)
          else {
            turns[move.at % turns.length]?.leave()
            if (move.do === 'leave twice') turns[move.at % turns.length]?.leave()
          }
          const holding = turns.filter(({ state }) => state === 'holding').length
          expect(places.holding).toBe(holding)
          expect(holding).toBeLessThanOrEqual(limit)
          expect(places.waiting).toBe(turns.filter(({ state }) => state === 'waiting').length)
          if (places.waiting > 0) expect(holding).toBe(limit)
        }
        for (const turn of turns) turn.leave()
        expect([places.holding, places.waiting, timers.pending]).toEqual([0, 0, 0])
        expect(timers.most).toBeLessThanOrEqual(1)
      }),
    )
  })
})

it('refuse at once whoever would wait too long, by how long places are held', () => {
  const timers = new FakeTimers()
  const places = new Places(1, null, { ...wide, waitMs: 250 }, timers)
  const first = places.enter('all', 'a') as Turn
  timers.pass(100)
  first.leave()
  const turns = [1, 2, 3].map(() => places.enter('all', 'a'))
  expect(turns.map((turn) => (turn as Turn).expectedMs)).toEqual([0, 100, 200])
  expect(places.enter('all', 'a')).toBe(50)
})

it('are not refused to one caller for how long another held one', () => {
  const timers = new FakeTimers()
  const places = new Places(1, null, { ...wide, waitMs: 10_000 }, timers)
  const slow = places.enter('slow', 'slow') as Turn
  timers.pass(60_000)
  slow.leave()
  places.enter('quick', 'quick')
  expect(places.enter('quick', 'quick')).toBeInstanceOf(Turn)
})

it('are soon awaited again after the first of all was held for long', () => {
  const timers = new FakeTimers()
  const places = new Places(1, null, { ...wide, waitMs: 10_000 }, timers)
  for (const ms of [60_000, ...Array.from({ length: 8 }, () => 100)]) {
    const turn = places.enter('all', 'a') as Turn
    timers.pass(ms)
    turn.leave()
  }
  places.enter('all', 'a')
  expect(places.enter('all', 'a')).toBeInstanceOf(Turn)
})

it('are taken back from whoever holds one longer than it may, once', () => {
  const timers = new FakeTimers()
  const places = new Places(1, 5000, wide, timers)
  const slow = places.enter('all', 'slow') as Turn
  const next = places.enter('all', 'next') as Turn
  timers.pass(4999)
  expect(next.state).toBe('waiting')
  timers.pass(1)
  expect([slow.state, next.state]).toEqual(['over', 'holding'])
  slow.leave()
  expect([next.state, places.holding]).toEqual(['holding', 1])
})

it('go to callers in turn', () => {
  const places = new Places(1, null, wide, new FakeTimers())
  let holder = places.enter('all', 'first') as Turn
  const turns = new Map<Turn, string>()
  for (const caller of ['noisy', 'noisy', 'noisy', 'noisy', 'quiet']) {
    turns.set(places.enter('all', caller) as Turn, caller)
  }
  const served: (string | undefined)[] = []
  while (turns.size > 0) {
    holder.leave()
    holder = [...turns.keys()].find(({ state }) => state === 'holding') as Turn
    served.push(turns.get(holder))
    turns.delete(holder)
  }
  expect(served).toEqual(['noisy', 'quiet', 'noisy', 'noisy', 'noisy'])
})
