import { randomBytes } from 'node:crypto'

/** 128 bits, as CSP3 §7.1 asks of nonces at least. */
const BYTES = 16
const PER_POOL = 512

/**
 * A source of nonces that asks the generator once for many: no byte is ever given out twice.
 * @param random returns that many unpredictable bytes; node:crypto's by default.
 * @returns a function that gives the next nonce, 24 characters of base64.
 */
export function nonceSource(random: (size: number) => Buffer = randomBytes): () => string {
  let pool: Buffer = Buffer.alloc(0)
  let at = 0
  return () => {
    if (at === pool.length) {
      pool = random(BYTES * PER_POOL)
      at = 0
    }
    const nonce = pool.toString('base64', at, at + BYTES)
    at += BYTES
    return nonce
  }
}
