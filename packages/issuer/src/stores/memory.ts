import type {
  EndedSession,
  FoundToken,
  IssuerStore,
  RefreshChange,
  RefreshRecord,
  SessionRecord,
  SessionSelector,
  SessionStore,
  StoredKey,
} from './store.ts'

export type { IssuerStore }

interface Entry {
  session: SessionRecord
  readonly tokens: Map<string, RefreshRecord>
  /** Hashes of tokens that still have a nonce, the first used first. */
  readonly open: string[]
  /** Access tokens beyond those of the refresh tokens: `jti` and when it was issued. */
  readonly noted: Map<string, number>
}

const isLive = ({ endedAt, idleUntil, expiresAt }: SessionRecord, now: number): boolean =>
  endedAt === null && now < idleUntil && now < expiresAt

/** Tokens of a session that are remembered: a week of refreshes every five minutes. One that is older is unknown. */
const MOST_TOKENS = 2_016

/** Sessions in this process. Nothing here waits, so every method is atomic by itself. */
class MemorySessions implements SessionStore {
  readonly #sessions = new Map<string, Entry>()
  readonly #byHash = new Map<string, Entry>()
  readonly #bySubject = new Map<string, Set<Entry>>()

  async open(
    session: SessionRecord,
    token: RefreshRecord,
    most: number,
    issuedSince: number,
  ): Promise<readonly EndedSession[]> {
    const entry: Entry = { session, tokens: new Map([[token.hash, token]]), open: [], noted: new Map() }
    this.#sessions.set(session.id, entry)
    this.#byHash.set(token.hash, entry)
    const others = this.#bySubject.get(session.subject) ?? new Set()
    this.#bySubject.set(session.subject, others.add(entry))
    const live = this.#live(session.subject, session.createdAt)
    return end(live.filter((one) => one !== entry).slice(most - 1), session.createdAt, issuedSince)
  }

  async find(hash: string): Promise<FoundToken | null> {
    return this.#find(hash)
  }

  async refresh(hash: string, now: number, decide: (found: FoundToken | null) => RefreshChange | null): Promise<void> {
    const change = decide(this.#find(hash))
    const entry = this.#byHash.get(hash)
    const token = entry?.tokens.get(hash)
    if (entry === undefined || token === undefined || change === null) return
    const { nonce, successor, idleUntil, forgetBefore } = change
    forget(entry, forgetBefore)
    entry.open.push(hash)
    entry.tokens.set(hash, { ...token, usedAt: now, nonce, nextTokenId: successor.tokenId })
    entry.tokens.set(successor.hash, {
      ...successor,
      sessionId: entry.session.id,
      issuedAt: now,
      usedAt: null,
      nonce: null,
      nextTokenId: null,
    })
    this.#byHash.set(successor.hash, entry)
    if (entry.tokens.size > MOST_TOKENS) {
      const [oldest = ''] = entry.tokens.keys()
      entry.tokens.delete(oldest)
      this.#byHash.delete(oldest)
    }
    entry.session = { ...entry.session, lastUsedAt: now, idleUntil }
  }

  async note(subject: string, sessionId: string, tokenId: string, now: number): Promise<SessionRecord | null> {
    const entry = this.#sessions.get(sessionId)
    if (entry === undefined || entry.session.subject !== subject || !isLive(entry.session, now)) return null
    entry.noted.set(tokenId, now)
    return entry.session
  }

  async end(which: SessionSelector, now: number, issuedSince: number): Promise<readonly EndedSession[]> {
    return end(this.#select(which, now), now, issuedSince)
  }

  async list(subject: string, now: number): Promise<readonly SessionRecord[]> {
    return this.#live(subject, now).map(({ session }) => session)
  }

  async purge(endedBefore: number, usedBefore: number): Promise<void> {
    for (const [id, entry] of this.#sessions) {
      const { subject, endedAt, idleUntil, expiresAt } = entry.session
      if (Math.min(endedAt ?? Infinity, idleUntil, expiresAt) < endedBefore) {
        this.#sessions.delete(id)
        for (const hash of entry.tokens.keys()) this.#byHash.delete(hash)
        const others = this.#bySubject.get(subject)
        others?.delete(entry)
        if (others?.size === 0) this.#bySubject.delete(subject)
        continue
      }
      forget(entry, usedBefore)
      for (const [tokenId, at] of entry.noted) if (at < endedBefore) entry.noted.delete(tokenId)
    }
  }

  #find(hash: string): FoundToken | null {
    const entry = this.#byHash.get(hash)
    const token = entry?.tokens.get(hash)
    return entry === undefined || token === undefined ? null : { session: entry.session, token }
  }

  #live(subject: string, now: number): Entry[] {
    return [...(this.#bySubject.get(subject) ?? [])]
      .filter(({ session }) => isLive(session, now))
      .toSorted((one, other) => other.session.lastUsedAt - one.session.lastUsedAt)
  }

  #select(which: SessionSelector, now: number): Entry[] {
    if ('hash' in which) {
      const entry = this.#byHash.get(which.hash)
      return entry !== undefined && isLive(entry.session, now) ? [entry] : []
    }
    return this.#live(which.subject, now).filter(({ session }) =>
      'sessionId' in which ? session.id === which.sessionId : session.id !== which.except,
    )
  }
}

/** Erases the nonces of tokens used before that time. */
function forget({ tokens, open }: Entry, usedBefore: number): void {
  for (let [hash] = open; hash !== undefined; [hash] = open) {
    const token = tokens.get(hash)
    if (token !== undefined && (token.usedAt ?? 0) >= usedBefore) return
    if (token !== undefined) tokens.set(hash, { ...token, nonce: null })
    open.shift()
  }
}

function end(entries: readonly Entry[], now: number, issuedSince: number): readonly EndedSession[] {
  return entries.map((entry) => {
    entry.session = { ...entry.session, endedAt: now }
    const { session, tokens, noted } = entry
    const issued = [...tokens.values()].filter(({ issuedAt }) => issuedAt >= issuedSince)
    const stepUps = [...noted].filter(([, at]) => at >= issuedSince)
    const tokenIds = [...issued.map(({ tokenId }) => tokenId), ...stepUps.map(([tokenId]) => tokenId)]
    return { id: session.id, subject: session.subject, tokenIds }
  })
}

/**
 * Sessions and keys in this process: for tests, and for one process whose users may sign in again after a restart.
 * @example await app.register(issuer, { issuer, audience, store: memoryStore() })
 */
export function memoryStore(): IssuerStore {
  let keys: readonly StoredKey[] = []
  return {
    durable: false,
    sessions: new MemorySessions(),
    keys: {
      read: async () => keys,
      change: async (decide) => (keys = decide(keys)),
    },
    open: async () => {},
  }
}
