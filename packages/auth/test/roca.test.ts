import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isRoca } from '../src/jwt/roca.ts'

describe('a modulus', () => {
  it('that is a power of 65537 modulo small primes has the mark of the broken generator', () => {
    const product = [
      2n,
      3n,
      5n,
      7n,
      11n,
      13n,
      17n,
      19n,
      23n,
      29n,
      31n,
      37n,
      41n,
      43n,
      47n,
      53n,
      59n,
      61n,
      67n,
      71n,
      73n,
    ]
      .concat([79n, 83n, 89n, 97n, 101n, 103n, 107n, 109n, 113n, 127n, 131n, 137n, 139n, 149n, 151n, 157n, 163n, 167n])
      .reduce((one, other) => one * other)
    for (let round = 0; round < 20; round++) {
      // As that generator makes its primes: a multiple of the product, plus a power of 65537.
      const half = (): bigint => BigInt(`0x${randomBytes(8).toString('hex')}`) * product + 65_537n ** BigInt(1 + round)
      expect(isRoca(half() * half())).toBe(true)
    }
  })

  it('of another generator has not', () => {
    const { n } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })
    expect(isRoca(BigInt(`0x${Buffer.from(String(n), 'base64url').toString('hex')}`))).toBe(false)
  })
})
