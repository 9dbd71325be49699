import { createHmac, hash } from 'node:crypto'
import type { FoundToken } from '../stores/store.ts'

/** Random bytes, as `randomBytes` of node:crypto gives them. */
export type Random = (size: number) => Buffer

/** A refresh token: 256 random bits. */
export function createRefreshToken(random: Random): string {
  return random(32).toString('base64url')
}

/** What is stored of a token. SHA-256 is enough for a secret that nobody can guess. */
export function hashRefreshToken(token: string): string {
  return hash('sha256', token, 'base64url')
}

/** Whether it has the form of a token: 43 characters of base64url. What has not is not worth a look-up. */
export function isRefreshToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{43}$/.test(value)
}

/** Whether it has the form of a session's identifier: one that has not is nobody's. */
export function isSessionId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)
}

/**
 * The successor of a token. It needs the token, which only its holder has, and the nonce, which only the store has:
 * so it can be given again to whoever presents the token again, and stands nowhere.
 */
export function successorOf(token: string, nonce: string): string {
  return createHmac('sha256', token).update('refresh-token-successor\n').update(nonce).digest('base64url')
}

/** `rotate`: a new successor. `again`: the same one once more. `reused`: it is in two hands. */
export type Judgement = 'ended' | 'rotate' | 'again' | 'reused'

/**
 * Judges a presented token (RFC 9700 §4.14.2).
 * @param now seconds
 * @param grace seconds for which a used token still gives its successor: tabs and retries race
 */
export function judge(found: FoundToken | null, now: number, grace: number): Judgement {
  if (found === null) return 'ended'
  const { session, token } = found
  if (session.endedAt !== null || now >= session.idleUntil || now >= session.expiresAt) return 'ended'
  if (token.usedAt === null) return 'rotate'
  return token.nonce !== null && token.nextTokenId !== null && now < token.usedAt + grace ? 'again' : 'reused'
}
