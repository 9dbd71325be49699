import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'

/** Bytes of the code, and of the mask before it. */
const SIZE = 32
/** As `mask` writes it: 64 bytes, base64url without padding. */
const TOKEN = /^[A-Za-z0-9_-]{86}$/

/** What a token belongs to. A session's value never passes for a cookie's. */
export interface Binding {
  readonly kind: 'session' | 'cookie'
  readonly value: string
}

/** Keys, the current one first: tokens are made with it, and admitted under all. */
export type KeyRing = readonly [KeyObject, ...KeyObject[]]

/** HMAC-SHA-256 of what the token belongs to (RFC 2104). The label keeps the key's other uses apart. */
function codeOf(key: KeyObject, { kind, value }: Binding): Buffer {
  return createHmac('sha256', key).update(`portcullis.csrf.1\0${kind}\0`).update(value).digest()
}

/**
 * Makes a token. Each call masks the same code with other random bytes, so that a compressed answer tells nothing of it
 * (BREACH).
 */
export function makeToken(keys: KeyRing, binding: Binding, random: (size: number) => Buffer): string {
  const mask = random(SIZE)
  return Buffer.concat([mask, xor(codeOf(keys[0], binding), mask)]).toString('base64url')
}

/** Whether a token was made under one of the keys for this binding; in constant time for each key. */
export function isValid(keys: KeyRing, binding: Binding, token: string): boolean {
  if (!TOKEN.test(token)) return false
  const bytes = Buffer.from(token, 'base64url')
  const code = xor(bytes.subarray(SIZE), bytes)
  let valid = false
  for (const key of keys) valid = timingSafeEqual(codeOf(key, binding), code) || valid
  return valid
}

function xor(bytes: Buffer, mask: Buffer): Buffer {
  const out = Buffer.allocUnsafe(SIZE)
  for (let at = 0; at < SIZE; at++) out[at] = (bytes[at] as number) ^ (mask[at] as number)
  return out
}
