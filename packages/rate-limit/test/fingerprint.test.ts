import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fingerprint } from '../src/memory/fingerprint.ts'

const ALL = 0xffff_ffffn
const left = (word: bigint, by: bigint): bigint => ((word << by) | (word >> (32n - by))) & ALL

/** HalfSipHash-c-d with 64 bits of output, slow and as published. */
function halfSipHash(bytes: Uint8Array, key: readonly [bigint, bigint], c: number, d: number): string {
  let [v0, v1, v2, v3] = [key[0], key[1] ^ 0xeen, 0x6c796765n ^ key[0], 0x74656462n ^ key[1]]
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) & ALL
      v1 = left(v1, 5n) ^ v0
      v0 = left(v0, 16n)
      v2 = (v2 + v3) & ALL
      v3 = left(v3, 8n) ^ v2
      v0 = (v0 + v3) & ALL
      v3 = left(v3, 7n) ^ v0
      v2 = (v2 + v1) & ALL
      v1 = left(v1, 13n) ^ v2
      v2 = left(v2, 16n)
    }
  }
  const whole = bytes.length - (bytes.length % 4)
  const last = new Uint8Array(4)
  last.set(bytes.subarray(whole))
  last[3] = bytes.length
  const message = new DataView(Uint8Array.from([...bytes.subarray(0, whole), ...last]).buffer)
  for (let at = 0; at < message.byteLength; at += 4) {
    const word = BigInt(message.getUint32(at, true))
    v3 ^= word
    rounds(c)
    v0 ^= word
  }
  const out = new DataView(new ArrayBuffer(8))
  v2 ^= 0xeen
  rounds(d)
  out.setUint32(0, Number(v1 ^ v3), true)
  v1 ^= 0xddn
  rounds(d)
  out.setUint32(4, Number(v1 ^ v3), true)
  return Buffer.from(out.buffer).toString('hex')
}

it.each([
  [0, '218d1f59b9b83cc8'],
  [1, 'be552412f8387315'],
  [2, '064f39ef7c50eb57'],
  [3, 'ce0f1a45f7060679'],
  [4, 'd5e78a175be52ea1'],
  [5, 'cb9d7c3f2f3db580'],
  [6, 'ce3e91358aa2bc25'],
])('the slow reference gives the published value of %i bytes', (length, published) => {
  const bytes = Uint8Array.from({ length }, (_, at) => at)
  expect(halfSipHash(bytes, [0x03020100n, 0x07060504n], 2, 4)).toBe(published)
})

it('a fingerprint is what the slow reference gives with one round a word and three at the end', () => {
  const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.array(fc.integer({ min: 0, max: 0x101 }), { maxLength: 40 }).map((codes) => String.fromCharCode(...codes)),
  )
  const out = new Int32Array(2)
  fc.assert(
    fc.property(texts, word, word, (text, key0, key1) => {
      fingerprint(text, key0, key1, out)
      const wide = /[^\0-\xff]/.test(text)
      const key = [BigInt((wide ? ~key0 : key0) >>> 0), BigInt(key1 >>> 0)] as const
      const expected = halfSipHash(Buffer.from(text, wide ? 'utf16le' : 'latin1'), key, 1, 3)
      expect(Buffer.from(out.buffer).toString('hex')).toBe(expected)
    }),
  )
})
