import { isCommonPassword } from './common-passwords.ts'

/** Code units that are looked at in any case; longer input is refused before anything is computed from it. */
const MOST_UNITS = 4096

/** Why a new password is not taken. */
export type PasswordFault = 'malformed' | 'short' | 'long' | 'common' | 'repetitive' | 'personal'

/** What a new password has to be. */
export interface PasswordRules {
  /** Characters (code points after NFC). */
  readonly minLength: number
  readonly maxLength: number
  /** Words that anybody would try here: the product's and the company's name. */
  readonly words: readonly string[]
}

/**
 * A password as it is hashed: NFC, so that the same characters are the same password on every keyboard (RFC 8265 §4.2),
 * and otherwise as typed: nothing trimmed, nothing cut off.
 * @returns null for what is no text: too much of it, or half a surrogate pair, which UTF-8 would write as `U+FFFD` like any other.
 */
export function canonicalPassword(password: unknown): string | null {
  if (typeof password !== 'string' || password.length > MOST_UNITS || !password.isWellFormed()) return null
  return password.normalize('NFC')
}

/**
 * What is wrong with a new password (NIST SP 800-63B-4 §3.1.1.2, ASVS 5.0 V6.2): length and what attackers try first, and
 * nothing about digits or capitals.
 * @param personal words of this user: name, address
 */
export function faultOf(password: unknown, rules: PasswordRules, personal: readonly string[]): PasswordFault | null {
  if (typeof password === 'string' && password.length > MOST_UNITS) return 'long'
  const text = canonicalPassword(password)
  if (text === null) return 'malformed'
  const length = Array.from(text).length
  if (length < rules.minLength) return 'short'
  if (length > rules.maxLength) return 'long'
  const folded = text.toLowerCase()
  const unit = smallestUnit(folded)
  if (unit.length <= 4) return 'repetitive'
  if ([folded, unit, stemOf(folded)].some(isCommonPassword)) return 'common'
  return isPersonal(folded, [...rules.words, ...personal]) ? 'personal' : null
}

/** `abcabcabc` is `abc` three times; what repeats nothing is its own unit. */
function smallestUnit(text: string): string {
  // A text is a repetition if and only if it occurs inside itself doubled; the last repeat may be cut off.
  for (let size = 1; size <= text.length / 2; size++)
    if (text.startsWith(text.slice(size)) && text.length - size >= size) return text.slice(0, size)
  return text
}

/** Without what is appended to please rules: digits and signs at the end. */
function stemOf(text: string): string {
  return text.replace(/[\d\p{P}\p{S}\s]{1,12}$/u, '')
}

/** Whether little remains beside words that anybody would try for this user, here. */
function isPersonal(folded: string, words: readonly string[]): boolean {
  let rest = folded
  const known = words.flatMap((word) =>
    word
      .normalize('NFC')
      .toLowerCase()
      .split(/[\s@._-]+/),
  )
  for (const word of known) if (word.length >= 4) rest = rest.replaceAll(word, '')
  return rest !== folded && Array.from(rest).length < 8
}
