/** Which side sends: what a client sends is masked, what a server sends is not (RFC 6455 §5.1). */
export type Sender = 'client' | 'server'

/** What a stream of frames may hold. */
export interface FrameTerms {
  readonly sender: Sender
  /** Bytes of a message, over all its frames; null: any. */
  readonly maxMessage: number | null
  /** Told of each message that begins, control frames among them; false: one too many. */
  readonly begins: () => boolean
}

/** Close codes (RFC 6455 §7.4.1). */
export type Breach = 1002 | 1008 | 1009

const CONTINUATION = 0
const BINARY = 2
const CLOSE = 8
const PONG = 10

/**
 * Follows the frames of one direction without keeping them: it reads the headers, and counts what is between them.
 * No extension is negotiated, so a reserved bit means nothing that anybody agreed on.
 */
export class FrameReader {
  readonly #terms: FrameTerms
  /** The header being read: two bytes, and up to twelve more. */
  readonly #header = new Uint8Array(14)
  #have = 0
  #need = 2
  /** Payload bytes of the frame that are still to come. */
  #left = 0
  #inMessage = false
  #message = 0
  #closed = false
  /** Bytes of the last chunk that are to pass: what follows a Close frame is nothing to anybody (RFC 6455 §5.5.1). */
  taken = 0

  constructor(terms: FrameTerms) {
    this.#terms = terms
  }

  /** Whether the next byte would begin a frame: there another frame may be put between. */
  get atBoundary(): boolean {
    return this.#left === 0 && this.#have === 0
  }

  /** Whether this side has said that it closes. */
  get closed(): boolean {
    return this.#closed
  }

  /** Follows further bytes; the breach that they are, or null. */
  read(chunk: Uint8Array): Breach | null {
    let at = 0
    while (at < chunk.length) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, chunk.length - at)
        this.#left -= step
        at += step
        continue
      }
      if (this.#closed) break
      this.#header[this.#have++] = chunk[at++] as number
      if (this.#have < this.#need) continue
      if (this.#have === 2) {
        this.#need = this.#headerLength()
        if (this.#have < this.#need) continue
      }
      const breach = this.#begin()
      if (breach !== null) return breach
      this.#have = 0
      this.#need = 2
    }
    this.taken = at
    return null
  }

  /** RFC 6455 §5.2: two bytes, the extended length, the mask. */
  #headerLength(): number {
    const second = this.#header[1] as number
    const length = second & 0x7f
    return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + ((second & 0x80) === 0 ? 0 : 4)
  }

  #begin(): Breach | null {
    const [first, second] = this.#header as unknown as [number, number]
    const final = (first & 0x80) !== 0
    const opcode = first & 0x0f
    const masked = (second & 0x80) !== 0
    if ((first & 0x70) !== 0 || masked !== (this.#terms.sender === 'client')) return 1002
    const length = this.#payloadLength(second & 0x7f)
    if (length === null) return 1002
    this.#left = length
    if (opcode >= CLOSE) {
      // RFC 6455 §5.5: control frames are short and whole.
      if (opcode > PONG || !final || length > 125) return 1002
      if (opcode === CLOSE) this.#closed = true
      return this.#terms.begins() ? null : 1008
    }
    if (opcode > BINARY || (opcode === CONTINUATION) !== this.#inMessage) return 1002
    this.#message = opcode === CONTINUATION ? this.#message + length : length
    this.#inMessage = !final
    const { maxMessage } = this.#terms
    if (maxMessage !== null && this.#message > maxMessage) return 1009
    // Continuations count too: a message of a million empty frames is a million frames.
    return this.#terms.begins() ? null : 1008
  }

  /** Null for lengths that are written longer than they need be, or beyond what a number holds. */
  #payloadLength(short: number): number | null {
    if (short < 126) return short
    const view = new DataView(this.#header.buffer)
    if (short === 126) {
      const length = view.getUint16(2)
      return length < 126 ? null : length
    }
    const length = view.getBigUint64(2)
    return length < 65_536n || length > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(length)
  }
}

/** A Close frame of a server's (RFC 6455 §5.5.1). */
export function closeFrame(code: number): Buffer {
  return Buffer.from([0x80 | CLOSE, 2, code >> 8, code & 0xff])
}

/** A Close frame of a client's, masked with zeros: a mask hides nothing between two servers. */
export function maskedCloseFrame(code: number): Buffer {
  return Buffer.from([0x80 | CLOSE, 0x80 | 2, 0, 0, 0, 0, code >> 8, code & 0xff])
}
