import { hash, randomBytes } from 'node:crypto'
import type { ObjectSchema } from '@portcullis/kernel'
import {
  areNames,
  areScopes,
  type Fields,
  identityOf,
  isName,
  isPlain,
  type Outcome,
  type Strategy,
} from '../identity.ts'
import { ask, type LookUp } from '../remote/look-up.ts'
import { RememberedLookUps } from '../remote/remembered-look-ups.ts'
import { isDate } from '../jwt/claims.ts'

/** A session, as the server keeps it. */
export interface SessionEntry {
  /** Whose session it is. */
  readonly subject: string
  /** Seconds since the epoch from which it is over. */
  readonly expires: number
  readonly scopes?: readonly string[]
  readonly roles?: readonly string[]
  /** Names the session in events, logs and a list of sessions; not secret, and not its hash. */
  readonly id?: string
  /** Seconds since the epoch at which its owner last proved who it is: what `stepUp` goes by. */
  readonly authenticatedAt?: number
  readonly claims?: Readonly<Record<string, unknown>>
}

/** Finds a session by the hash of its token. Null if there is none, or it was ended. */
export type FindSession = (hash: string) => SessionEntry | null | Promise<SessionEntry | null>

/** Sessions of browsers, in a cookie; the server keeps them. */
export interface SessionOptions {
  /** Finds a session by the hash of its token. Asked at every request: a session that was ended is over at once. */
  find: FindSession
  /** Name of the cookie. `__Host-` keeps other hosts from setting it. Default: `__Host-session`. */
  cookie?: string
}

/** A session that was just made. */
export interface CreatedSession {
  /** What to store with the entry: 64 hexadecimal digits. */
  readonly hash: string
  /** Value of the `Set-Cookie` field. */
  readonly setCookie: string
}

/** Name of the cookie unless the options say otherwise. */
export const SESSION_COOKIE = '__Host-session'

/** Schema of `session`. */
export const sessionSchema: ObjectSchema = {
  type: 'object',
  description: 'Sessions of browsers in a cookie; needs the csrf room, for browsers send cookies on their own.',
  additionalProperties: false,
  required: ['find'],
  properties: {
    find: {
      description:
        'Finds a session by the hash of its token: `{ subject, expires, … }` or null; asked at every request.',
      accepts: ['function'],
      examples: [() => null],
    },
    cookie: {
      description: 'Name of the cookie: `__Host-` keeps other hosts from setting it.',
      type: 'string',
      pattern: '^__Host-[A-Za-z0-9_-]{1,64}$',
      title: 'a name that begins with __Host-',
      default: SESSION_COOKIE,
    },
  },
}

/**
 * Makes a session: a token of 256 random bits in a cookie that scripts, other hosts and plain http do not see
 * (RFC 6265bis §4.1.3.2). A new one belongs to every login, so that nobody can plant it beforehand.
 * @param given.maxAge seconds for which the browser keeps it; absent: until it is closed
 * @param given.sameSite `Strict` unless links from other sites must find the user signed in
 */
export function createSession(
  given: { readonly cookie?: string; readonly maxAge?: number; readonly sameSite?: 'Strict' | 'Lax' } = {},
  random: (size: number) => Buffer = randomBytes,
): CreatedSession {
  const { cookie = SESSION_COOKIE, maxAge, sameSite = 'Strict' } = given
  const token = random(32).toString('base64url')
  const age = maxAge === undefined ? '' : `; Max-Age=${Math.floor(maxAge)}`
  return { hash: hashSession(token), setCookie: `${cookie}=${token}${age}${attributes(sameSite)}` }
}

/** Value of the `Set-Cookie` field that makes a browser forget its session: end it in the store too. */
export function clearSession(cookie: string = SESSION_COOKIE): string {
  return `${cookie}=; Max-Age=0${attributes('Strict')}`
}

const attributes = (sameSite: string): string => `; Path=/; Secure; HttpOnly; SameSite=${sameSite}`

function hashSession(token: string): string {
  return hash('sha256', token, 'hex')
}

/** As `createSession` writes it. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/

/** Sessions in a cookie. */
export function sessionStrategy(
  parts: LookUp & { readonly find: FindSession; readonly cookie: string; readonly now: () => number },
): Strategy {
  const { find, cookie, now, ...lookUp } = parts
  const lookUps = new RememberedLookUps<SessionEntry | 'unknown' | 'unavailable'>({
    concurrent: 64,
    waiting: 1_000,
    remembered: 0,
    ask: (key) => ask(() => find(key), read, lookUp),
    keepFor: () => 0,
    exists: () => false,
    tooMany: 'unavailable',
    now,
    patienceMs: lookUp.timeoutMs,
  })

  function judge(found: SessionEntry | 'unknown' | 'unavailable'): Outcome {
    if (typeof found === 'string') return found
    if (found.expires <= now() / 1000) return 'expired'
    const { subject, scopes, roles, id, authenticatedAt, claims } = found
    return identityOf({ subject, scheme: 'session', scopes, roles, credentialId: id, authenticatedAt, claims })
  }

  return {
    scheme: 'session',
    find: (fields) => cookieOf(fields, cookie),
    verify(token, _security, manner) {
      if (!TOKEN.test(token)) return 'malformed'
      const key = hashSession(token)
      const found = lookUps.get(key, key, manner)
      return found instanceof Promise ? found.then(judge) : judge(found)
    },
  }
}

/**
 * The value of a cookie (RFC 6265 §4.2.1), `''` if it is there twice, null if it is not there. Node joins several Cookie
 * fields into one.
 */
export function cookieOf(fields: Fields, name: string): string | null {
  const field = fields['cookie']
  // Most requests have no cookie of that name: one look over the text.
  if (typeof field !== 'string' || !field.includes(name)) return null
  let found: string | null = null
  for (const pair of field.split(';')) {
    // Blanks alone, and only before the name: `trim` would also take off U+00A0, and browsers let every host of a site
    // set a cookie whose name begins with that byte and goes on with `__Host-`.
    const text = pair.replace(/^[ \t]+/, '')
    const equals = text.indexOf('=')
    if (equals === -1 || text.slice(0, equals) !== name) continue
    if (found !== null) return ''
    found = text.slice(equals + 1)
  }
  return found
}

function read(value: unknown): SessionEntry | 'unknown' {
  if (value === null || value === undefined) return 'unknown'
  const entry = value as Partial<Record<keyof SessionEntry, unknown>>
  const { subject, expires, scopes, roles, id, authenticatedAt, claims } = entry
  const good =
    isName(subject) &&
    // Milliseconds would be some far century: such a session would never end.
    isDate(expires) &&
    (scopes === undefined || areScopes(scopes)) &&
    (roles === undefined || areNames(roles)) &&
    (id === undefined || isName(id)) &&
    (authenticatedAt === undefined || isDate(authenticatedAt)) &&
    (claims === undefined || isPlain(claims))
  if (!good) throw new TypeError('session.find returned neither null nor { subject, expires, … }')
  // What was looked at is what counts: a getter may say something else the next time.
  return { subject, expires, scopes, roles, id, authenticatedAt, claims } as SessionEntry
}
