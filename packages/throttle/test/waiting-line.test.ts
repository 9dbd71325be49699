import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Turn } from '../src/turn.ts'
import { WaitingLine } from '../src/waiting-line.ts'

const giver = { leave() {} }

interface Asked {
  readonly turn: Turn
  readonly caller: string
  readonly order: number
}

/** A line, and everything that happened in it. */
function history() {
  const line = new WaitingLine()
  const waiting: Asked[] = []
  let order = 0
  return {
    line,
    waiting,
    push(caller: string): Asked {
      const asked = { turn: new Turn(giver, null), caller, order: order++ }
      line.push(caller, asked.turn)
      waiting.push(asked)
      return asked
    },
    shift(): Asked | undefined {
      const turn = line.shift()
      const at = waiting.findIndex((one) => one.turn === turn)
      return at < 0 ? undefined : waiting.splice(at, 1)[0]
    },
    leave(at: number): void {
      const [asked] = waiting.splice(at % waiting.length, 1)
      if (asked !== undefined) line.remove(asked.turn)
    },
  }
}

const caller = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('push' as const), caller }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('shift' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), at: fc.nat(1000) }) },
)
type Move = typeof step extends fc.Arbitrary<infer T> ? T : never
const steps = fc.array(step, { maxLength: 120 })

/** Plays steps; `served` is told each who is served. */
function play(moves: readonly Move[], served: (one: Asked) => void) {
  const played = history()
  for (const move of moves) {
    if (move.do === 'push') played.push(move.caller)
    else if (move.do === 'leave') played.leave(move.at)
    else {
      const one = played.shift()
      if (one !== undefined) served(one)
    }
  }
  return played
}

describe('a waiting line, whatever is asked, served and given up', () => {
  it('serves each caller in the order in which it asked', () => {
    fc.assert(
      fc.property(steps, (moves) => {
        const last = new Map<string, number>()
        const check = ({ caller: name, order }: Asked): void => {
          expect(order).toBeGreaterThan(last.get(name) ?? -1)
          last.set(name, order)
        }
        const played = play(moves, check)
        for (let one = played.shift(); one !== undefined; one = played.shift()) check(one)
        expect(played.waiting).toEqual([])
        expect(played.line.size).toBe(0)
      }),
    )
  })

  it('says how many go before a caller, and so many do', () => {
    fc.assert(
      fc.property(steps, caller, (moves, name) => {
        const played = play(moves, () => {})
        const expected = played.line.ahead(name)
        const { turn } = played.push(name)
        let before = 0
        while (played.line.shift() !== turn) before++
        expect(before).toBe(expected)
      }),
    )
  })

  it('serves nobody else more than twice before a caller who waits', () => {
    fc.assert(
      fc.property(steps, fc.array(fc.constantFrom('b', 'c', 'd', 'e'), { maxLength: 60 }), (moves, rush) => {
        const played = play(moves, () => {})
        while (played.line.waitingOf('a') > 0) played.leave(played.waiting.findIndex((one) => one.caller === 'a'))
        const mine = played.push('a')
        const before = new Map<string, number>()
        for (const other of [...rush, ...rush, ...rush]) {
          played.push(other)
          const one = played.shift()
          if (one === mine) return
          if (one !== undefined) before.set(one.caller, (before.get(one.caller) ?? 0) + 1)
          for (const count of before.values()) expect(count).toBeLessThanOrEqual(2)
        }
      }),
    )
  })
})

it('lets a newcomer wait for one request of each other caller, not for their thousands', () => {
  const { line, push, shift } = history()
  for (let i = 0; i < 5000; i++) push('noisy')
  expect(line.ahead('quiet')).toBe(1)
  push('quiet')
  shift()
  expect(shift()?.caller).toBe('quiet')
})

it('serves a caller’s second request though somebody new comes whenever one is served', () => {
  const { push, shift } = history()
  push('a')
  const second = push('a')
  for (let i = 0; i < 10; i++) push(`early ${i}`)
  let served = 0
  for (let one = shift(); one !== second; one = shift()) {
    served++
    expect(served).toBeLessThanOrEqual(2 * 12)
    push(`new ${served}`)
  }
})

it('serves a caller who asks again as soon as it is served once a round, as those who wait', () => {
  const { push, shift } = history()
  push('a')
  for (let i = 0; i < 3; i++) push('b')
  const served: (string | undefined)[] = []
  for (let i = 0; i < 6; i++) {
    const name = shift()?.caller
    served.push(name)
    if (name === 'a') push('a')
  }
  expect(served).toEqual(['a', 'b', 'b', 'a', 'b', 'a'])
})

it('does not let a caller gain by giving up and asking anew', () => {
  const { push, shift, line, waiting } = history()
  push('a')
  for (let i = 0; i < 3; i++) push('b')
  shift()
  for (let i = 0; i < 5; i++) {
    line.remove(push('a').turn)
    waiting.pop()
  }
  push('a')
  expect([shift(), shift(), shift()].map((one) => one?.caller)).toEqual(['b', 'b', 'a'])
})

it('does not drift away from a caller that gives up its last request a million times', () => {
  const { push, line, waiting } = history()
  push('a')
  for (let i = 0; i < 10_000; i++) {
    line.remove(push('a').turn)
    waiting.pop()
  }
  expect(line.distance('a')).toBe(1)
})
