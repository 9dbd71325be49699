import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nonceSource } from '../src/nonce.ts'

describe('nonces', () => {
  it('are 128 bits in base64 and differ over many pools', () => {
    const next = nonceSource()
    const seen = new Set<string>()
    for (let i = 0; i < 5000; i++) seen.add(next())
    expect(seen.size).toBe(5000)
    for (const nonce of seen) expect(nonce).toMatch(/^[A-Za-z0-9+/]{22}==$/)
  })

  it('give out every byte of a pool exactly once, in any number of draws', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), (draws) => {
        const pools: Buffer[] = []
        const next = nonceSource((size) => {
          const pool = randomBytes(size)
          pools.push(pool)
          return pool
        })
        const drawn = Buffer.concat(Array.from({ length: draws }, () => Buffer.from(next(), 'base64')))
        expect(drawn.equals(Buffer.concat(pools).subarray(0, draws * 16))).toBe(true)
      }),
      { numRuns: 20 },
    )
  })
})
