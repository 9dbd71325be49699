import { emit } from '@portcullis/kernel'
import { type Asker, attempt, declined, type Declined, deskOf, revokeTokens } from './desk.ts'
import { events } from './events.ts'
import type { Grant } from './sessions/sessions.ts'
import type { EndedSession } from './stores/store.ts'
import { mustKnow } from './members.ts'
import { mustBeAnswer } from './sign-in.ts'

/**
 * Exchanges a refresh token for a new access token and the next refresh token. The old one is used up; whoever presents
 * it again within `refreshToken.grace` gets the same successor, later its session ends with everything issued in it.
 */
export async function refresh(asker: Asker, refreshToken: string): Promise<Grant | Declined> {
  const desk = deskOf(asker)
  const { account } = desk
  const standingOf =
    account === undefined
      ? undefined
      : async (subject: string) => {
          const standing = await account(subject)
          if (standing !== null && standing !== undefined) mustBeAnswer(standing)
          return standing
        }
  return attempt(desk, async () => {
    const result = await desk.sessions.refresh(refreshToken, standingOf)
    if ('accessToken' in result) {
      const { subject, sessionId: session } = result
      emit(asker, events['issuer.refreshed'], { outcome: 'allowed', detail: { subject, session } })
      return result
    }
    const { reason, subject, ended } = result
    if (reason === 'reused') {
      const detail = { subject, sessions: ended.map(({ id }) => id) }
      emit(asker, events['issuer.reused'], { outcome: 'denied', detail })
    }
    if (ended.length > 0) await revokeTokens(asker, desk, ended)
    return declined.session(result)
  })
}

/** What a log-out did. */
export interface SignedOut {
  /** Sessions that ended now. */
  readonly sessions: number
  /** Whether their access tokens are refused at once; otherwise they expire by themselves within minutes. */
  readonly revoked: boolean
}

/** Which session to end: by its refresh token, or by its identifier, which counts for nothing without its subject. */
export type Session = { readonly refreshToken: string } | { readonly subject: string; readonly sessionId: string }

/**
 * Ends one session. An unknown one is no error: it has ended.
 * @throws TypeError for members that it does not know, or lacks
 */
export async function signOut(asker: Asker, session: Session): Promise<SignedOut | Declined> {
  if ('refreshToken' in session) return ending(asker, (desk) => desk.sessions.endToken(session.refreshToken))
  mustKnow('signOut', session, ['refreshToken', 'subject', 'sessionId'])
  const { subject, sessionId } = session
  if (subject === undefined || sessionId === undefined)
    throw new TypeError('signOut needs `refreshToken`, or `subject` and `sessionId`')
  return ending(asker, (desk) => desk.sessions.end({ subject, sessionId }))
}

/**
 * Ends all sessions of a subject: log-out everywhere, a password changed, an account locked.
 * @param whose its `subject`, and with `except` the session that stays: the one that asks
 * @throws TypeError for members that it does not know, or lacks
 */
export async function signOutEverywhere(
  asker: Asker,
  whose: { readonly subject: string; readonly except?: string },
): Promise<SignedOut | Declined> {
  mustKnow('signOutEverywhere', whose, ['subject', 'except'])
  const { subject, except } = whose
  if (subject === undefined) throw new TypeError('signOutEverywhere needs `subject`')
  const which = except === undefined ? { subject } : { subject, except }
  return ending(asker, (desk) => desk.sessions.end(which), except === undefined ? subject : undefined)
}

async function ending(
  asker: Asker,
  end: (desk: ReturnType<typeof deskOf>) => Promise<readonly EndedSession[]>,
  everywhereOf?: string,
): Promise<SignedOut | Declined> {
  const desk = deskOf(asker)
  return attempt(desk, async () => {
    const ended = await end(desk)
    const [first] = ended
    if (first !== undefined) {
      const detail = { subject: first.subject, sessions: ended.map(({ id }) => id) }
      emit(asker, events['issuer.signed-out'], { outcome: 'allowed', detail })
    }
    return { sessions: ended.length, revoked: await revokeTokens(asker, desk, ended, everywhereOf) }
  })
}

/** A session as its user sees it. Times are seconds since the epoch. */
export interface SessionSummary {
  readonly sessionId: string
  readonly label: string
  readonly clientId: string
  readonly createdAt: number
  readonly lastUsedAt: number
  /** It ends then at the latest, unless it is refreshed. */
  readonly expiresAt: number
}

/** The live sessions of a subject, the last used first. */
export async function sessions(asker: Asker, subject: string): Promise<readonly SessionSummary[] | Declined> {
  const desk = deskOf(asker)
  return attempt(desk, async () =>
    (await desk.sessions.list(subject)).map(({ id, label, clientId, createdAt, lastUsedAt, idleUntil, expiresAt }) => ({
      sessionId: id,
      label,
      clientId,
      createdAt: Math.floor(createdAt),
      lastUsedAt: Math.floor(lastUsedAt),
      expiresAt: Math.floor(Math.min(idleUntil, expiresAt)),
    })),
  )
}
