import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Circuit } from '../src/upstreams/circuit.ts'
import { RetryBudget } from '../src/upstreams/retry-budget.ts'

const terms = { failures: 3, share: 0.5, minimum: 10, window: 1000, openFor: 100 }

describe('a circuit', () => {
  it('opens at the third failure one after another', () => {
    const circuit = new Circuit(terms)
    expect([circuit.fail(0), circuit.fail(1), circuit.succeed(2), circuit.fail(3), circuit.fail(4)]).not.toContain(true)
    expect([circuit.fail(5), circuit.admits(5), circuit.state(5), circuit.wait(5)]).toEqual([true, false, 'open', 100])
  })

  it('opens when half of enough requests fail, however they alternate', () => {
    const circuit = new Circuit(terms)
    const opened = Array.from({ length: 6 }, (_, at) => [circuit.succeed(at), circuit.fail(at)]).flat()
    expect(opened.indexOf(true)).toBe(9)
  })

  it('forgets a window after the next', () => {
    const circuit = new Circuit({ ...terms, failures: 100 })
    for (let at = 0; at < 9; at++) circuit.fail(at)
    expect(circuit.fail(2_500)).toBe(false)
  })

  it('lets one request at a time try, and closes on its success', () => {
    const circuit = new Circuit(terms)
    for (let at = 0; at < 3; at++) circuit.fail(0)
    expect([circuit.admits(99), circuit.admits(100), circuit.state(100)]).toEqual([false, true, 'half-open'])
    circuit.enter()
    expect(circuit.admits(100)).toBe(false)
    expect([circuit.succeed(101), circuit.admits(101), circuit.state(101)]).toEqual([true, true, 'closed'])
  })

  it('doubles its time with each probe that fails, up to eight times', () => {
    const circuit = new Circuit(terms)
    for (let at = 0; at < 3; at++) circuit.fail(0)
    let now = 0
    const waits = Array.from({ length: 5 }, () => {
      const wait = circuit.wait(now)
      now += wait
      circuit.enter()
      circuit.fail(now)
      return wait
    })
    expect(waits).toEqual([100, 200, 400, 800, 800])
  })

  it('lets the next one try when the first left before its answer', () => {
    const circuit = new Circuit(terms)
    for (let at = 0; at < 3; at++) circuit.fail(0)
    circuit.enter()
    circuit.leave()
    expect(circuit.admits(100)).toBe(true)
  })

  it('never sends to an open target, whatever happens', () => {
    const act = fc.record({ act: fc.constantFrom('fail', 'succeed', 'leave'), after: fc.nat(150) })
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const circuit = new Circuit(terms)
        let now = 0
        let failed = 0
        for (const { act: next, after } of acts) {
          now += after
          if (!circuit.admits(now)) {
            expect(circuit.state(now)).toBe('open')
            continue
          }
          circuit.enter()
          if (next === 'fail') {
            failed++
            circuit.fail(now)
            if (failed >= 3) expect(circuit.admits(now)).toBe(false)
          } else if (next === 'succeed') {
            failed = 0
            circuit.succeed(now)
          } else circuit.leave()
        }
      }),
    )
  })
})

describe('a retry budget', () => {
  it('never lets retries exceed its share of the requests and what it saved', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 300 }), (wants) => {
        const budget = new RetryBudget(0.1)
        let spent = 0
        for (const [requests, want] of wants.entries()) {
          budget.earn()
          if (want && budget.spend()) spent++
          expect(spent).toBeLessThanOrEqual(10 + 0.1 * (requests + 1) + 1e-9)
        }
      }),
    )
  })

  it('of nothing allows none', () => {
    const budget = new RetryBudget(0)
    budget.earn()
    expect(budget.spend()).toBe(false)
  })
})
