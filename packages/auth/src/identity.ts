import type { RequestSecurity, SecurityIdentity } from 'fastify'
import type { Manner } from './remote/remembered-look-ups.ts'

/** Every kind of credential. */
export const SCHEMES = ['jwt', 'introspection', 'api-key', 'basic', 'client-certificate', 'session'] as const

/** The kinds of credential, as `identity.scheme` and `anyOf` name them. */
export type Scheme = (typeof SCHEMES)[number]

/** True for the kinds of credential that are bearer tokens (RFC 6750). */
export function isBearer(scheme: string): boolean {
  return scheme === 'jwt' || scheme === 'introspection'
}

/** Why a credential was refused: for events, never for the client. */
export type Fault =
  | 'malformed'
  | 'too-large'
  | 'header'
  | 'algorithm'
  | 'type'
  | 'claims'
  | 'issuer'
  | 'audience'
  | 'signature'
  | 'expired'
  | 'not-yet-valid'
  | 'unknown'
  | 'unknown-key'
  | 'revoked'
  | 'unavailable'

/** What checking a credential yields. */
export type Outcome = SecurityIdentity | Fault

/** One kind of credential: how to find it in a request and how to check it. */
export interface Strategy {
  readonly scheme: Scheme
  /** The credential of this kind, `''` if the field is there but empty; null if the request has none. */
  find(fields: Fields, security?: RequestSecurity): string | null
  /** Synchronous unless it has to ask somebody. */
  verify(credential: string, security?: RequestSecurity, manner?: Manner): Outcome | Promise<Outcome>
  /** When a credential that was admitted is over by itself, in seconds since the epoch; absent: `watch` tells. */
  until?(identity: SecurityIdentity): number
  /** Tells what becomes of a credential that was admitted: `unavailable` only when what it opened has had its grace. @returns a function that stops */
  watch?(credential: string, identity: SecurityIdentity, told: (outcome: Outcome) => void): () => void
}

/** Header fields as Node gives them. */
export type Fields = Readonly<Record<string, string | string[] | undefined>>

const NOTHING: Readonly<Record<string, unknown>> = Object.freeze({})

/** Makes a frozen identity. */
export function identityOf(given: {
  readonly subject: string
  readonly scheme: Scheme
  readonly scopes?: readonly string[] | undefined
  readonly roles?: readonly string[] | undefined
  /** Seconds since the epoch. */
  readonly authenticatedAt?: number | undefined
  readonly credentialId?: string | null | undefined
  readonly claims?: Readonly<Record<string, unknown>> | undefined
}): SecurityIdentity {
  return Object.freeze({
    subject: given.subject,
    scheme: given.scheme,
    scopes: Object.freeze([...(given.scopes ?? [])]),
    ...(given.roles === undefined ? {} : { roles: Object.freeze([...given.roles]) }),
    ...(given.authenticatedAt === undefined ? {} : { authenticatedAt: given.authenticatedAt }),
    credentialId: given.credentialId ?? null,
    claims: given.claims === undefined ? NOTHING : Object.freeze({ ...given.claims }),
  })
}

// Control characters and line separators forge log lines and terminal output; lone surrogates have no UTF-8.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u

/** True for a string that may name somebody: not empty, at most 255 characters, well-formed, no control characters. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 255 && !UNPRINTABLE.test(value)
}

/** True for text without control characters (RFC 7617 §2). */
export function isPrintable(value: string): boolean {
  return !UNPRINTABLE.test(value)
}

/** RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ). */
export const SCOPE_PATTERN = '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$'

const SCOPE = new RegExp(SCOPE_PATTERN)

/** True for a list of scope tokens, without holes. */
export function areScopes(value: unknown): value is string[] {
  if (!Array.isArray(value)) return false
  // `every` would pass over holes.
  for (const scope of value as unknown[]) if (typeof scope !== 'string' || !SCOPE.test(scope)) return false
  return true
}

/** True for an object literal, of whatever realm: rows, results, instances and errors are objects too. */
export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** True for a list of names, without holes. */
export function areNames(value: unknown): value is string[] {
  if (!Array.isArray(value)) return false
  for (const name of value as unknown[]) if (!isName(name)) return false
  return true
}
