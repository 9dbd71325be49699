import { isUtf8 } from 'node:buffer'
import { credentialsOf } from '../access/authorization.ts'
import { areScopes, identityOf, isName, isPlain, isPrintable, type Outcome, type Strategy } from '../identity.ts'
import { ask, type LookUp } from '../remote/look-up.ts'

/** What a `verify` function says of a caller it knows. */
export interface BasicIdentity {
  /** Whose password it is, usually the user name. Required, so that no empty answer of a database admits anybody. */
  readonly subject: string
  readonly scopes?: readonly string[]
  readonly claims?: Readonly<Record<string, unknown>>
}

/**
 * Checks a user name and a password: an identity, or null for a wrong pair. Takes the same time whether the user exists
 * (hash a dummy password if not). The password may be empty, which an LDAP bind takes for a success (RFC 4513 §5.1.2).
 * A throw, or anything but null and a plain identity, means "cannot tell" and becomes a 503, never a 401.
 */
export type VerifyBasic = (user: string, password: string) => BasicIdentity | null | Promise<BasicIdentity | null>

/** RFC 4648 base64 of at most 1,024 characters; longer passwords only feed a slow hash. */
const TOKEN68 = /^[A-Za-z0-9+/]{4,1024}={0,2}$/

/**
 * Reads Basic credentials (RFC 7617 §2): canonical base64 of UTF-8, split at the first colon, without control characters.
 * @returns null for anything else.
 */
export function readBasic(credentials: string): { readonly user: string; readonly password: string } | null {
  if (!TOKEN68.test(credentials)) return null
  const bytes = Buffer.from(credentials, 'base64')
  if (bytes.toString('base64') !== credentials || !isUtf8(bytes)) return null
  const text = bytes.toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 1 || !isPrintable(text)) return null
  const user = text.slice(0, colon)
  return isName(user) ? { user, password: text.slice(colon + 1) } : null
}

/** User names and passwords, checked by a function. */
export function basicStrategy({ verify, ...lookUp }: LookUp & { readonly verify: VerifyBasic }): Strategy {
  return {
    scheme: 'basic',
    find: (fields) => credentialsOf(fields, 'basic'),
    verify(credentials) {
      const pair = readBasic(credentials)
      if (pair === null) return 'malformed'
      return ask(() => verify(pair.user, pair.password), read, lookUp)
    },
  }
}

const MEMBERS: readonly string[] = ['subject', 'scopes', 'claims'] satisfies (keyof BasicIdentity)[]

/**
 * Rows, results and errors are objects too (`[]`, `{ rowCount: 0 }`, `{ ok: false }`): only an object that is nothing but
 * an identity admits its caller.
 */
function read(value: unknown): Outcome {
  if (value === null || value === undefined) return 'unknown'
  const { subject, scopes, claims } = value as Partial<Record<keyof BasicIdentity, unknown>>
  const good =
    isPlain(value) &&
    Object.keys(value).every((member) => MEMBERS.includes(member)) &&
    isName(subject) &&
    (scopes === undefined || areScopes(scopes)) &&
    (claims === undefined || isPlain(claims))
  if (!good) throw new TypeError('verify returned neither null nor { subject, scopes, claims } and nothing else')
  return identityOf({
    subject,
    scheme: 'basic',
    scopes,
    claims,
  })
}
