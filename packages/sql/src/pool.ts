/** What a statement gives, as `pg` has it. */
export interface PgResult {
  readonly rows: readonly unknown[]
  readonly rowCount: number | null
  readonly command: string
}

/** One statement as this package sends it: always by the extended protocol, which takes a single statement. */
export interface PgStatement {
  readonly text: string
  readonly values: readonly unknown[]
  readonly queryMode: 'extended'
}

/** One connection of the pool. */
export interface PgClient {
  query(statement: PgStatement): Promise<PgResult>
  release(error?: Error | boolean): void
}

/** A pool as `pg` has it. */
export interface PgPool {
  connect(): Promise<PgClient>
  end(): Promise<void>
}

const NONE: readonly unknown[] = Object.freeze([])

/**
 * A statement as the driver takes it, without a prototype: what a polluted `Object.prototype` holds (`name`, `rowMode`,
 * `types`) is not read as an option of it.
 */
export function statement(text: string, values: readonly unknown[] = NONE): PgStatement {
  return Object.assign(Object.create(null) as PgStatement, { text, values, queryMode: 'extended' })
}
