import type pg from 'pg'
import { createRefreshToken, hashRefreshToken } from '../tokens.ts'
import { transaction } from '../database/transaction.ts'

/** A refresh token and the session it belongs to. */
export interface OpenSession {
  readonly userId: number
  readonly token: string
  /** Seconds until the session ends for good. */
  readonly remaining: number
}

/** Opens a session: the start of a family of refresh tokens. Sessions that are over are cleared away. */
export async function openSession(pool: pg.Pool, userId: number, lifetime: number): Promise<OpenSession> {
  const { token, hash } = createRefreshToken()
  await pool.query('select portcullis_users.purge_sessions()')
  await pool.query(
    `with session as (
       insert into portcullis_users.sessions (user_id, expires_at)
       values ($1, pg_catalog.now() + pg_catalog.make_interval(secs => $2)) returning id
     )
     insert into portcullis_users.refresh_tokens (hash, session_id) select $3, id from session`,
    [userId, lifetime, hash],
  )
  return { userId, token, remaining: lifetime }
}

/**
 * Exchanges a refresh token for its successor.
 * A token that comes back a second time is in two hands: the whole family ends (RFC 9700 §4.14.2).
 * @returns why there is no successor, if there is none. Clients are not told which.
 */
export function rotateSession(pool: pg.Pool, token: string): Promise<OpenSession | 'ended' | 'reused'> {
  return transaction(pool, async (client) => {
    const { rows } = await client.query<{
      session_id: string
      user_id: number
      used: boolean
      live: boolean
      remaining: number
    }>(
      `select t.session_id, s.user_id, t.used_at is not null as used,
              s.revoked_at is null and s.expires_at > pg_catalog.now() as live,
              pg_catalog.floor(extract(epoch from s.expires_at - pg_catalog.now()))::integer as remaining
         from portcullis_users.refresh_tokens t
         join portcullis_users.sessions s on s.id = t.session_id
        where t.hash = $1
          for update`,
      [hashRefreshToken(token)],
    )
    const found = rows[0]
    if (found === undefined || !found.live) return 'ended'
    if (found.used) {
      await client.query('update portcullis_users.sessions set revoked_at = pg_catalog.now() where id = $1', [
        found.session_id,
      ])
      return 'reused'
    }
    const next = createRefreshToken()
    await client.query('update portcullis_users.refresh_tokens set used_at = pg_catalog.now() where hash = $1', [
      hashRefreshToken(token),
    ])
    await client.query('insert into portcullis_users.refresh_tokens (hash, session_id) values ($1, $2)', [
      next.hash,
      found.session_id,
    ])
    return { userId: found.user_id, token: next.token, remaining: found.remaining }
  })
}

/** Ends the session a refresh token belongs to; unknown tokens end nothing. */
export async function endSession(pool: pg.Pool, token: string): Promise<void> {
  await pool.query(
    `update portcullis_users.sessions s set revoked_at = pg_catalog.now()
       from portcullis_users.refresh_tokens t
      where t.session_id = s.id and t.hash = $1 and s.revoked_at is null`,
    [hashRefreshToken(token)],
  )
}
