import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type KyselyPlugin,
  PostgresAdapter,
  PostgresIntrospector,
  type QueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from 'kysely'
import { errors } from './errors.ts'
import { SqlError, breaksConnection, refusalOf } from './failure.ts'
import { AskerPlugin, Gate, type Listeners } from './gate.ts'
import { type PgClient, type PgPool, type PgResult, statement } from './pool.ts'
import { written } from './values.ts'

function told(error: SqlError, { onFailed }: Listeners, asker?: unknown): SqlError {
  onFailed?.(error, asker)
  return error
}

/** Maps what the database or the driver throws. */
function failed(error: unknown, listeners: Listeners, asker?: unknown): SqlError {
  return told(new SqlError(refusalOf(error), error), listeners, asker)
}

class GatedConnection implements DatabaseConnection {
  readonly #client: PgClient
  readonly #gate: Gate
  readonly #listeners: Listeners
  #broken: Error | undefined

  constructor(client: PgClient, gate: Gate, listeners: Listeners) {
    this.#client = client
    this.#gate = gate
    this.#listeners = listeners
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const asker = this.#gate.inspect(query)
    const values = this.#written(query.parameters, asker)
    try {
      const { command, rowCount, rows } = await this.#client.query(statement(query.sql, values))
      if (command === 'SELECT') return { rows: rows as R[] }
      return { rows: rows as R[], numAffectedRows: BigInt(rowCount ?? 0) }
    } catch (error) {
      throw this.#failed(error, asker)
    }
  }

  /** Before the socket: a value that the driver fails to write costs the connection. */
  #written(values: readonly unknown[], asker: unknown): readonly unknown[] {
    try {
      return written(values)
    } catch (error) {
      throw failed(error, this.#listeners, asker)
    }
  }

  // oxlint-disable-next-line require-yield
  async *streamQuery(): AsyncIterableIterator<never> {
    throw new Error('queries are not streamed: read pages, ordered by a key')
  }

  /** Sends a text of ours. */
  async send(text: string): Promise<PgResult> {
    try {
      return await this.#client.query(statement(text))
    } catch (error) {
      throw this.#failed(error)
    }
  }

  #failed(error: unknown, asker?: unknown): SqlError {
    if (breaksConnection(error)) this.#broken = error as Error
    return failed(error, this.#listeners, asker)
  }

  markBroken(error: Error): void {
    this.#broken ??= error
  }

  release(): void {
    this.#client.release(this.#broken)
  }
}

const own = (connection: DatabaseConnection): GatedConnection => connection as GatedConnection
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

class GatedDriver implements Driver {
  readonly #pool: PgPool
  readonly #gate: Gate
  readonly #listeners: Listeners
  readonly #connections = new WeakMap<PgClient, GatedConnection>()

  constructor(pool: PgPool, gate: Gate, listeners: Listeners) {
    this.#pool = pool
    this.#gate = gate
    this.#listeners = listeners
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    try {
      const client = await this.#pool.connect()
      const known = this.#connections.get(client)
      if (known !== undefined) return known
      const connection = new GatedConnection(client, this.#gate, this.#listeners)
      this.#connections.set(client, connection)
      return connection
    } catch (error) {
      throw failed(error, this.#listeners)
    }
  }

  /** Kysely has compared both settings with its lists (`validateTransactionSettings`). */
  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const level = settings.isolationLevel === undefined ? '' : ` isolation level ${settings.isolationLevel}`
    const access = settings.accessMode === undefined ? '' : ` ${settings.accessMode}`
    await own(connection).send(`start transaction${level}${access}`)
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    const { command } = await own(connection).send('commit')
    // A transaction in which a statement has failed is rolled back by COMMIT, without an error.
    if (command === 'ROLLBACK') throw told(new SqlError(errors.PTC_SQL_FAILED), this.#listeners)
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await own(connection).send('rollback')
    } catch (error) {
      // A connection that cannot even roll back is not given to anybody else.
      own(connection).markBroken(error as Error)
      throw error
    }
  }

  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await own(connection).send(`savepoint ${quoted(name)}`)
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await own(connection).send(`rollback to ${quoted(name)}`)
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await own(connection).send(`release ${quoted(name)}`)
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    own(connection).release()
  }

  async destroy(): Promise<void> {
    await this.#pool.end()
  }
}

/**
 * A Kysely dialect over a `pg` pool, with the gate: only what the builder or a real template has made reaches the socket,
 * and what the database says reaches nobody.
 */
export class GatedDialect implements Dialect {
  readonly #gate: Gate
  readonly #pool: PgPool
  readonly #listeners: Listeners

  constructor(pool: PgPool, listeners: Listeners = {}) {
    this.#gate = new Gate(listeners)
    this.#pool = pool
    this.#listeners = listeners
  }

  /** @throws SqlError always: for what is not even a query */
  refuse(reason: string, asker?: unknown): never {
    return this.#gate.refuse(reason, asker)
  }

  /** A plugin for queries on somebody's behalf. */
  askedBy(asker: unknown): KyselyPlugin {
    return new AskerPlugin(this.#gate, asker)
  }

  createDriver(): Driver {
    return new GatedDriver(this.#pool, this.#gate, this.#listeners)
  }

  createQueryCompiler(): QueryCompiler {
    return this.#gate.compiler()
  }

  createAdapter(): PostgresAdapter {
    return new PostgresAdapter()
  }

  createIntrospector(database: ConstructorParameters<typeof PostgresIntrospector>[0]): PostgresIntrospector {
    return new PostgresIntrospector(database)
  }
}
