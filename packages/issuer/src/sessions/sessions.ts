import { type AccessFacts, type AccessTerms, accessClaims } from './access-token.ts'
import {
  createRefreshToken,
  hashRefreshToken,
  isRefreshToken,
  isSessionId,
  judge,
  type Random,
  successorOf,
} from './refresh-token.ts'
import type { EndedSession, SessionRecord, SessionSelector, SessionStore } from '../stores/store.ts'

/** How long sessions live, in seconds. */
export interface SessionRules {
  readonly idle: number
  readonly absolute: number
  readonly grace: number
  /** Live sessions of one subject. */
  readonly most: number
  /** Whoever waits longer than this for the store has been told that it is away. */
  readonly patience: number
}

/** What sessions are made of. */
export interface SessionsParts {
  readonly store: SessionStore
  readonly rules: SessionRules
  readonly terms: AccessTerms
  readonly sign: (claims: Readonly<Record<string, unknown>>) => string
  /** Seconds since the epoch. */
  readonly now: () => number
  readonly random: Random
  /** A fresh identifier. */
  readonly newId: () => string
}

/** An access token as a client gets it (RFC 6749 §5.1). */
export interface AccessGrant {
  readonly accessToken: string
  /** Seconds. */
  readonly expiresIn: number
  readonly subject: string
  readonly sessionId: string
  readonly scopes: readonly string[]
}

/** An access token, and a refresh token for the next one. */
export interface Grant extends AccessGrant {
  readonly refreshToken: string
  /** Seconds until it is too old, unused. */
  readonly refreshExpiresIn: number
}

/** Who signs in, and what for. */
export type Beginning = Pick<SessionRecord, 'subject' | 'clientId' | 'scopes' | 'claims' | 'label'>

/** What a user may do now; looked up at every refresh. */
export interface Standing {
  readonly scopes?: readonly string[]
  readonly claims?: Readonly<Record<string, unknown>>
}

/** A refresh that was refused, and why. */
export interface Refused {
  readonly reason: 'malformed' | 'ended' | 'reused' | 'account'
  readonly subject: string | null
  /** Sessions that ended because of it. */
  readonly ended: readonly EndedSession[]
}

/** Begins, prolongs and ends sessions. */
export class Sessions {
  readonly #parts: SessionsParts

  constructor(parts: SessionsParts) {
    this.#parts = parts
  }

