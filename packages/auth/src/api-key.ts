import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { areScopes, identityOf, isName, type Outcome, type Strategy } from './identity.ts'
import { ask, type LookUp } from './look-up.ts'

/** One API key, as the server knows it: by its hash. */
export interface ApiKeyEntry {
  /** Names the key in events and logs; not secret. */
  readonly id: string
  /** SHA-256 of the key, 64 lower-case hexadecimal digits: `hashApiKey(key)`. */
  readonly sha256: string
  /** Whose key it is. */
  readonly subject: string
  /** Scopes the key grants. */
  readonly scopes?: readonly string[]
}

/** Finds a key by its SHA-256 (64 lower-case hexadecimal digits): in a database, say. Null if there is none. */
export type FindApiKey = (sha256: string) => ApiKeyEntry | null | Promise<ApiKeyEntry | null>

/**
 * SHA-256 of an API key as 64 lower-case hexadecimal digits: what belongs into options and databases. A plain hash is
 * enough for a key of 256 random bits and far too little for a password.
 */
export function hashApiKey(key: string): string {
  return hash('sha256', key, 'hex')
}

/**
 * Makes an API key: `ptc_` and 256 random bits in base64url. Show it once, store `sha256`.
 * @param random a secure source of that many bytes; node:crypto's unless a test brings its own
 */
export function createApiKey(random: (size: number) => Buffer = randomBytes): {
  readonly key: string
  readonly sha256: string
} {
  const key = `ptc_${random(32).toString('base64url')}`
  return { key, sha256: hashApiKey(key) }
}

/** What the API key strategy is made of. */
export interface ApiKeyParts extends LookUp {
  /** Header field, lower case. */
  readonly header: string
  readonly keys: readonly ApiKeyEntry[]
  readonly find: FindApiKey | undefined
}

/** Visible ASCII without comma: two fields, which Node joins with a comma, are no key. */
const KEY = /^[\x21-\x2b\x2d-\x7e]{16,256}$/

/** API keys in a header field of their own: never in the query, which ends up in logs and histories. */
export function apiKeyStrategy({ header, keys, find, ...lookUp }: ApiKeyParts): Strategy {
  const known = new Map(keys.map((entry) => [entry.sha256, admit(entry)]))

  function read(value: unknown, sha256: string): Outcome {
    if (value === null || value === undefined) return 'unknown'
    const { id, sha256: stored, subject, scopes } = value as Partial<Record<keyof ApiKeyEntry, unknown>>
    if (!isName(id) || !isName(subject) || (scopes !== undefined && !areScopes(scopes)) || typeof stored !== 'string') {
      throw new TypeError('find returned neither null nor { id, sha256, subject, scopes }')
    }
    return isEqual(stored, sha256)
      ? admit({ id, sha256, subject, ...(scopes === undefined ? {} : { scopes }) })
      : 'unknown'
  }

  return {
    scheme: 'api-key',
    find(fields) {
      const field = fields[header]
      return typeof field === 'string' ? field : null
    },
    verify(key) {
      if (!KEY.test(key)) return 'malformed'
      // The caller does not choose the hash, so what a look-up by hash reveals through its time is of no use (and the
      // key itself is compared nowhere).
      const sha256 = hashApiKey(key)
      const identity = known.get(sha256)
      if (identity !== undefined) return identity
      return find === undefined
        ? 'unknown'
        : ask(
            () => find(sha256),
            (value) => read(value, sha256),
            lookUp,
          )
    },
  }
}

function isEqual(stored: string, sha256: string): boolean {
  return (
    stored.length === sha256.length && timingSafeEqual(Buffer.from(stored, 'latin1'), Buffer.from(sha256, 'latin1'))
  )
}

function admit(entry: ApiKeyEntry): Exclude<Outcome, string> {
  return identityOf({ subject: entry.subject, scheme: 'api-key', scopes: entry.scopes, credentialId: entry.id })
}
