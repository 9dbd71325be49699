import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameReader, maskedCloseFrame } from '../src/web-sockets/frames.ts'

interface Made {
  readonly opcode?: number
  readonly final?: boolean
  readonly masked?: boolean
  readonly reserved?: number
  readonly length?: number
  /** Bytes that say the length: 0, 2 or 8; absent: as few as will do. */
  readonly extended?: 0 | 2 | 8
}

function frame({ opcode = 1, final = true, masked = true, reserved = 0, length = 0, extended }: Made = {}): Buffer {
  const size = extended ?? (length < 126 ? 0 : length < 65_536 ? 2 : 8)
  const head = Buffer.alloc(2 + size + (masked ? 4 : 0))
  head[0] = (final ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] = (masked ? 0x80 : 0) | (size === 0 ? length : size === 2 ? 126 : 127)
  if (size === 2) head.writeUInt16BE(length, 2)
  if (size === 8) head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, Buffer.alloc(Math.min(length, 200_000))])
}

const reader = (maxMessage: number | null = 1_000, begins = () => true): FrameReader =>
  new FrameReader({ sender: 'client', maxMessage, begins })
const read = (...frames: Made[]): number | null => reader().read(Buffer.concat(frames.map(frame)))

describe('frames of a client', () => {
  it.each<[string, Made[]]>([
    ['a text', [{ length: 5 }]],
    ['bytes', [{ opcode: 2, length: 200 }]],
    ['a message in pieces, with a ping between them', [{ final: false }, { opcode: 9 }, { opcode: 0, length: 3 }]],
    ['a goodbye', [{ opcode: 8, length: 2 }]],
    ['nothing at all', [{}]],
  ])('pass: %s', (_name, frames) => expect(read(...frames)).toBeNull())

  it.each<[string, number, Made[]]>([
    ['one that is not masked', 1002, [{ masked: false }]],
    ['reserved bits, for no extension was agreed on', 1002, [{ reserved: 4 }]],
    ['an opcode that there is not', 1002, [{ opcode: 3 }]],
    ['a control opcode that there is not', 1002, [{ opcode: 11 }]],
    ['a long ping', 1002, [{ opcode: 9, length: 126 }]],
    ['a ping in pieces', 1002, [{ opcode: 9, final: false }]],
    ['a piece of nothing', 1002, [{ opcode: 0 }]],
    ['a message within a message', 1002, [{ final: false }, {}]],
    ['a length that is written too long', 1002, [{ length: 5, extended: 2 }]],
    ['a length that is written much too long', 1002, [{ length: 500, extended: 8 }]],
    ['more than a message may be', 1009, [{ length: 1_001 }]],
    [
      'more than a message may be, in pieces',
      1009,
      [
        { final: false, length: 600 },
        { opcode: 0, length: 600 },
      ],
    ],
  ])('are refused: %s', (_name, code, frames) => expect(read(...frames)).toBe(code))

  it('end with a goodbye: what comes then passes nobody, whatever it is', () => {
    const own = reader()
    const last = frame({ opcode: 8, length: 2 })
    expect([own.read(Buffer.concat([last, frame({ masked: false })])), own.taken]).toEqual([null, last.length])
    expect([own.read(Buffer.alloc(10, 0xff)), own.taken, own.atBoundary]).toEqual([null, 0, true])
  })

  it('are refused at their header, before what they announce has come', () => {
    expect(reader().read(frame({ length: 2 ** 40, extended: 8 }).subarray(0, 14))).toBe(1009)
  })

  it('are refused when there are too many, empty pieces too', () => {
    let left = 3
    const counted = reader(1_000, () => left-- > 0)
    expect(
      counted.read(
        Buffer.concat([{ final: false }, { opcode: 0, final: false }, { opcode: 0, final: false }].map(frame)),
      ),
    ).toBeNull()
    expect(counted.read(frame({ opcode: 0, final: false }))).toBe(1008)
  })

  it('are the same in whatever pieces they come', () => {
    const made = fc.record({ opcode: fc.constantFrom(0, 1, 2, 8, 9), final: fc.boolean(), length: fc.nat(300) })
    fc.assert(
      fc.property(fc.array(made, { maxLength: 6 }), fc.array(fc.nat(400), { maxLength: 10 }), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(frame))
        const whole = reader()
        const verdict = whole.read(bytes)
        const pieces = reader()
        let at = 0
        let found: number | null = null
        for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
          if (cut <= at || found !== null) continue
          found = pieces.read(bytes.subarray(at, cut))
          at = cut
        }
        expect(found).toBe(verdict)
        if (verdict === null) expect(pieces.atBoundary).toBe(whole.atBoundary)
      }),
    )
  })
})

it('a goodbye of ours is one that we would read', () => {
  const own = reader()
  expect([own.read(maskedCloseFrame(1001)), own.closed, own.atBoundary]).toEqual([null, true, true])
})