  /**
   * Begins a session. Its identifier and token are fresh: nothing that a client brought along becomes one.
   * @returns its grant, and the sessions that were one too many
   */
  async begin(beginning: Beginning): Promise<{ readonly grant: Grant; readonly ended: readonly EndedSession[] }> {
    const { store, rules, terms, now, random, newId } = this.#parts
    const at = now()
    const session: SessionRecord = {
      ...beginning,
      id: newId(),
      authTime: at,
      createdAt: at,
      lastUsedAt: at,
      idleUntil: at + Math.min(rules.idle, rules.absolute),
      expiresAt: at + rules.absolute,
      endedAt: null,
    }
    const token = createRefreshToken(random)
    const tokenId = newId()
    const first = { hash: hashRefreshToken(token), sessionId: session.id, tokenId, issuedAt: at }
    const record = { ...first, usedAt: null, nonce: null, nextTokenId: null }
    const ended = await store.open(session, record, rules.most, at - terms.lifetime - 1)
    return { grant: this.#grant(session, token, tokenId, at, at), ended }
  }

  /**
   * Exchanges a refresh token for its successor. Whoever presents the same token within the grace gets the same one:
   * tabs that race leave one lineage. After the grace it is in two hands, and the session ends (RFC 9700 §4.14.2).
   * @param standingOf what the subject may do now; null: nothing any more
   */
  async refresh(
    token: unknown,
    standingOf?: (subject: string) => Promise<Standing | null | undefined>,
  ): Promise<Grant | Refused> {
    if (!isRefreshToken(token)) return { reason: 'malformed', subject: null, ended: [] }
    const { store, rules, now, random, newId } = this.#parts
    const hash = hashRefreshToken(token)
    let standing: Standing | undefined
    if (standingOf !== undefined) {
      const found = await store.find(hash)
      // Nothing to lock for a token that nobody has: it costs one statement.
      if (found === null || judge(found, now(), rules.grace) === 'ended')
        return { reason: 'ended', subject: found?.session.subject ?? null, ended: [] }
      const { subject } = found.session
      const known = await standingOf(subject)
      // A look-up that finds nothing says undefined, too.
      if (known === null || known === undefined) return { reason: 'account', subject, ended: await this.end({ hash }) }
      standing = known
    }
    const at = now()
    const nonce = random(32).toString('base64url')
    const successor = successorOf(token, nonce)
    const tokenId = newId()
    let result: Grant | Refused = { reason: 'ended', subject: null, ended: [] }
    let reused = false
    await store.refresh(hash, at, (found) => {
      // Nobody would get the successor: the client asks again with the token that it has, and that must not be reuse.
      if (now() >= at + rules.patience) throw new Error('the store answered when its caller had gone')
      const judgement = judge(found, at, rules.grace)
      if (found === null || judgement === 'ended') {
        result = { reason: 'ended', subject: found?.session.subject ?? null, ended: [] }
        return null
      }
      const { session, token: presented } = found
      const effective = { ...session, ...standing }
      if (judgement === 'reused') {
        reused = true
        result = { reason: 'reused', subject: session.subject, ended: [] }
        return null
      }
      if (judgement === 'again') {
        const {
          usedAt,
          nonce: known,
          nextTokenId,
        } = presented as { usedAt: number; nonce: string; nextTokenId: string }
        result = this.#grant(effective, successorOf(token, known), nextTokenId, usedAt, at)
        return null
      }
      const idleUntil = Math.min(at + rules.idle, session.expiresAt)
      result = this.#grant({ ...effective, idleUntil }, successor, tokenId, at, at)
      const forgetBefore = at - rules.grace
      return { nonce, successor: { hash: hashRefreshToken(successor), tokenId }, idleUntil, forgetBefore }
    })
    return reused ? { ...(result as Refused), ended: await this.end({ hash }) } : result
  }

  /** One more access token for a live session whose user has just proved again who he is. The session stays as it is. */
  async stepUp(subject: string, sessionId: string, standing?: Standing): Promise<AccessGrant | null> {
    if (!isSessionId(sessionId)) return null
    const { store, now, newId } = this.#parts
    const at = now()
    const tokenId = newId()
    const session = await store.note(subject, sessionId, tokenId, at)
    // In this token alone: whoever refreshes gets the session's own `auth_time` again.
    return session === null ? null : this.#access({ ...session, ...standing, authTime: at }, tokenId, at, at)
  }

  async end(which: SessionSelector): Promise<readonly EndedSession[]> {
    if ('sessionId' in which && !isSessionId(which.sessionId)) return []
    const { store, terms, now } = this.#parts
    const at = now()
    return store.end(which, at, at - terms.lifetime - 1)
  }

  /** Ends the session of a token, if it is one. */
  async endToken(token: unknown): Promise<readonly EndedSession[]> {
    return isRefreshToken(token) ? this.end({ hash: hashRefreshToken(token) }) : []
  }

  list(subject: string): Promise<readonly SessionRecord[]> {
    return this.#parts.store.list(subject, this.#parts.now())
  }

  /** Forgets what nobody will ask for: sessions a while after their end, what successors were made of after the grace. */
  purge(): Promise<void> {
    const { store, rules, terms, now } = this.#parts
    return store.purge(now() - terms.lifetime - 60, now() - rules.grace)
  }

  #grant(session: SessionRecord, refreshToken: string, tokenId: string, issuedAt: number, now: number): Grant {
    const refreshExpiresIn = Math.floor(Math.min(session.idleUntil, session.expiresAt) - now)
    return { ...this.#access(session, tokenId, issuedAt, now), refreshToken, refreshExpiresIn }
  }

  #access(session: SessionRecord, tokenId: string, issuedAt: number, now: number): AccessGrant {
    const { sign, terms } = this.#parts
    const { id: sessionId, subject, scopes, clientId, claims, authTime } = session
    const facts: AccessFacts = { subject, sessionId, clientId, scopes, claims, authTime, tokenId, issuedAt }
    const expiresIn = Math.floor(issuedAt) + terms.lifetime - Math.floor(now)
    return { accessToken: sign(accessClaims(facts, terms)), expiresIn, subject, sessionId, scopes }
  }
}
