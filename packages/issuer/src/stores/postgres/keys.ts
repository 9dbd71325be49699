import { type PostgresPool, type PostgresResult, transaction } from './pool.ts'
import type { KeyStore, StoredKey } from '../store.ts'

const SELECT = `
  select kid, algorithm, state, public_key, private_key,
         extract(epoch from created_at)::float8 as created_at, extract(epoch from changed_at)::float8 as changed_at
    from portcullis_issuer.keys
   order by array_position(array['current', 'next', 'retired'], state), changed_at desc`

function keysOf({ rows }: PostgresResult): StoredKey[] {
  return rows.map((row) => ({
    kid: row['kid'] as string,
    algorithm: row['algorithm'] as StoredKey['algorithm'],
    state: row['state'] as StoredKey['state'],
    publicKey: row['public_key'] as string,
    privateKey: row['private_key'] as string | null,
    createdAt: row['created_at'] as number,
    changedAt: row['changed_at'] as number,
  }))
}

/** The key ring in PostgreSQL. */
export class PostgresKeys implements KeyStore {
  readonly #pool: PostgresPool

  constructor(pool: PostgresPool) {
    this.#pool = pool
  }

  async read(): Promise<readonly StoredKey[]> {
    return keysOf(await this.#pool.query(SELECT))
  }

  change(decide: (keys: readonly StoredKey[]) => readonly StoredKey[]): Promise<readonly StoredKey[]> {
    return transaction(this.#pool, async (client) => {
      // An empty table has no row to lock: the first two processes would each begin a ring.
      await client.query(`select pg_advisory_xact_lock(hashtext('portcullis_issuer.keys'))`)
      const before = keysOf(await client.query(SELECT))
      const after = decide(before)
      await client.query('delete from portcullis_issuer.keys where kid <> all($1::text[])', [
        after.map(({ kid }) => kid),
      ])
      for (const key of after.filter((one) => !before.includes(one))) {
        await client.query(
          `insert into portcullis_issuer.keys (kid, algorithm, state, public_key, private_key, created_at, changed_at)
           values ($1, $2, $3, $4, $5, to_timestamp($6::float8), to_timestamp($7::float8))
           on conflict (kid) do update
              set state = excluded.state, private_key = excluded.private_key, changed_at = excluded.changed_at`,
          [key.kid, key.algorithm, key.state, key.publicKey, key.privateKey, key.createdAt, key.changedAt],
        )
      }
      return after
    })
  }
}
