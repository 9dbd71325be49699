import { isUtf8 } from 'node:buffer'
import { isMalformed, reachesPrototype } from './query.ts'

/** Why a form is refused before it is parsed. */
export type FormFault = 'keys' | 'invalid-utf8' | 'malformed-encoding' | 'prototype-key'

/**
 * Looks at the bytes of a form (`application/x-www-form-urlencoded`) before anything is built of them: its names as JSON's
 * are looked at, its texts as those of a query.
 * @param keys fields that it may have
 */
export function formFault(body: Buffer, keys: number): FormFault | null {
  if (!isUtf8(body)) return 'invalid-utf8'
  const text = body.toString()
  if (isMalformed(text)) return 'malformed-encoding'
  let count = 0
  for (let at = 0; at < text.length; count++) {
    if (count === keys) return 'keys'
    const next = text.indexOf('&', at)
    const end = next === -1 ? text.length : next
    const equals = text.indexOf('=', at)
    const name = text.slice(at, equals === -1 || equals > end ? end : equals)
    if (reachesPrototype(name.includes('%') ? decodeURIComponent(name) : name)) return 'prototype-key'
    at = end + 1
  }
  return null
}
