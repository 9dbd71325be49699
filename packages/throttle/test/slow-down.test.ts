import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SlowDown } from '../src/slow-down.ts'
import { Turn } from '../src/turn.ts'
import { FakeTimers } from './fake-timers.ts'

const wide = { length: 1_000_000, perCaller: 1_000_000, waitMs: 1_000_000 }
const growth = { limit: 3, window: 60, stepMs: 500, maxMs: 1200 }

it('lets the limit go at once, then each wait a step more, up to the longest', () => {
  const timers = new FakeTimers()
  const slow = new SlowDown(growth, wide, timers)
  const waits = [1, 2, 3, 4, 5, 6, 7].map(() => {
    const turn = slow.enter('a')
    return turn instanceof Turn ? turn.expectedMs : turn
  })
  expect(waits).toEqual([null, null, null, 500, 1000, 1200, 1200])
  expect(slow.enter('b')).toBeNull()
})

it('forgives evenly: after a third of the window one more request of three is free', () => {
  const timers = new FakeTimers()
  const slow = new SlowDown(growth, wide, timers)
  for (let i = 0; i < 3; i++) slow.enter('a')
  timers.pass(20_000)
  expect(slow.enter('a')).toBeNull()
  expect(slow.enter('a')).toBeInstanceOf(Turn)
})

it('lets a caller’s requests go in order, none later than the longest wait, whatever comes and gives up', () => {
  const move = fc.record({ gap: fc.integer({ min: 0, max: 900 }), leave: fc.boolean() })
  fc.assert(
    fc.property(fc.array(move, { maxLength: 80 }), (moves) => {
      const timers = new FakeTimers()
      const slow = new SlowDown({ ...growth, window: 3 }, wide, timers)
      const went: number[] = []
      const waiting: Turn[] = []
      for (const [order, { gap, leave }] of moves.entries()) {
        timers.pass(gap)
        const asked = timers.now()
        const turn = slow.enter('a')
        if (turn === null) went.push(order)
        if (!(turn instanceof Turn)) continue
        if (leave) turn.leave()
        waiting.push(turn)
        turn.settle = () => {
          went.push(order)
          // A timer rings in whole milliseconds.
          expect(timers.now() - asked).toBeLessThanOrEqual(growth.maxMs + 1)
        }
      }
      timers.pass(10_000)
      expect(went).toEqual(went.toSorted((a, b) => a - b))
      expect(slow.waiting).toBe(0)
      expect(timers.pending).toBe(0)
    }),
  )
})

it('bounds who waits, and ends all waiting when it closes', () => {
  const timers = new FakeTimers()
  const slow = new SlowDown(growth, { length: 2, perCaller: 2, waitMs: 1 }, timers)
  for (let i = 0; i < 5; i++) slow.enter('a')
  expect(typeof slow.enter('a')).toBe('number')
  slow.close()
  expect([slow.waiting, timers.pending]).toEqual([0, 0])
})
