import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Gathered } from '../src/index.ts'

it('what comes in pieces is what was sent, or nothing beyond the limit', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 40 }), fc.nat(1200), (pieces, limit) => {
      const gathered = new Gathered(limit)
      let all = Buffer.alloc(0)
      for (const piece of pieces) {
        all = Buffer.concat([all, piece])
        expect(gathered.add(Buffer.from(piece))).toBe(all.length <= limit)
      }
      expect(gathered.bytes).toEqual(all.length <= limit ? all : null)
    }),
  )
})

it('a piece that comes later changes none that came', () => {
  const first = Buffer.from('ab')
  const gathered = new Gathered(10)
  gathered.add(first.subarray(0, 1))
  gathered.add(Buffer.from('z'))
  expect([gathered.bytes?.toString(), first.toString()]).toEqual(['az', 'ab'])
})

it('a million pieces of one byte weigh little more than they are', () => {
  const gathered = new Gathered(1_000_000)
  const pool = Buffer.alloc(1_000_000, 'x')
  const before = process.memoryUsage()
  for (let at = 0; at < pool.length; at++) gathered.add(pool.subarray(at, at + 1))
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  expect(gathered.bytes).toHaveLength(1_000_000)
  // Pieces that are let go at once are collected while they come.
  expect(heapUsed - before.heapUsed).toBeLessThan(60_000_000)
  expect(arrayBuffers - before.arrayBuffers).toBeLessThan(10_000_000)
})
