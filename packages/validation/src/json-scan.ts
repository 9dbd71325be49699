import { isUtf8 } from 'node:buffer'
import { isExact } from './json-number.ts'
import { memberTable } from './member-table.ts'

/** What a JSON body may be. */
export interface JsonLimits {
  /** Arrays and objects inside one another. */
  readonly depth: number
  /** Members of all objects together. */
  readonly keys: number
  /** Whether numbers must survive being parsed. */
  readonly exactNumbers: boolean
}

/** Why a body is refused before it is parsed. */
export type JsonFault =
  | 'depth'
  | 'keys'
  | 'duplicate-member'
  | 'number-precision'
  | 'invalid-utf8'
  | 'lone-surrogate'
  | 'prototype-key'

const QUOTE = 0x22
const COMMA = 0x2c
const MINUS = 0x2d
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
/** Digits up to which every decimal has a double of its own. */
const ALWAYS_EXACT = 15
/** From this length on a native search is quicker than a loop. */
const SEARCHED = 32

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isOfNumber = (byte: number): boolean =>
  isDigit(byte) || byte === 0x2e || byte === 0x2b || byte === MINUS || byte === 0x65 || byte === 0x45

/** `\uXXXX` at a place as a code unit; -1 if there is none. */
function escapedUnit(body: Buffer, at: number): number {
  if (body[at] !== BACKSLASH || body[at + 1] !== 0x75) return -1
  const digits = body.toString('latin1', at + 2, at + 6)
  return /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : -1
}

/**
 * Looks at the bytes of a JSON text (RFC 8259) before anything is built of them: one pass, no recursion, no
 * allocation for plain bodies. It does not judge the syntax: what it lets pass, a parser still has to accept.
 * @param seed makes the hashes of names unforeseeable (32 bits)
 */
export function jsonScanner(limits: JsonLimits, seed: number): (body: Buffer) => JsonFault | null {
  const members = memberTable(limits.keys)
  /** By depth: 0 for an array, else the number of the object. */
  const open = new Int32Array(limits.depth + 1)
  /** By depth: whether the object is the value of a member `constructor`. */
  const ofConstructor = new Uint8Array(limits.depth + 1)

  function hashOf(name: Buffer): number {
    let hash = seed
    for (const byte of name) hash = Math.imul(hash ^ byte, 0x01000193)
    return hash
  }

  return function scan(body) {
    const end = body.length
    if (!isUtf8(body)) return 'invalid-utf8'
    members.begin(body)
    let depth = 0
    let keys = 0
    let objects = 0
    let expectsName = false
    let afterConstructor = false
    const find = (byte: number, from: number): number => {
      const at = body.indexOf(byte, from)
      return at === -1 ? end : at
    }
    /** The next of each that is not behind; the first quote is looked for when it is needed. */
    let escape = find(BACKSLASH, 0)
    let quote = -1
    let i = 0

    while (i < end) {
      const byte = body[i] as number
      i++
      if (byte === QUOTE) {
        const start = i
        let hash = seed
        if (expectsName) {
          for (; i < end && body[i] !== QUOTE && i !== escape; i++)
            hash = Math.imul(hash ^ (body[i] as number), 0x01000193)
        } else {
          const near = Math.min(end, i + SEARCHED)
          while (i < near && body[i] !== QUOTE && i !== escape) i++
          if (i === near && i < end) {
            if (quote < i) quote = find(QUOTE, i)
            i = Math.min(quote, escape)
          }
        }
        const escaped = i === escape && i < end
        while (i === escape && i < end) {
          const unit = escapedUnit(body, i)
          if (unit >= 0xdc00 && unit <= 0xdfff) return 'lone-surrogate'
          if (unit >= 0xd800 && unit <= 0xdbff) {
            const low = escapedUnit(body, i + 6)
            if (low < 0xdc00 || low > 0xdfff) return 'lone-surrogate'
            i += 12
          } else i += unit === -1 ? 2 : 6
          escape = find(BACKSLASH, i)
          // Remembered: looking for a far quote after each escape would be quadratic.
          if (quote < i) quote = find(QUOTE, i)
          i = Math.min(quote, escape)
        }
        if (!expectsName) {
          i++
          continue
        }
        expectsName = false
        if (++keys > limits.keys) return 'keys'
        const object = open[depth] as number
        const name = escaped ? unescaped(body, start, i) : undefined
        const length = name === undefined ? i - start : name.length
        const entry =
          name === undefined ? members.enter(object, hash, start, i) : members.enterDecoded(object, hashOf(name), name)
        if (entry === 'twice') return 'duplicate-member'
        // A hash of 32 bits has a seed, and names can still be found that meet whatever it is.
        if (entry === 'crowded') return 'keys'
        // The two lengths of the names that reach a prototype.
        if (length === 9 || length === 11) {
          const text = name === undefined ? body.toString('latin1', start, i) : name.toString('latin1')
          if (text === '__proto__' || (text === 'prototype' && ofConstructor[depth] === 1)) return 'prototype-key'
          afterConstructor = text === 'constructor'
        } else afterConstructor = false
        i++
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (++depth > limits.depth) return 'depth'
        expectsName = byte === OPEN_OBJECT
        open[depth] = expectsName ? ++objects : 0
        ofConstructor[depth] = afterConstructor && expectsName ? 1 : 0
        afterConstructor = false
      } else if (byte === COMMA) {
        expectsName = depth > 0 && open[depth] !== 0
        afterConstructor = false
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        expectsName = false
        afterConstructor = false
        // Closing more than was opened is the parser's to refuse.
        if (--depth < 0) return null
      } else if (byte === BACKSLASH) {
        // No JSON: the parser refuses it.
        return null
      } else if (isDigit(byte) || byte === MINUS) {
        const start = i - 1
        let power = false
        for (; i < end && isOfNumber(body[i] as number); i++) power ||= ((body[i] as number) | 0x20) === 0x65
        if (limits.exactNumbers && (power || i - start > ALWAYS_EXACT) && !isExact(body.toString('latin1', start, i)))
          return 'number-precision'
      }
    }
    return null
  }
}

/** The bytes that a name with escapes means; as they stand, if no parser will read them. */
function unescaped(body: Buffer, start: number, end: number): Buffer {
  try {
    return Buffer.from(JSON.parse(`"${body.toString('utf8', start, end)}"`) as string)
  } catch {
    return body.subarray(start, end)
  }
}
