import type pg from 'pg'
import { isOutage } from './outage.ts'

/**
 * Runs the work in one transaction: committed when it returns, rolled back when it throws. Whatever the database
 * prefers: a statement after a lock sees what others have committed while it waited.
 */
export async function transaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let broken: Error | undefined
  // Without a listener, a connection that dies between two statements would end the process.
  const onDeath = (error: Error): void => {
    broken = error
  }
  client.on('error', onDeath)
  try {
    await client.query('begin isolation level read committed')
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    // A connection that cannot even roll back is not given to anybody else. One that fell silent need not be asked:
    // closing it rolls back.
    if (isOutage(error)) broken = error as Error
    else {
      await client.query('rollback').catch((reason: Error) => {
        broken = reason
      })
    }
    throw error
  } finally {
    client.release(broken)
    if (broken === undefined) client.off('error', onDeath)
  }
}
