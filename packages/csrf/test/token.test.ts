import { createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { takeFrom } from '../src/carried.ts'
import { isValid, makeToken, type Binding, type KeyRing } from '../src/token.ts'

const keys: KeyRing = [createSecretKey(randomBytes(32))]
const binding: Binding = { kind: 'session', value: 'session-7' }

describe('a token', () => {
  it('is admitted for what it was made for, whatever the mask', () => {
    fc.assert(
      fc.property(fc.string(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (value, mask) => {
        const own: Binding = { kind: 'session', value }
        const token = makeToken(keys, own, () => Buffer.from(mask))
        expect(token).toMatch(/^[A-Za-z0-9_-]{86}$/)
        expect(isValid(keys, own, token)).toBe(true)
      }),
    )
  })

  it('is another text each time', () => {
    const made = Array.from({ length: 100 }, () => makeToken(keys, binding, randomBytes))
    expect(new Set(made).size).toBe(100)
    // Neither half repeats: a compressed answer has nothing to match.
    expect(new Set(made.map((token) => token.slice(-42))).size).toBe(100)
  })

  it('is not admitted for another session, nor for a cookie of the same value', () => {
    const token = makeToken(keys, binding, randomBytes)
    expect(isValid(keys, { kind: 'session', value: 'session-8' }, token)).toBe(false)
    expect(isValid(keys, { kind: 'cookie', value: 'session-7' }, token)).toBe(false)
  })

  it('is admitted under every key of the ring, and no other', () => {
    const next = createSecretKey(randomBytes(32))
    const old = makeToken(keys, binding, randomBytes)
    expect(isValid([next, ...keys], binding, old)).toBe(true)
    expect(isValid(keys, binding, makeToken([next, ...keys], binding, randomBytes))).toBe(false)
    expect(isValid([next], binding, old)).toBe(false)
  })

  it('is not admitted with any one character changed, added or taken away', () => {
    const token = makeToken(keys, binding, randomBytes)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    // Of the last character four bits mean nothing: other texts of the same bytes are the same token.
    for (let at = 0; at < 85; at++) {
      const other = alphabet[(alphabet.indexOf(token[at] as string) + 1) % 64]
      expect(isValid(keys, binding, token.slice(0, at) + other + token.slice(at + 1))).toBe(false)
    }
    for (const other of [token.slice(1), `${token}A`, `${token}=`, ` ${token}`, token.slice(0, -1)])
      expect(isValid(keys, binding, other)).toBe(false)
  })

  it('is nothing that can be guessed', () => {
    fc.assert(fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{86}$/), (text) => !isValid(keys, binding, text)))
    fc.assert(fc.property(fc.string(), (text) => !isValid(keys, binding, text)))
  })
})

describe('the member of a body', () => {
  it.each<[unknown, string | undefined, unknown]>([
    [{ csrf_token: 'x', a: 1 }, 'x', { a: 1 }],
    [{ csrf_token: { value: 'x', fieldname: 'csrf_token' } }, 'x', {}],
    [{ csrf_token: ['x'] }, '', {}],
    [{ csrf_token: null }, '', {}],
    [{ csrf_token: { value: {} } }, '', {}],
    [{ a: { csrf_token: 'x' } }, undefined, { a: { csrf_token: 'x' } }],
    [Object.create({ csrf_token: 'x' }), undefined, {}],
    ['csrf_token=x', undefined, 'csrf_token=x'],
    [Object.freeze({ csrf_token: 'x' }), 'x', { csrf_token: 'x' }],
    [null, undefined, null],
  ])('of %j is %j, and %j is left', (body, token, left) => {
    expect(takeFrom(body)).toBe(token)
    expect(body).toEqual(left)
  })
})
