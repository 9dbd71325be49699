import { isUtf8 } from 'node:buffer'

/** A part of a token nests no deeper than this; real ones need three or four levels. */
const MAX_DEPTH = 16

/**
 * Reads a JSON object that means the same to every reader: canonical base64url, valid UTF-8, an object,
 * no duplicate member names (RFC 7519 §4, RFC 8725 §2.6), no `__proto__`, at most 16 levels deep.
 * @param parse reads the text, or gives what somebody else has read of it
 * @returns the object, or null.
 */
export function readEncodedObject(
  encoded: string,
  parse: (text: string) => unknown = JSON.parse,
): Record<string, unknown> | null {
  const bytes = decodeCanonical(encoded)
  if (bytes === null || !isUtf8(bytes)) return null
  const text = bytes.toString('utf8')
  const members = membersIn(text)
  if (members === -1) return null
  try {
    const value = parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    return membersOf(value) === members ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

const BASE64URL = /^[A-Za-z0-9_-]+$/

/** By the length of a text modulo 4: last letters that leave no bit set which no byte uses. None ends after one letter. */
const LAST: readonly (RegExp | null)[] = [null, /^(?!)/, /[AQgw]$/, /[AEIMQUYcgkosw048]$/]

/**
 * How many bytes a text stands for in base64url that has exactly one spelling: no padding, no foreign characters,
 * unused bits zero (RFC 4648 §3.5).
 * @returns -1 for anything else, and for nothing.
 */
export function canonicalBytes(encoded: string): number {
  const last = LAST[encoded.length & 3] as RegExp | null
  return BASE64URL.test(encoded) && (last === null || last.test(encoded)) ? (encoded.length * 3) >> 2 : -1
}

/**
 * Decodes base64url that has exactly one spelling.
 * @returns the bytes, or null.
 */
export function decodeCanonical(encoded: string): Buffer | null {
  const bytes = Buffer.from(encoded, 'base64url')
  // Whatever else Node reads too (padding, `+`, blanks) is written otherwise.
  return encoded !== '' && bytes.toString('base64url') === encoded ? bytes : null
}

/**
 * Whether every object in a text that `JSON.parse` accepts has each of its names once, and none is `__proto__`.
 * `JSON.parse` keeps the last of two equal names while other readers keep the first.
 */
export function hasPlainMembers(text: string): boolean {
  return membersOf(JSON.parse(text)) === membersIn(text)
}

/** Whether any text, JSON or not, opens no more brackets than that: `JSON.parse` is slow on thousands of them. */
export function isShallow(text: string): boolean {
  return membersIn(text) !== -1
}

/**
 * Members of all objects in a text that may be JSON: outside of strings a colon stands in each, and nowhere else.
 * @returns -1 if it opens too many brackets.
 */
function membersIn(text: string): number {
  let depth = 0
  let members = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === 0x22) {
      at = endOfString(text, at)
      if (at === -1) return members
    } else if (char === 0x3a) members++
    else if (char === 0x7b || char === 0x5b) {
      if (++depth > MAX_DEPTH) return -1
    } else if (char === 0x7d || char === 0x5d) depth--
  }
  return members
}

/** Where a string ends, or -1: at a quote with an even number of backslashes before it. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end !== -1 && text.charCodeAt(end - 1) === 0x5c) {
    let at = end - 1
    while (text.charCodeAt(at - 1) === 0x5c) at--
    if ((end - at) % 2 === 0) return end
    end = text.indexOf('"', end + 1)
  }
  return end
}

/**
 * Members that are left of all objects in a value once it is parsed: fewer than in its text if a name came twice.
 * @returns NaN if one is named `__proto__`.
 */
function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let members = 0
  if (Array.isArray(value)) {
    for (const entry of value as unknown[]) members += membersOf(entry)
    return members
  }
  for (const name of Object.keys(value)) {
    if (name === '__proto__') return Number.NaN
    members++
    const member = (value as Record<string, unknown>)[name]
    if (typeof member === 'object') members += membersOf(member)
  }
  return members
}
