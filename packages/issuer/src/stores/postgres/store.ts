import { errors } from '../../errors.ts'
import { PostgresKeys } from './keys.ts'
import { guard, type PostgresPool } from './pool.ts'
import { postgresColumns } from './schema.ts'
import { PostgresSessions } from './sessions.ts'
import type { IssuerStore } from '../store.ts'

export type { PostgresPool } from './pool.ts'

/**
 * Sessions and keys in PostgreSQL, shared by all processes. Make its tables with `postgresSchema`.
 * @param pool a pool of `pg`, or whatever has its `connect` and `query`
 * @example await app.register(issuer, { issuer, audience, secret, store: postgresStore(new pg.Pool()) })
 */
export function postgresStore(pool: PostgresPool): IssuerStore {
  guard(pool)
  return {
    durable: true,
    sessions: new PostgresSessions(pool),
    keys: new PostgresKeys(pool),
    async open() {
      const { rows } = await pool.query(
        `select table_name, column_name from information_schema.columns where table_schema = 'portcullis_issuer'`,
      )
      const present = new Set(rows.map((row) => `${String(row['table_name'])}.${String(row['column_name'])}`))
      const missing = Object.entries(postgresColumns)
        .flatMap(([table, columns]) => columns.map((column) => `${table}.${column}`))
        .filter((name) => !present.has(name))
      if (missing.length > 0) {
        const tables = [...new Set(missing.map((name) => name.split('.')[0] ?? ''))]
        const whole = tables.filter((table) => !rows.some((row) => row['table_name'] === table))
        const named = whole.length > 0 ? whole : missing
        throw new errors.PTC_ISSUER_SCHEMA_MISSING(named.map((name) => `portcullis_issuer.${name}`).join(', '))
      }
    },
  }
}
