import { Kysely, type RawBuilder, type Transaction } from 'kysely'
import { GatedDialect } from './dialect.ts'
import type { Listeners } from './gate.ts'
import type { PgPool } from './pool.ts'
import { sql } from './sql.ts'

/** What a statement gives. */
export interface Rows<Row> {
  readonly rows: Row[]
  /** Rows written; for a `select`, rows read. */
  readonly rowCount: number
}

/** A database that runs nothing but parameterised statements. `Tables` are the types of Kysely's builder. */
export interface SecureDatabase<Tables = Record<string, never>> {
  /** Kysely's builder, behind the same gate. */
  readonly kysely: Kysely<Tables>
  /**
   * Runs one statement, written as a template: `query(sql`select name from users where id = ${id}`)`.
   * @throws SqlError, which is safe to show
   */
  query<Row = Record<string, unknown>>(statement: RawBuilder<Row>): Promise<Rows<Row>>
  /** Commits when the work returns, rolls back when it throws. */
  transaction<T>(work: (database: SecureDatabase<Tables>) => Promise<T>): Promise<T>
  /**
   * A transaction in which policies of row-level security read the subject: `current_setting('portcullis.subject', true)`.
   * The setting ends with the transaction, so the connection's next user does not inherit it.
   * @param subject null: nobody, which is the empty text
   */
  as<T>(subject: string | null, work: (database: SecureDatabase<Tables>) => Promise<T>): Promise<T>
}

/**
 * Puts the gate on a pool of `pg`. Keep the pool to yourself: what is asked of it directly passes no gate.
 * @example const database = secureDatabase(new pg.Pool({ connectionString }))
 */
export function secureDatabase<Tables = Record<string, never>>(
  pool: PgPool,
  listeners: Listeners = {},
): SecureDatabase<Tables> {
  return openDatabase<Tables>(pool, listeners)()
}

/** The same, for whoever asks: listeners are told on whose behalf a query failed. */
export function openDatabase<Tables>(pool: PgPool, listeners: Listeners): (asker?: unknown) => SecureDatabase<Tables> {
  const dialect = new GatedDialect(pool, listeners)
  const kysely = new Kysely<Tables>({ dialect })
  return (asker) => over(asker === undefined ? kysely : kysely.withPlugin(dialect.askedBy(asker)), dialect, asker)
}

function over<Tables>(
  kysely: Kysely<Tables> | Transaction<Tables>,
  dialect: GatedDialect,
  asker: unknown,
): SecureDatabase<Tables> {
  const database: SecureDatabase<Tables> = {
    kysely,
    async query<Row>(statement: RawBuilder<Row>): Promise<Rows<Row>> {
      // Types say so already; a request's body knows no types.
      if (typeof (statement as { compile?: unknown } | null)?.compile !== 'function')
        dialect.refuse('no-statement', asker)
      const { rows, numAffectedRows } = await kysely.executeQuery<Row>(statement.compile(kysely))
      return { rows, rowCount: numAffectedRows === undefined ? rows.length : Number(numAffectedRows) }
    },
    transaction: (work) => {
      if (kysely.isTransaction) return work(database)
      return kysely.transaction().execute((transaction) => work(over(transaction, dialect, asker)))
    },
    async as(subject, work) {
      // The setting would outlive the inner work, and stand for another subject in the rest of the outer.
      if (kysely.isTransaction) throw new TypeError('as() begins a transaction: call it outside of one')
      return database.transaction(async (transaction) => {
        await transaction.query(sql`select set_config('portcullis.subject', ${subject ?? ''}, true)`)
        return work(transaction)
      })
    },
  }
  return Object.freeze(database)
}
