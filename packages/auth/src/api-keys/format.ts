import { createHmac, hash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { isDate } from '../jwt/claims.ts'

/** One API key, as the server knows it: by its hash. */
export interface ApiKeyEntry {
  /** Names the key in the key itself, in events and in logs: 12 letters and digits, not secret. */
  readonly id: string
  /** `hashApiKey(key)`: 64 lower-case hexadecimal digits. */
  readonly hash: string
  /** Whose key it is. */
  readonly subject: string
  /** Scopes the key grants. */
  readonly scopes?: readonly string[]
  /** Roles of its owner. */
  readonly roles?: readonly string[]
  /** Seconds since the epoch from which the key is refused. */
  readonly expires?: number
  /** Whatever else routes and limits go by, such as a plan: `identity.claims`. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** Finds a key by its id, in a database say: its entry, both entries while it is being rotated, or null. */
export type FindApiKey = (
  id: string,
) => ApiKeyEntry | readonly ApiKeyEntry[] | null | Promise<ApiKeyEntry | readonly ApiKeyEntry[] | null>

/** A key that was just made: shown once, never again. */
export interface CreatedApiKey {
  readonly key: string
  /** What to store. */
  readonly entry: ApiKeyEntry
}

/** A pepper: a secret that stands in no database, of at least 32 bytes. */
export type Pepper = string | Buffer

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ID_LENGTH = 12
/** 62^43 > 2^256. */
const SECRET_LENGTH = 43
/** 62^6 > 2^32. */
const CHECKSUM_LENGTH = 6

/** How a prefix is written: it begins every key, so that scanners know whose keys they have found. */
export const PREFIX_PATTERN = '^[a-z][a-z0-9]{1,14}(?:_[a-z0-9]{1,15}){0,2}$'

/** How an id is written. */
export const ID_PATTERN = `^[0-9A-Za-z]{${ID_LENGTH}}$`

/**
 * The hash of a key: what belongs into options and databases. SHA-256, which is enough for a key of 256 random bits and far
 * too little for a password; with a pepper HMAC-SHA-256, so that whoever reads the table cannot add a key to it.
 * @returns 64 lower-case hexadecimal digits
 */
export function hashApiKey(key: string, pepper?: Pepper): string {
  return pepper === undefined ? hash('sha256', key, 'hex') : createHmac('sha256', pepper).update(key).digest('hex')
}

/**
 * Makes an API key: `prefix_id_secret_checksum`, letters and digits, so that a double click selects all of it.
 * The secret has 256 random bits. Show the key once, store the entry.
 * @param given.expires seconds since the epoch
 * @param given.pepper the same as in the options
 * @param random a secure source of that many bytes; node:crypto's unless a test brings its own
 * @example const { key, entry } = createApiKey({ prefix: 'shop', subject: 'billing', scopes: ['invoices:read'] })
 */
export function createApiKey(
  given: Omit<ApiKeyEntry, 'id' | 'hash'> & {
    readonly id?: string
    readonly prefix?: string
    readonly pepper?: Pepper
  },
  random: (size: number) => Buffer = randomBytes,
): CreatedApiKey {
  const { prefix = 'ptc', pepper, id = digits(ID_LENGTH, random), ...rest } = given
  if (!new RegExp(PREFIX_PATTERN).test(prefix))
    throw new TypeError(
      `'${prefix}' is no prefix: write 2 to 15 lower-case letters and digits, such as shop or shop_live`,
    )
  if (!new RegExp(ID_PATTERN).test(id)) throw new TypeError('an id has 12 letters and digits')
  const { expires = 0 } = rest
  // Milliseconds would be some date in fifty thousand years.
  if (!isDate(expires))
    throw new TypeError('expires is in whole seconds since the epoch, such as Math.floor(Date.now() / 1000) + 86_400')
  const body = `${prefix}_${id}_${digits(SECRET_LENGTH, random)}`
  const key = `${body}_${checksumOf(body)}`
  return { key, entry: { id, hash: hashApiKey(key, pepper), ...rest } }
}

/**
 * Makes the successor of a key: of the same id, so that limits and last use go on; the old one is refused after the overlap.
 * @param given.overlap seconds for which both are accepted
 * @param given.prefix the same as in the options, as is `given.pepper`: an entry does not know them
 * @param given.expires when the new one expires; absent: when the old one was to
 * @param now milliseconds since the epoch
 * @returns the new key, and both entries: store them in the place of the old one.
 */
export function rotateApiKey(
  entry: ApiKeyEntry,
  given: {
    readonly overlap: number
    readonly prefix?: string
    readonly pepper?: Pepper
    readonly expires?: number
  },
  now: () => number = Date.now,
): { readonly key: string; readonly entries: readonly [next: ApiKeyEntry, old: ApiKeyEntry] } {
  const { overlap, ...parts } = given
  const { hash: _hash, ...kept } = entry
  const { key, entry: next } = createApiKey({ ...kept, ...parts })
  const end = Math.floor(now() / 1000) + overlap
  return { key, entries: [next, { ...entry, expires: Math.min(end, entry.expires ?? end) }] }
}

/** Reads keys of one prefix: their id, or null for whatever is none. Costs no look-up and no hash. */
export function apiKeyReader(prefix: string): (key: string) => string | null {
  const start = `${prefix}_`
  const body = new RegExp(`^[0-9A-Za-z]{${ID_LENGTH}}_[0-9A-Za-z]{${SECRET_LENGTH}}_[0-9A-Za-z]{${CHECKSUM_LENGTH}}$`)
  const length = start.length + ID_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH + 2
  return (key) => {
    if (key.length !== length || !key.startsWith(start) || !body.test(key.slice(start.length))) return null
    const end = length - CHECKSUM_LENGTH - 1
    if (checksumOf(key.slice(0, end)) !== key.slice(end + 1)) return null
    return key.slice(start.length, start.length + ID_LENGTH)
  }
}

/** CRC-32 as six digits of base 62: tells a mistyped or invented key from one that may exist. It is no secret. */
function checksumOf(text: string): string {
  let rest = crc32(text)
  let written = ''
  for (let at = 0; at < CHECKSUM_LENGTH; at++) {
    written = `${DIGITS[rest % 62]}${written}`
    rest = Math.floor(rest / 62)
  }
  return written
}

/** Random digits of base 62, each as likely as the others. */
function digits(count: number, random: (size: number) => Buffer): string {
  let written = ''
  while (written.length < count) {
    for (const byte of random(count)) {
      // 248 is the last multiple of 62: what is above would favour some digits.
      if (byte < 248 && written.length < count) written += DIGITS[byte % 62]
    }
  }
  return written
}
