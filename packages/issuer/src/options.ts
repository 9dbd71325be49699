import type { PasswordHashOptions } from './passwords/options.ts'
import type { Standing } from './sessions/sessions.ts'
import type { IssuerStore } from './stores/store.ts'

/** Lifetimes of refresh tokens, in seconds. */
export interface RefreshTokenOptions {
  /** A session that is not refreshed for this long ends. Default: 604800 (7 days). */
  idle?: number
  /** It ends after this long in any case. Default: 2592000 (30 days). */
  absolute?: number
  /** For this long a used token still gives its one successor: tabs and retries race. Default: 10. */
  grace?: number
}

/** When signing keys change, in seconds. */
export interface KeysOptions {
  /** How tokens are signed. Default: `ES256`. */
  algorithm?: 'ES256' | 'EdDSA'
  /** A key signs for this long. Default: 2592000 (30 days). */
  rotateAfter?: number
  /** A key is published for at least this long before it signs. Default: 86400 (a day). */
  publishAhead?: number
  /** The ring is read again this often: what another process rotated is known by then. Default: 60. */
  reload?: number
}

/** Where verifiers find the public keys. */
export interface JwksOptions {
  /** Default: `/.well-known/jwks.json`. */
  path?: string
  /** Seconds for which the answer may be cached. Default: 300. */
  maxAge?: number
  /** The route's policies, as `config.security` of any route: `{ auth: false }` where auth is registered. */
  security?: Record<string, unknown>
}

/** How tokens, if anything is still to be done about them, are revoked: `revoke` and `revokeSubject` of @portcullis/auth. */
export interface RevokeOptions {
  /** Refuses one access token from now on. */
  token?: (token: { issuer: string; tokenId: string; expires: number }) => Promise<void>
  /** Refuses all access tokens of a subject that were issued before now, or before that second. */
  subject?: (subject: { issuer: string; subject: string; before?: number }) => Promise<void>
}

/** Options of the room. */
export interface IssuerOptions {
  /** `iss` of every token: an https URL without query and fragment. */
  issuer: string
  /** `aud` of every token: the API that it is for. */
  audience: string
  /** `client_id` of tokens for which `signIn` names none. Default: `first-party`. */
  clientId?: string
  /** Seconds that an access token is valid. Default: 300. */
  accessTokenLifetime?: number
  refreshToken?: RefreshTokenOptions
  /** Live sessions of one subject; of more, the longest unused ends. Default: 100. */
  maxSessions?: number
  keys?: KeysOptions
  jwks?: JwksOptions
  password?: PasswordHashOptions
  /** `memoryStore()` or `postgresStore(pool)`. Default: `memoryStore()`. */
  store?: IssuerStore
  /** Encrypts the private keys in a durable store: at least 32 random bytes, the same in every process. */
  secret?: string | Buffer
  /** What the subject may do now, asked at every refresh; null ends the session. Default: what it might at sign-in. */
  account?: (subject: string) => Promise<Standing | null | undefined>
  revoke?: RevokeOptions
  /** Milliseconds since the epoch. Default: `Date.now`. */
  clock?: () => number
}
