import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { accountKey, foldAccount, LONGEST_ACCOUNT } from '../src/login/login-account.ts'

describe('an account', () => {
  it.each([
    ['case', 'Alice@Example.COM'],
    ['space around it', '  alice@example.com\t\n'],
    ['a no-break space', '\u00A0alice@example.com\u2003'],
    ['full width', 'ａｌｉｃｅ＠ｅｘａｍｐｌｅ．ｃｏｍ'],
    ['a ligature-free compatibility letter', 'ⓐlice@example.com'],
    ['an accent', 'àlicé@example.com'],
    ['a combining accent', 'a\u0300lice@example.com'],
    ['a soft hyphen', 'al\u00ADice@example.com'],
    ['a zero-width joiner', 'al\u200Dice@example.com'],
    ['a byte order mark', '\uFEFFalice@example.com'],
    ['a NUL', 'alice@example.com\u0000'],
    ['a Hangul filler', 'alice\u3164@example.com'],
    ['a dotted capital I', 'alİce@example.com'],
    ['a dotless i', 'alıce@example.com'],
  ])('is the same with %s', (_, name) => {
    expect(accountKey(name)).toBe(accountKey('alice@example.com'))
  })

  it.each([
    ['strasse', 'Straße'],
    ['kelvin', '\u212Aelvin'],
    ['σοφος', 'ΣΟΦΟΣ'],
    ['σοφος', 'σοφος'.replace(/σ$/, 'ς')],
  ])('%s is the same as %s', (one, other) => {
    expect(accountKey(one)).toBe(accountKey(other))
  })

  it('is another with another letter', () => {
    expect(accountKey('alice@example.com')).not.toBe(accountKey('a1ice@example.com'))
  })

  it('is folded once and for all', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const folded = foldAccount(name)
        expect(foldAccount(folded)).toBe(folded)
        expect(foldAccount(` ${name.normalize('NFC')} `)).toBe(folded)
        expect(foldAccount(name.normalize('NFD'))).toBe(folded)
      }),
    )
  })

  it('is one whether it is a number or its digits', () => {
    expect(accountKey(101)).toBe(accountKey('101'))
  })

  it.each([undefined, null, '', '  ', '\u200B'])('is none if %j names it', (value) => {
    expect(accountKey(value)).toBeNull()
  })

  it.each([[['alice']], [{ $gt: '' }], [true], [() => 'alice'], ['a'.repeat(LONGEST_ACCOUNT + 1)]])(
    'cannot be read from %j',
    (value) => {
      expect(accountKey(value)).toBeUndefined()
    },
  )

  it('shows in no key', () => {
    expect(accountKey('alice@example.com')).toMatch(/^[\w-]{27}$/)
  })
})
