/**
 * HalfSipHash-1-3 (Aumasson and Bernstein; what Linux keeps its hash tables with) of a string, 64 bits, into `out`.
 * Whoever does not know the key cannot choose strings that collide, nor strings that share a bucket.
 *
 * A string of Latin-1 characters is its bytes. Any other is its UTF-16 code units, under another key: no string of one
 * kind is hashed as one of the other.
 */
export function fingerprint(text: string, key0: number, key1: number, out: Int32Array): void {
  const { length } = text
  let v0 = key0
  let v1 = key1 ^ 0xee
  let v2 = key0 ^ 0x6c796765
  let v3 = key1 ^ 0x74656462
  // The last word holds what is left and the length.
  for (let i = 0; i <= length; i += 4) {
    let word: number
    if (i + 3 < length) {
      const a = text.charCodeAt(i)
      const b = text.charCodeAt(i + 1)
      const c = text.charCodeAt(i + 2)
      const d = text.charCodeAt(i + 3)
      if ((a | b | c | d) > 0xff) return wideFingerprint(text, key0, key1, out)
      word = a | (b << 8) | (c << 16) | (d << 24)
    } else {
      const a = i < length ? text.charCodeAt(i) : 0
      const b = i + 1 < length ? text.charCodeAt(i + 1) : 0
      const c = i + 2 < length ? text.charCodeAt(i + 2) : 0
      if ((a | b | c) > 0xff) return wideFingerprint(text, key0, key1, out)
      word = a | (b << 8) | (c << 16) | (length << 24)
    }
    v3 ^= word
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
    v0 ^= word
  }
  v2 ^= 0xee
  for (let half = 0; half < 2; half++) {
    for (let round = 0; round < 3; round++) {
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    out[half] = v1 ^ v3
    v1 ^= 0xdd
  }
}

/** Rare enough to be spelt as bytes first. */
function wideFingerprint(text: string, key0: number, key1: number, out: Int32Array): void {
  fingerprint(Buffer.from(text, 'utf16le').toString('latin1'), ~key0, key1, out)
}
