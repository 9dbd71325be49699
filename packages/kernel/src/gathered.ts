/**
 * Bytes that come in pieces, up to a limit: in one buffer, for each piece of one byte may hold on to the 64 KiB that it
 * was read with.
 */
export class Gathered {
  readonly #limit: number
  #buffer: Buffer = Buffer.alloc(0)
  #length = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** @returns whether they are still within the limit; if not, what came is let go */
  add(piece: Buffer): boolean {
    const length = this.#length + piece.length
    if (length > this.#limit) {
      this.#buffer = Buffer.alloc(0)
      this.#length = Infinity
      return false
    }
    // Most come in one piece.
    if (this.#length === 0) this.#buffer = piece
    else {
      if (length > this.#buffer.length) {
        const larger = Buffer.allocUnsafe(Math.min(Math.max(length * 2, 4_096), this.#limit))
        this.#buffer.copy(larger, 0, 0, this.#length)
        this.#buffer = larger
      }
      piece.copy(this.#buffer, this.#length)
    }
    this.#length = length
    return true
  }

  /** What came; null if it was more than the limit. */
  get bytes(): Buffer | null {
    return this.#length === Infinity ? null : this.#buffer.subarray(0, this.#length)
  }
}
