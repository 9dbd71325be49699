import { isUtf8 } from 'node:buffer'

/** A part of a token nests no deeper than this; real ones need three or four levels. */
const MAX_DEPTH = 16

/**
 * Reads a JSON object that means the same to every reader: canonical base64url, valid UTF-8, an object,
 * no duplicate member names (RFC 7519 §4, RFC 8725 §2.6), no `__proto__`, at most 16 levels deep.
 * @returns the object, or null.
 */
export function readEncodedObject(encoded: string): Record<string, unknown> | null {
  const bytes = decodeCanonical(encoded)
  if (bytes === null || !isUtf8(bytes)) return null
  const text = bytes.toString('utf8')
  if (!isShallow(text)) return null
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    return hasPlainMembers(text) ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

/**
 * Decodes base64url that has exactly one spelling: no padding, no foreign characters, unused bits zero (RFC 4648 §3.5).
 * @returns the bytes, or null.
 */
export function decodeCanonical(encoded: string): Buffer | null {
  if (encoded === '') return null
  const bytes = Buffer.from(encoded, 'base64url')
  return bytes.toString('base64url') === encoded ? bytes : null
}

/**
 * Looks at the member names of a text that `JSON.parse` has already accepted, because `JSON.parse` keeps the last of
 * two equal names while other readers keep the first.
 */
export function hasPlainMembers(text: string): boolean {
  // One entry per open bracket: the names seen in an object, null for an array.
  const open: (Set<string> | null)[] = []
  let expectsName = false
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === 0x22) {
      const end = endOfString(text, at)
      if (expectsName) {
        const spelt = text.slice(at + 1, end)
        const name = spelt.includes('\\') ? (JSON.parse(`"${spelt}"`) as string) : spelt
        const names = open.at(-1)
        if (name === '__proto__' || names === null || names === undefined || names.has(name)) return false
        names.add(name)
        expectsName = false
      }
      at = end
    } else if (char === 0x7b) {
      open.push(new Set())
      expectsName = true
    } else if (char === 0x5b) {
      open.push(null)
      expectsName = false
    } else if (char === 0x7d || char === 0x5d) {
      open.pop()
      expectsName = false
    } else if (char === 0x2c) {
      expectsName = open.at(-1) !== null
    }
  }
  return true
}

/** Whether any text, JSON or not, opens no more brackets than that: `JSON.parse` is slow on thousands of them. */
export function isShallow(text: string): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === 0x22) {
      at++
      while (at < text.length && text.charCodeAt(at) !== 0x22) at += text.charCodeAt(at) === 0x5c ? 2 : 1
    } else if (char === 0x7b || char === 0x5b) {
      if (++depth > MAX_DEPTH) return false
    } else if (char === 0x7d || char === 0x5d) depth--
  }
  return true
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text.charCodeAt(at) !== 0x22) at += text.charCodeAt(at) === 0x5c ? 2 : 1
  return at
}
