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
  const folded = foldedOf(text)
  const stem = stemOf(folded)
  const [unit, stemUnit] = [unitOf(folded), unitOf(stem)]
  if (new Set(text.toLowerCase()).size <= FEW || isRepetition(folded, unit) || isRepetition(stem, stemUnit))
    return 'repetitive'
  if ([folded, unit, stem, stemUnit, stemOf(unit)].some(isCommonPassword) || isSequence(folded)) return 'common'
  return isPersonal(folded, [...rules.words, ...personal]) ? 'personal' : null
}

/** So many different characters, in whatever order, are none to speak of. */
const FEW = 4

/** Whether it is a unit of less than eight again and again: that adds nothing to it, and eight is the least there is. */
function isRepetition(text: string, { length }: string): boolean {
  return length > 0 && length < 8 && text.length >= 2 * length
}

/** For comparisons: without case, width and what nobody sees, which guessers leave out too. */
export function foldedOf(text: string): string {
  return text
    .normalize('NFKC')
    .replaceAll(/\p{Cf}/gu, '')
    .toLowerCase()
}

/** `abcabcabca` is `abc` again and again; what repeats nothing is its own unit. */
function unitOf(text: string): string {
  for (let size = 1; size < text.length; size++) if (text.startsWith(text.slice(size))) return text.slice(0, size)
  return text
}

/** Without what is put around a word to please rules: digits and signs at both ends. */
function stemOf(text: string): string {
  return text.replaceAll(/^[\d\p{P}\p{S}\s]{1,12}|[\d\p{P}\p{S}\s]{1,12}$/gu, '')
}

/** `abcdefgh…`, `987654321098…`: most characters are next to their neighbours. */
function isSequence(folded: string): boolean {
  if (!/^[a-z0-9]+$/.test(folded)) return false
  const codes = Buffer.from(folded)
  const steps = codes.subarray(1).filter((code, at) => Math.abs(code - (codes[at] as number)) === 1)
  return steps.length >= ((codes.length - 1) * 3) / 4
}

/** Whether little remains beside words that anybody would try for this user, here. */
function isPersonal(folded: string, words: readonly string[]): boolean {
  // What an account lacks is no word.
  const given = words.filter((word) => typeof word === 'string')
  const known = given.map(foldedOf).flatMap((word) => {
    const parts = word.split(/[\s@]+/)
    return [
      word,
      ...parts,
      ...parts.map((part) => part.replaceAll(SIGNS, '')),
      ...parts.flatMap((part) => part.split(SIGNS)),
    ]
  })
  let rest = folded
  // The longest first: a name is taken out as a whole before its parts are.
  for (const word of known.toSorted((one, other) => other.length - one.length))
    if (word.length >= 4) rest = rest.replaceAll(word, '')
  return rest !== folded && Array.from(rest).length < 8
}

const SIGNS = /[._-]+/g
