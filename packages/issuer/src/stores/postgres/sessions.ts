import { type PostgresClient, type PostgresPool, transaction } from './pool.ts'
import type {
  EndedSession,
  FoundToken,
  RefreshChange,
  RefreshRecord,
  SessionRecord,
  SessionSelector,
  SessionStore,
} from '../store.ts'

type Row = Readonly<Record<string, unknown>>

const SESSION = `
  s.id, s.subject, s.client_id, s.scopes, s.claims, s.label,
  extract(epoch from s.auth_time)::float8 as auth_time, extract(epoch from s.created_at)::float8 as created_at,
  extract(epoch from s.last_used_at)::float8 as last_used_at, extract(epoch from s.idle_until)::float8 as idle_until,
  extract(epoch from s.expires_at)::float8 as expires_at, extract(epoch from s.ended_at)::float8 as ended_at`

const TOKEN = `
  t.hash, t.session_id, t.token_id, t.nonce, t.next_token_id,
  extract(epoch from t.issued_at)::float8 as issued_at, extract(epoch from t.used_at)::float8 as used_at`

const FIND = `select ${SESSION}, ${TOKEN}
  from portcullis_issuer.refresh_tokens t join portcullis_issuer.sessions s on s.id = t.session_id where t.hash = $1`

/** Live at the time that is the first parameter. Several are always locked in one order: nobody waits in a circle. */
const LIVE =
  's.ended_at is null and s.idle_until > to_timestamp($1::float8) and s.expires_at > to_timestamp($1::float8)'

const INSERT_TOKEN = `insert into portcullis_issuer.refresh_tokens (hash, session_id, token_id, issued_at)
  values ($1, $2, $3, to_timestamp($4::float8))`

const locking = (selector: string): string =>
  `select s.id from portcullis_issuer.sessions s where ${LIVE} and ${selector} order by s.id for update`

/** Locks the sessions to end. Takes (now, …). */
const LOCK = {
  hash: locking('s.id = (select session_id from portcullis_issuer.refresh_tokens where hash = $2)'),
  session: locking('s.subject = $2 and s.id::text = $3'),
  subject: locking('s.subject = $2 and s.id::text <> $3'),
  surplus: locking(`s.id in (select s.id from portcullis_issuer.sessions s
    where ${LIVE} and s.subject = $2 and s.id <> $3 order by s.last_used_at desc offset $4)`),
} as const

/**
 * Ends locked sessions. Takes (now, issued since, sessions). A statement of its own: that which locked them does not see
 * the tokens of a refresh that it has waited for.
 */
const END = `
  with ended as (
    update portcullis_issuer.sessions s set ended_at = to_timestamp($1::float8)
     where s.id = any($3::uuid[]) returning s.id, s.subject
  )
  select ended.id, ended.subject,
         array(select token_id::text from portcullis_issuer.refresh_tokens t
                where t.session_id = ended.id and t.issued_at >= to_timestamp($2::float8)
               union
               select token_id::text from portcullis_issuer.step_ups u
                where u.session_id = ended.id and u.issued_at >= to_timestamp($2::float8)) as token_ids
    from ended`

/** Whoever signs in waits for others of the same subject: together they would be more than `most`. */
const QUEUE_UP = `select pg_advisory_xact_lock(hashtextextended($1, hashtext('portcullis_issuer.sessions')))`

function sessionOf(row: Row): SessionRecord {
  return {
    id: row['id'] as string,
    subject: row['subject'] as string,
    clientId: row['client_id'] as string,
    scopes: row['scopes'] as string[],
    claims: row['claims'] as Record<string, unknown>,
    label: row['label'] as string,
    authTime: row['auth_time'] as number,
    createdAt: row['created_at'] as number,
    lastUsedAt: row['last_used_at'] as number,
    idleUntil: row['idle_until'] as number,
    expiresAt: row['expires_at'] as number,
    endedAt: row['ended_at'] as number | null,
  }
}

function foundIn(row: Row | undefined): FoundToken | null {
  if (row === undefined) return null
  const token: RefreshRecord = {
    hash: row['hash'] as string,
    sessionId: row['session_id'] as string,
    tokenId: row['token_id'] as string,
    issuedAt: row['issued_at'] as number,
    usedAt: row['used_at'] as number | null,
    nonce: row['nonce'] as string | null,
    nextTokenId: row['next_token_id'] as string | null,
  }
  return { session: sessionOf(row), token }
}

async function endLocked(
  client: PostgresClient,
  lock: string,
  now: number,
  issuedSince: number,
  ...named: unknown[]
): Promise<EndedSession[]> {
  const locked = await client.query(lock, [now, ...named])
  if (locked.rows.length === 0) return []
  const { rows } = await client.query(END, [now, issuedSince, locked.rows.map(({ id }) => id)])
  return rows.map((row) => ({
    id: row['id'] as string,
    subject: row['subject'] as string,
    tokenIds: row['token_ids'] as string[],
  }))
}

/** Sessions in PostgreSQL. */
export class PostgresSessions implements SessionStore {
  readonly #pool: PostgresPool

