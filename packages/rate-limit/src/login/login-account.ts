import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { LoginAccount } from './login-options.ts'

/** Names longer than this name nobody: RFC 5321 allows an address 254 octets. */
export const LONGEST_ACCOUNT = 1024

/** Marks, controls, invisible characters and white space: collations and handlers that trim take no notice of them. */
const UNSEEN = /[\p{Mn}\p{Me}\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\s]+/gu

/**
 * What stays the same in all spellings of one account: without case, width (`ａ` is `a`), accents, invisible characters
 * and spaces. Databases compare so (MySQL by default even without accents), and each spelling that they take for the
 * same account would otherwise be a fresh quota. Accounts that differ in nothing else are counted as one.
 */
export function foldAccount(name: string): string {
  // UAX #15: compatibility decomposition. Upper case first: `ß` is `SS`, `ı` is `I`.
  return name.normalize('NFKD').replace(UNSEEN, '').toUpperCase().toLowerCase().normalize('NFKD').replace(UNSEEN, '')
}

/**
 * The account that a value names: a hash of its folded name, which is all that memory, stores and events ever see.
 * @returns null if it names none (absent, empty), undefined if it cannot be read (a list, an object, endless text)
 */
export function accountKey(value: unknown): string | null | undefined {
  if (value === undefined || value === null) return null
  if (typeof value === 'number' || typeof value === 'bigint') return hashed(String(value))
  if (typeof value !== 'string' || value.length > LONGEST_ACCOUNT) return undefined
  const folded = foldAccount(value)
  return folded === '' ? null : hashed(folded)
}

/** One spelling of an account that `accountKey` can read. */
export function spellingKey(value: string | number | bigint): string {
  return hashed(String(value))
}

const hashed = (folded: string): string => hash('sha256', folded, 'base64url').slice(0, 27)

/**
 * Compiles what reads the account of a request; the value may be anything.
 * @param onThrow told when a function throws or returns no string; its request is then refused
 */
export function accountOf(
  named: LoginAccount,
  onThrow: (error: unknown) => void,
): (request: FastifyRequest) => unknown {
  if (typeof named === 'function') {
    return (request) => {
      try {
        const value: unknown = named(request)
        // A promise is no name; left alone, its rejection would end the process.
        if (value instanceof Promise) value.catch(() => {})
        if (value === null || value === undefined || typeof value === 'string') return value
        onThrow(new TypeError(`loginGuard.account returned ${typeof value}, and an account is a string`))
      } catch (error) {
        onThrow(error)
      }
      // Nobody may pass uncounted because the app cannot tell who he is.
      return {}
    }
  }
  const { body: field } = named
  return ({ body }) => {
    if (typeof body !== 'object' || body === null || !Object.hasOwn(body, field)) return undefined
    return (body as Record<string, unknown>)[field]
  }
}
