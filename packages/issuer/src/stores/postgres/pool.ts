/** What a query gives. */
export interface PostgresResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
}

/** Something that may tell that a connection has broken. */
interface Breakable {
  on?(event: 'error', listener: (error: Error) => void): unknown
  off?(event: 'error', listener: (error: Error) => void): unknown
}

/** One connection of the pool. */
export interface PostgresClient extends Breakable {
  query(text: string, values?: unknown[]): Promise<PostgresResult>
  release(error?: Error | boolean): void
}

/** A pool as `pg` has it. Every statement is a constant text with parameters. */
export interface PostgresPool extends Breakable {
  connect(): Promise<PostgresClient>
  query(text: string, values?: unknown[]): Promise<PostgresResult>
}

/** Whoever needs a broken connection is told; nobody else has to know, and an `error` without a listener ends the process. */
const ignore = (): void => {}

const guarded = new WeakSet<PostgresPool>()

/**
 * Keeps an idle connection that breaks from ending the process: one listener on a pool, however many apps share it. It
 * stays when they close, for the pool is ended after them.
 */
export function guard(pool: PostgresPool): void {
  if (guarded.has(pool)) return
  guarded.add(pool)
  pool.on?.('error', ignore)
}

/**
 * Runs `act` between begin and commit; rolls back and passes on what it throws. Whatever a database prefers: here a
 * statement after a lock sees what others have committed while it waited.
 */
export async function transaction<T>(pool: PostgresPool, act: (client: PostgresClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  client.on?.('error', ignore)
  let broken: Error | undefined
  try {
    await client.query('begin isolation level read committed')
    const result = await act(client)
    await client.query('commit')
    return result
  } catch (error) {
    // A connection that cannot even roll back is not given to anybody else.
    await client.query('rollback').catch((failed: Error) => (broken = failed))
    throw error
  } finally {
    client.off?.('error', ignore)
    client.release(broken)
  }
}
