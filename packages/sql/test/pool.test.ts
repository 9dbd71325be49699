import { hasPostgres } from '@portcullis/testing/postgres'
import Fastify, { type FastifyInstance } from 'fastify'
import pg from 'pg'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import postgres, { databaseOf, type PgPool, type SqlOptions, sql } from '../src/index.ts'
import { faultOfSocket } from '../src/transport.ts'
import { RIGHTS, stage } from './stage.ts'

const at = stage()
const limits = { connectionTimeoutMillis: 5000, statement_timeout: 5000, idle_in_transaction_session_timeout: 5000 }

async function appWith(pool: PgPool, options: Partial<SqlOptions> = {}): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify()
  onTestFinished(() => app.close())
  await app.register(postgres, { pool, rights: RIGHTS, ...options })
  return app
}

describe.runIf(hasPostgres)('a pool of the user’s', () => {
  it('with limits starts the app, and is ended with it', async () => {
    const pool = new pg.Pool({ connectionString: at.url, ...limits })
    const app = await appWith(pool)
    expect((await databaseOf(app).query(sql`select 1 as one`)).rows).toEqual([{ one: 1 }])
    await app.close()
    expect(pool.ended).toBe(true)
  })

  it.each([
    ['statement_timeout', "ALTER ROLE app SET statement_timeout = '5s';"],
    ['idle_in_transaction_session_timeout', "ALTER ROLE app SET idle_in_transaction_session_timeout = '10s';"],
  ])('without %s is refused, with the line to paste', async (name, line) => {
    const pool = new pg.Pool({ connectionString: at.url, ...limits, [name]: undefined })
    await expect(appWith(pool)).rejects.toThrow(line)
  })

  it('that would let requests wait for ever is refused', async () => {
    const pool = new pg.Pool({ connectionString: at.url, max: 1 })
    const holder = await pool.connect()
    const waiting = vi.fn()
    void pool.connect().then((client) => client.release(), waiting)
    expect(pool.waitingCount).toBe(1)
    await expect(appWith(pool)).rejects.toThrow('waits for a connection for ever')
    holder.release()
    await pool.end()
  })

  it('whose idle connection is cut ends a process that listens to no error of it, and not the app', async () => {
    const pool = new pg.Pool({ connectionString: at.url, ...limits, max: 1 })
    expect(pool.listenerCount('error')).toBe(0)
    const database = databaseOf(await appWith(pool))
    const { rows } = await database.query<{ pid: number }>(sql`select pg_backend_pid() as pid`)
    const removed = new Promise((resolve) => pool.once('remove', resolve))
    await at.admin.query('select pg_terminate_backend($1)', [rows[0]?.pid])
    await removed
    expect((await database.query(sql`select 1 as one`)).rows).toEqual([{ one: 1 }])
  })
})

it.each([
  [{ encrypted: true, authorized: true, remoteAddress: '10.0.0.5' }, null],
  [{ encrypted: true, authorized: false, remoteAddress: '10.0.0.5' }, 'accept whatever certificate'],
  [{ encrypted: true, authorized: false, remoteAddress: '127.0.0.1' }, 'accept whatever certificate'],
  [{ remoteAddress: '10.0.0.5' }, 'leave this machine in plaintext'],
  [{ remoteAddress: '::ffff:10.0.0.5' }, 'leave this machine in plaintext'],
  [{ remoteAddress: '127.0.0.1' }, null],
  [{ remoteAddress: '::1' }, null],
  [{}, null],
] as const)('a socket such as %o: %s', (socket, fault) => {
  expect(faultOfSocket(socket as never)).toBe(fault)
})
