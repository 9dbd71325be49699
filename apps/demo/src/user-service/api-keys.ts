import type { ApiKeyEntry } from '@portcullis/auth'
import { type SecureDatabase, sql } from '@portcullis/sql'

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

const shown = sql`id, name, scopes, created_at as "createdAt", expires_at as "expiresAt", last_used_at as "lastUsedAt"`

/**
 * Stores a key by its hash, and forgets those of its owner that have expired.
 * @param database as its owner: row-level security shows nobody another's keys
 * @returns null if there are too many
 */
export async function addApiKey(
  database: SecureDatabase,
  owner: number,
  name: string,
  { id, hash, scopes = [], expires = 0 }: ApiKeyEntry,
): Promise<ApiKey | null> {
  // One key of an owner after another: together they would be more than there may be.
  await database.query(sql`select pg_advisory_xact_lock(hashtext('portcullis_users.api_keys'), ${owner}::integer)`)
  await database.query(
    sql`delete from portcullis_users.api_keys where owner_id = ${owner} and expires_at <= pg_catalog.now()`,
  )
  const { rows } = await database.query<ApiKey>(
    sql`insert into portcullis_users.api_keys (id, owner_id, name, hash, scopes, expires_at)
        select ${id}, ${owner}::integer, ${name}, ${hash}, ${[...scopes]}::text[],
               pg_catalog.to_timestamp(${expires}::float8)
         where (select pg_catalog.count(*) from portcullis_users.api_keys where owner_id = ${owner}::integer) < ${MOST}
        returning ${shown}`,
  )
  return rows[0] ?? null
}

/** The keys of a user that have not expired. */
export async function listApiKeys(database: SecureDatabase, owner: number): Promise<ApiKey[]> {
  const { rows } = await database.query<ApiKey>(
    sql`select ${shown} from portcullis_users.api_keys
         where owner_id = ${owner} and expires_at > pg_catalog.now() order by created_at, id`,
  )
  return rows
}

/** Takes a key from its owner. @returns false if it is not the owner's */
export async function removeApiKey(database: SecureDatabase, owner: number, id: string): Promise<boolean> {
  const { rowCount } = await database.query(
    sql`delete from portcullis_users.api_keys where id = ${id} and owner_id = ${owner}`,
  )
  return rowCount === 1
}

/** What the gateway checks a presented key against. */
export async function findApiKey(database: SecureDatabase, id: string): Promise<ApiKeyEntry | null> {
  const { rows } = await database.query<{ hash: string; owner: number; scopes: string[]; expires: number }>(
    sql`select hash, owner_id as owner, scopes, pg_catalog.floor(extract(epoch from expires_at))::float8 as expires
          from portcullis_users.api_keys k where id = ${id}
           and exists (select from portcullis_users.users u where u.id = k.owner_id and u.locked_at is null)`,
  )
  const found = rows[0]
  if (found === undefined) return null
  const { hash, owner, scopes, expires } = found
  return { id, hash, subject: String(owner), scopes, expires }
}

/** Notes when keys were last used. Two gateways may tell in any order. */
export async function noteUses(database: SecureDatabase, uses: readonly ApiKeyUse[]): Promise<void> {
  const [ids, times] = [uses.map(({ id }) => id), uses.map(({ usedAt }) => usedAt)]
  await database.query(
    sql`update portcullis_users.api_keys k
           set last_used_at = greatest(k.last_used_at, pg_catalog.to_timestamp(u.used_at))
          from unnest(${ids}::text[], ${times}::float8[]) as u (id, used_at)
         where k.id = u.id`,
  )
}
