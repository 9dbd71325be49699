import { isUtf8 } from 'node:buffer'

/** Arrays and objects inside one another. */
const DEEPEST = 100

/** Why bytes are not read as JSON. */
export type JsonFault = 'malformed' | 'depth' | 'duplicate-member'

/** What bytes say. */
export type Reading = { readonly value: unknown } | { readonly fault: JsonFault }

/**
 * Reads JSON (RFC 8259) that others will read too: no member stands twice in an object, for readers differ in which they
 * keep, and what was judged would not be what is done; no invalid UTF-8, which they replace in different ways.
 */
export function readJson(bytes: Buffer): Reading {
  if (!isUtf8(bytes)) return { fault: 'malformed' }
  const colons = membersIn(bytes)
  if (colons === null) return { fault: 'depth' }
  let value: unknown
  try {
    // A byte order mark is no JSON, and `JSON.parse` refuses it.
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    return { fault: 'malformed' }
  }
  return membersOf(value) === colons ? { value } : { fault: 'duplicate-member' }
}

/** The members that a text of JSON writes: a colon outside of strings each. Null: it is too deep. */
function membersIn(bytes: Buffer): number | null {
  let colons = 0
  let depth = 0
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case 0x22: // "
        for (at++; at < bytes.length && bytes[at] !== 0x22; at++) if (bytes[at] === 0x5c) at++
        break
      case 0x3a: // :
        colons++
        break
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > DEEPEST) return null
        break
      case 0x5d: // ]
      case 0x7d: // }
        depth--
        break
      default:
    }
  }
  return colons
}

/** The members that are left of them. */
function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let members = 0
  if (Array.isArray(value)) {
    for (const item of value) members += membersOf(item)
    return members
  }
  // All of them its own: what `JSON.parse` makes has nothing enumerable in its prototype.
  for (const name in value) members += 1 + membersOf((value as Record<string, unknown>)[name])
  return members
}
