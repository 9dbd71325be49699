import type { Fields } from '../identity.ts'

/**
 * The credentials after an auth-scheme in the Authorization field: the scheme's name is case-insensitive and one or more
 * spaces follow it (RFC 9110 §11.4).
 * @param scheme lower case
 * @returns `''` for a scheme alone, null for another scheme or no field.
 */
export function credentialsOf(fields: Fields, scheme: string): string | null {
  const field = fields['authorization']
  if (typeof field !== 'string') return null
  const { length } = scheme
  // Schemes are letters alone: bit 5 is all that tells the cases apart.
  for (let at = 0; at < length; at++) {
    if ((field.charCodeAt(at) | 0x20) !== scheme.charCodeAt(at)) return null
  }
  if (field.length === length) return ''
  if (field.charCodeAt(length) !== 0x20) return null
  let start = length + 1
  while (field.charCodeAt(start) === 0x20) start++
  return field.slice(start)
}

/**
 * True if the request has more than one Authorization field. Node keeps the first of them and says nothing, a proxy in
 * front may have looked at the last.
 * @param rawHeaders names and values in turn, as received
 */
export function isRepeated(rawHeaders: readonly string[]): boolean {
  let count = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (name.length === 13 && name.toLowerCase() === 'authorization' && ++count > 1) return true
  }
  return false
}
