import { expect, it } from 'vitest'
import { BodyRates, type Arrival } from '../src/body-rate.ts'

function clock() {
  let now = 0
  let tick: (() => void) | null = null
  return {
    now: () => now,
    every: (_ms: number, given: () => void) => {
      tick = given
      return () => void (tick = null)
    },
    ticking: () => tick !== null,
    to(ms: number) {
      now = ms
      tick?.()
    },
  }
}

const rate = { bytesPerSecond: 100, grace: 2 }

function arrival(received: () => number, held = false): Arrival & { readonly cuts: number[] } {
  const cuts: number[] = []
  return { since: 0, received, held: () => held, cut: (bytes) => void cuts.push(bytes), cuts }
}

it('cuts a body once, when its average after the grace is below the rate', () => {
  const time = clock()
  const rates = new BodyRates(time)
  const slow = arrival(() => 150)
  rates.watch(slow, rate)
  time.to(1999)
  expect(slow.cuts).toEqual([])
  time.to(2000)
  expect(slow.cuts).toEqual([150])
  time.to(9000)
  expect(slow.cuts).toEqual([150])
})

it('lets a body that keeps the rate come for as long as it likes', () => {
  const time = clock()
  const rates = new BodyRates(time)
  const steady = arrival(() => Math.ceil(time.now() / 10))
  rates.watch(steady, rate)
  for (let ms = 250; ms < 600_000; ms += 250) time.to(ms)
  expect(steady.cuts).toEqual([])
})

it('does not count the time in which the body waits for its reader', () => {
  const time = clock()
  const rates = new BodyRates(time)
  const held = arrival(() => 0, true)
  rates.watch(held, rate)
  time.to(60_000)
  expect(held.cuts).toEqual([])
})

it('has no timer while no body is under way', () => {
  const time = clock()
  const rates = new BodyRates(time)
  const one = arrival(() => 0)
  rates.watch(one, rate)
  expect(time.ticking()).toBe(true)
  rates.leave(one)
  time.to(250)
  expect(time.ticking()).toBe(false)
  rates.watch(one, rate)
  expect(time.ticking()).toBe(true)
  rates.close()
  expect(rates.size).toBe(0)
})