  constructor(pool: PostgresPool) {
    this.#pool = pool
  }

  open(
    session: SessionRecord,
    token: RefreshRecord,
    most: number,
    issuedSince: number,
  ): Promise<readonly EndedSession[]> {
    const { id, subject, clientId, scopes, claims, label, authTime, createdAt, idleUntil, expiresAt } = session
    return transaction(this.#pool, async (client) => {
      await client.query(QUEUE_UP, [subject])
      await client.query(
        `insert into portcullis_issuer.sessions
           (id, subject, client_id, scopes, claims, label, auth_time, created_at, last_used_at, idle_until, expires_at)
         values ($1, $2, $3, $4, $5, $6, to_timestamp($7::float8), to_timestamp($8::float8), to_timestamp($8::float8),
                 to_timestamp($9::float8), to_timestamp($10::float8))`,
        [id, subject, clientId, scopes, JSON.stringify(claims), label, authTime, createdAt, idleUntil, expiresAt],
      )
      await client.query(INSERT_TOKEN, [token.hash, id, token.tokenId, token.issuedAt])
      return endLocked(client, LOCK.surplus, createdAt, issuedSince, subject, id, most - 1)
    })
  }

  async find(hash: string): Promise<FoundToken | null> {
    const { rows } = await this.#pool.query(FIND, [hash])
    return foundIn(rows[0])
  }

  refresh(hash: string, now: number, decide: (found: FoundToken | null) => RefreshChange | null): Promise<void> {
    return transaction(this.#pool, async (client) => {
      // The session's row is the family's lock; what the token says is read under it.
      await client.query(
        `select 1 from portcullis_issuer.sessions
          where id = (select session_id from portcullis_issuer.refresh_tokens where hash = $1) for update`,
        [hash],
      )
      const { rows } = await client.query(FIND, [hash])
      const found = foundIn(rows[0])
      const change = decide(found)
      if (found !== null && change !== null) await rotate(client, found, now, change)
    })
  }

  note(subject: string, sessionId: string, tokenId: string, now: number): Promise<SessionRecord | null> {
    return transaction(this.#pool, async (client) => {
      const { rows } = await client.query(
        `with s as (select * from portcullis_issuer.sessions s where ${LIVE} and s.subject = $2 and s.id::text = $3 for update),
              noted as (insert into portcullis_issuer.step_ups (token_id, session_id, issued_at)
                        select $4::uuid, s.id, to_timestamp($1::float8) from s)
         select ${SESSION} from s`,
        [now, subject, sessionId, tokenId],
      )
      return rows[0] === undefined ? null : sessionOf(rows[0])
    })
  }

  end(which: SessionSelector, now: number, issuedSince: number): Promise<readonly EndedSession[]> {
    const [lock, ...named] =
      'hash' in which
        ? ([LOCK.hash, which.hash] as const)
        : 'sessionId' in which
          ? ([LOCK.session, which.subject, which.sessionId] as const)
          : ([LOCK.subject, which.subject, which.except ?? ''] as const)
    return transaction(this.#pool, (client) => endLocked(client, lock, now, issuedSince, ...named))
  }

  async list(subject: string, now: number): Promise<readonly SessionRecord[]> {
    const { rows } = await this.#pool.query(
      `select ${SESSION} from portcullis_issuer.sessions s where ${LIVE} and s.subject = $2 order by s.last_used_at desc`,
      [now, subject],
    )
    return rows.map(sessionOf)
  }

  async purge(endedBefore: number, usedBefore: number): Promise<void> {
    await this.#pool.query(
      // `idle_until` is never later than `expires_at`: two indexes find what is over.
      `delete from portcullis_issuer.sessions
        where idle_until < to_timestamp($1::float8) or ended_at < to_timestamp($1::float8)`,
      [endedBefore],
    )
    await this.#pool.query(
      `update portcullis_issuer.refresh_tokens set nonce = null
        where nonce is not null and used_at < to_timestamp($1::float8)`,
      [usedBefore],
    )
    await this.#pool.query('delete from portcullis_issuer.step_ups where issued_at < to_timestamp($1::float8)', [
      endedBefore,
    ])
  }
}

async function rotate(
  client: PostgresClient,
  { session, token }: FoundToken,
  now: number,
  { nonce, successor, idleUntil, forgetBefore }: RefreshChange,
): Promise<void> {
  await client.query(
    `update portcullis_issuer.refresh_tokens set nonce = null
      where session_id = $1 and nonce is not null and used_at < to_timestamp($2::float8)`,
    [session.id, forgetBefore],
  )
  await client.query(
    `update portcullis_issuer.refresh_tokens
        set used_at = to_timestamp($2::float8), nonce = $3, next_token_id = $4 where hash = $1`,
    [token.hash, now, nonce, successor.tokenId],
  )
  await client.query(INSERT_TOKEN, [successor.hash, session.id, successor.tokenId, now])
  await client.query(
    `update portcullis_issuer.sessions
        set last_used_at = to_timestamp($2::float8), idle_until = to_timestamp($3::float8) where id = $1`,
    [session.id, now, idleUntil],
  )
}
