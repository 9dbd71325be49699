import type { Finding } from '@portcullis/kernel'
import { areNames, areScopes } from '../identity.ts'

/**
 * Where a claim is: its name, or the names on the way to one that stands within another. A list, for names hold dots and
 * slashes (`https://example.com/roles`): no character of a text is free to part them.
 */
export type ClaimPath = readonly string[]

/** Where options say that a claim is. */
export function claimPath(written: string | readonly string[]): ClaimPath
export function claimPath(written: string | readonly string[] | undefined): ClaimPath | undefined
export function claimPath(written: string | readonly string[] | undefined): ClaimPath | undefined {
  return typeof written === 'string' ? [written] : written
}

/** Paths of Keycloak, as texts: a claim of such a name is in no token, and nobody would ever have a role. */
const DOTTED = /^(realm_access|resource_access\.(?<client>.+))\.(?<last>[^.]+)$/

/** The finding for a path that is written as one text, if it is one. @param at JSON Pointer to what holds the options */
export function checkClaimPaths(
  at: string,
  options: Readonly<Partial<Record<'rolesClaim' | 'scopesClaim', string | readonly string[]>>>,
): Finding[] {
  return (['rolesClaim', 'scopesClaim'] as const).flatMap((name): Finding[] => {
    const written = options[name]
    const found = typeof written === 'string' ? DOTTED.exec(written)?.groups : undefined
    if (found === undefined) return []
    const { client, last = '' } = found
    const value = client === undefined ? ['realm_access', last] : ['resource_access', client, last]
    const message = `is the name of one claim, and names hold dots; write ${name}: ['${value.join("', '")}']`
    const fix = [{ op: 'replace', path: `${at}/${name}`, value } as const]
    return [{ at: `${at}/${name}`, rule: 'path-as-text', message, fix }]
  })
}

/** The value of a claim, or undefined: what is inherited is no claim. */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: ClaimPath): unknown {
  let value: unknown = claims
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}

/** The end of the year 9999, in seconds. */
const LATEST = 253_402_300_799

/** NumericDate (RFC 7519 §2) in whole seconds: `1e400` is Infinity once parsed, and never expires. */
export function isDate(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LATEST
}

/** Scope tokens (RFC 6749 §3.3) and spaces. */
const SCOPES = /^[\x20\x21\x23-\x5B\x5D-\x7E]*$/

const USUAL = ['scope', 'scp', 'scopes'] as const

/**
 * The scopes of a token: `scope` (RFC 9068 §2.2.3: names separated by spaces), else `scp`, else `scopes` (lists, or
 * names separated by spaces, as issuers write them). All that are present must be well formed; only the first counts.
 * @param chosen where they are instead
 * @returns null if one is not well formed.
 */
export function scopesOf(claims: Readonly<Record<string, unknown>>, chosen?: ClaimPath): readonly string[] | null {
  if (chosen !== undefined) {
    const value = claimAt(claims, chosen)
    return value === undefined ? [] : scopesIn(value)
  }
  let found: readonly string[] | null = null
  for (const name of USUAL) {
    const value = claims[name]
    if (value === undefined) continue
    if (name === 'scope' && typeof value !== 'string') return null
    const scopes = scopesIn(value)
    if (scopes === null) return null
    found ??= scopes
  }
  return found ?? []
}

function scopesIn(value: unknown): readonly string[] | null {
  // One look at the whole text: a token may spell thousands of scopes, and its signature is not checked yet.
  if (typeof value === 'string') return SCOPES.test(value) ? value.split(' ').filter((scope) => scope !== '') : null
  return areScopes(value) ? value : null
}

const ROLES: ClaimPath = ['roles']

/** Roles (RFC 9068 §2.2.3.1) and when the caller last authenticated (§2.2.1): of no use if they are not well formed. */
export function describedBy(
  claims: Readonly<Record<string, unknown>>,
  rolesClaim: ClaimPath = ROLES,
): {
  readonly roles?: readonly string[]
  readonly authenticatedAt?: number
} {
  const { auth_time: authTime } = claims
  const roles = claimAt(claims, rolesClaim)
  return { ...(areNames(roles) ? { roles } : {}), ...(isDate(authTime) ? { authenticatedAt: authTime } : {}) }
}
