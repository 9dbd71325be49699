import { expect, it } from 'vitest'
import { BodyRates } from '../src/body-rate.ts'

function clock() {
  let now = 0
  let tick: (() => void) | null = null
  let pending: (() => void) | null = null
  return {
    now: () => now,
    soon: (look: () => void) => void (pending = look),
    /** What came with its header section is over by now. */
    settle() {
      pending?.()
      pending = null
    },
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

function arrival(received: () => number, held = false) {
  const cuts: number[] = []
  let over = false
  const end = (): void => void (over = true)
  return { received, over: () => over, end, held: () => held, cut: (bytes: number) => void cuts.push(bytes), cuts }
}

it('cuts a body once, when its average after the grace is below the rate', () => {
  const time = clock()
  const rates = new BodyRates(time)
  const slow = arrival(() => 150)
  rates.watch(slow, rate)
  time.settle()
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
  time.settle()
  for (let ms = 250; ms < 600_000; ms += 250) time.to(ms)
  expect(steady.cuts).toEqual([])
})

it('does not count the time in which the body waits for its reader', () => {
  const time = clock()
  const rates = new BodyRates(time)
  const held = arrival(() => 0, true)
  rates.watch(held, rate)
  time.settle()
  time.to(60_000)
  expect(held.cuts).toEqual([])
})

it('has no timer while no body is under way', () => {
  const time = clock()
  const rates = new BodyRates(time)
  const one = arrival(() => 0)
  rates.watch(one, rate)
  time.settle()
  expect(time.ticking()).toBe(true)
  one.end()
  time.to(250)
  time.to(500)
  expect(time.ticking()).toBe(false)
  rates.watch(
    arrival(() => 0),
    rate,
  )
  time.settle()
  expect(time.ticking()).toBe(true)
  rates.close()
  expect(rates.size).toBe(0)
})

it('does not look at what came with its header section', () => {
  const time = clock()
  const rates = new BodyRates(time)
  const quick = arrival(() => 0)
  rates.watch(quick, rate)
  quick.end()
  time.settle()
  expect([rates.size, time.ticking()]).toEqual([0, false])
})

it('counts from when it is watched where what came before is counted too', () => {
  const time = clock()
  const rates = new BodyRates(time)
  const slow = { ...arrival(() => 1_000_000), counts: 'more' as const }
  rates.watch(slow, rate)
  time.settle()
  time.to(2000)
  expect(slow.cuts).toEqual([0])
})
