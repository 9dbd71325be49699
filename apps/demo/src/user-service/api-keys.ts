import type { ApiKeyEntry } from '@portcullis/auth'
import type pg from 'pg'
import { transaction } from '../database/transaction.ts'

/** An API key, as its owner sees it. */
export interface ApiKey {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly createdAt: Date
  readonly expiresAt: Date
  /** Within a minute; null: not yet. */
  readonly lastUsedAt: Date | null
}

/** When a key was last used, in seconds since the epoch. */
export interface ApiKeyUse {
  readonly id: string
  readonly usedAt: number
}

/** Keys of one user. */
const MOST = 20

const shown = 'id, name, scopes, created_at as "createdAt", expires_at as "expiresAt", last_used_at as "lastUsedAt"'

/** Stores a key by its hash, and forgets those of its owner that have expired. @returns null if there are too many */
export function addApiKey(
  pool: pg.Pool,
  owner: number,
  name: string,
  { id, hash, scopes = [], expires = 0 }: ApiKeyEntry,
): Promise<ApiKey | null> {
  return transaction(pool, async (client) => {
    // One key of an owner after another: together they would be more than there may be.
    await client.query(`select pg_advisory_xact_lock(hashtext('portcullis_users.api_keys'), $1::integer)`, [owner])
    await client.query('delete from portcullis_users.api_keys where owner_id = $1 and expires_at <= pg_catalog.now()', [
      owner,
    ])
    const { rows } = await client.query<ApiKey>(
      `insert into portcullis_users.api_keys (id, owner_id, name, hash, scopes, expires_at)
       select $1, $2::integer, $3, $4, $5::text[], pg_catalog.to_timestamp($6::float8)
        where (select pg_catalog.count(*) from portcullis_users.api_keys where owner_id = $2::integer) < $7
       returning ${shown}`,
      [id, owner, name, hash, scopes, expires, MOST],
    )
    return rows[0] ?? null
  })
}

/** The keys of a user that have not expired. */
export async function listApiKeys(pool: pg.Pool, owner: number): Promise<ApiKey[]> {
  const { rows } = await pool.query<ApiKey>(
    `select ${shown} from portcullis_users.api_keys
      where owner_id = $1 and expires_at > pg_catalog.now() order by created_at, id`,
    [owner],
  )
  return rows
}

/** Takes a key from its owner. @returns false if it is not the owner's */
export async function removeApiKey(pool: pg.Pool, owner: number, id: string): Promise<boolean> {
  const { rowCount } = await pool.query('delete from portcullis_users.api_keys where id = $1 and owner_id = $2', [
    id,
    owner,
  ])
  return rowCount === 1
}

/** What the gateway checks a presented key against. */
export async function findApiKey(pool: pg.Pool, id: string): Promise<ApiKeyEntry | null> {
  const { rows } = await pool.query<{ hash: string; owner: number; scopes: string[]; expires: number }>(
    `select hash, owner_id as owner, scopes, pg_catalog.floor(extract(epoch from expires_at))::float8 as expires
       from portcullis_users.api_keys where id = $1`,
    [id],
  )
  const found = rows[0]
  if (found === undefined) return null
  const { hash, owner, scopes, expires } = found
  return { id, hash, subject: String(owner), scopes, expires }
}

/** Notes when keys were last used. Two gateways may tell in any order. */
export async function noteUses(pool: pg.Pool, uses: readonly ApiKeyUse[]): Promise<void> {
  await pool.query(
    `update portcullis_users.api_keys k
        set last_used_at = greatest(k.last_used_at, pg_catalog.to_timestamp(u.used_at))
       from unnest($1::text[], $2::float8[]) as u (id, used_at)
      where k.id = u.id`,
    [uses.map(({ id }) => id), uses.map(({ usedAt }) => usedAt)],
  )
}
