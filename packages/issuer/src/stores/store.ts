/** One session: a family of refresh tokens. Times are seconds since the epoch, with fractions. */
export interface SessionRecord {
  readonly id: string
  readonly subject: string
  readonly clientId: string
  readonly scopes: readonly string[]
  readonly claims: Readonly<Record<string, unknown>>
  /** What the user sees in the list of sessions. */
  readonly label: string
  /** When the user proved who he is. A refresh never moves it. */
  readonly authTime: number
  readonly createdAt: number
  readonly lastUsedAt: number
  /** Unused until then, it ends. Every refresh moves it, at most to `expiresAt`. */
  readonly idleUntil: number
  /** It ends then in any case. */
  readonly expiresAt: number
  readonly endedAt: number | null
}

/** One refresh token, of which only the hash is known. */
export interface RefreshRecord {
  /** SHA-256 of the token, base64url. */
  readonly hash: string
  readonly sessionId: string
  /** `jti` of the access token that was issued with it. */
  readonly tokenId: string
  readonly issuedAt: number
  readonly usedAt: number | null
  /** What, together with the token itself, gives the successor again; null before use and after the grace. */
  readonly nonce: string | null
  /** `jti` of the access token that was issued with the successor. */
  readonly nextTokenId: string | null
}

/** A refresh token and its session, as the store has them. */
export interface FoundToken {
  readonly session: SessionRecord
  readonly token: RefreshRecord
}

/** What a refresh changes. */
export interface RefreshChange {
  readonly nonce: string
  readonly successor: Pick<RefreshRecord, 'hash' | 'tokenId'>
  readonly idleUntil: number
  /** Nonces of tokens used before this are erased: they are past their grace. */
  readonly forgetBefore: number
}

/** Which sessions to end. */
export type SessionSelector =
  | { readonly hash: string }
  | { readonly subject: string; readonly sessionId: string }
  | { readonly subject: string; readonly except?: string }

/** A session that was ended just now. */
export interface EndedSession {
  readonly id: string
  readonly subject: string
  /** `jti` of its access tokens that may not have expired yet. */
  readonly tokenIds: readonly string[]
}

/** Keeps sessions. Each method is one atomic change; `now` is given, so that tests own the clock. */
export interface SessionStore {
  /**
   * Adds a session with its first token. Of more than `most` live sessions of the subject the longest unused end.
   * @param issuedSince access tokens issued earlier have expired
   */
  open(
    session: SessionRecord,
    token: RefreshRecord,
    most: number,
    issuedSince: number,
  ): Promise<readonly EndedSession[]>
  find(hash: string): Promise<FoundToken | null>
  /** Locks the token's session, lets `decide` judge it, and carries out what it says (null: nothing) before anybody else may look. */
  refresh(hash: string, now: number, decide: (found: FoundToken | null) => RefreshChange | null): Promise<void>
  /** Notes one more access token of a live session of this subject; null if there is none. */
  note(subject: string, sessionId: string, tokenId: string, now: number): Promise<SessionRecord | null>
  /** @param issuedSince access tokens issued earlier have expired */
  end(which: SessionSelector, now: number, issuedSince: number): Promise<readonly EndedSession[]>
  /** Live sessions, the last used first. */
  list(subject: string, now: number): Promise<readonly SessionRecord[]>
  /** Forgets what is over since `endedBefore`, and the nonces of tokens used before `usedBefore`. */
  purge(endedBefore: number, usedBefore: number): Promise<void>
}

/** A signing key as the store has it: the private half only encrypted. */
export interface StoredKey {
  /** JWK thumbprint (RFC 7638). */
  readonly kid: string
  readonly algorithm: 'ES256' | 'EdDSA'
  readonly state: 'next' | 'current' | 'retired'
  /** SubjectPublicKeyInfo, PEM. */
  readonly publicKey: string
  /** Encrypted; null once retired: nobody signs with it again. */
  readonly privateKey: string | null
  readonly createdAt: number
  /** When it entered its state. */
  readonly changedAt: number
}

/** Keeps the key ring. */
export interface KeyStore {
  read(): Promise<readonly StoredKey[]>
  /** Replaces all keys by what `decide` makes of them; one process at a time. */
  change(decide: (keys: readonly StoredKey[]) => readonly StoredKey[]): Promise<readonly StoredKey[]>
}

/** What the issuer remembers: `memoryStore()` or `postgresStore(pool)`. */
export interface IssuerStore {
  /** Whether it outlives the process: then `secret` is needed. */
  readonly durable: boolean
  readonly sessions: SessionStore
  readonly keys: KeyStore
  /** Looks whether it can be used. @throws PTC_ISSUER_SCHEMA_MISSING */
  open(): Promise<void>
}
