import { EventEmitter } from 'node:events'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deskOf } from '../src/desk.ts'
import { type PostgresPool, transaction } from '../src/stores/postgres/pool.ts'
import { postgresSchema, postgresStore, refresh, sessions, signIn, signOut, signOutEverywhere } from '../src/index.ts'
import { type PostgresServer, startPostgres } from '@portcullis/testing/postgres'
import { claimsOf, given, stage } from './stage.ts'

const secret = 'Zq3v8Yt1LmN0pXwR5sKd7uHj2GfB9cEa4iO6'
const many = <T>(count: number, act: () => Promise<T>): Promise<T>[] => Array.from({ length: count }, act)

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
  const pool = new pg.Pool({ connectionString: server.url })
  await pool.query(postgresSchema)
  await pool.end()
}, 120_000)
afterAll(async () => server.stop())

it('connections that break, idle or in use, do not end the process', async () => {
  const pool = new pg.Pool({ connectionString: server.url })
  const { app } = await stage({ store: postgresStore(pool), secret })
  given(await signIn(app, { subject: 'u' }))
  const admin = new pg.Client({ connectionString: server.url })
  await admin.connect()
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()')
  await admin.end()
  while (pool.totalCount > 0) await new Promise((resolve) => setImmediate(resolve))
  given(await signIn(app, { subject: 'u' }))
  await pool.end()

  const broken = Object.assign(new EventEmitter(), { query: async () => ({ rows: [] }), release: () => {} })
  const one: PostgresPool = { connect: async () => broken, query: broken.query }
  await transaction(one, async (client) => (client as typeof broken).emit('error', new Error('connection lost')))
  expect(broken.listenerCount('error')).toBe(0)
})

it('however many apps share a pool, it has one listener of ours', async () => {
  const pool = new pg.Pool({ connectionString: server.url })
  const apps = await Promise.all(Array.from({ length: 12 }, () => stage({ store: postgresStore(pool), secret })))
  await Promise.all(apps.map(({ app }) => app.close()))
  await stage({ store: postgresStore(pool), secret })
  expect(pool.listenerCount('error')).toBe(1)
  await pool.end()
})

describe.each(['read committed', 'repeatable read', 'serializable'])('in a database that prefers %s', (level) => {
  let pool: pg.Pool
  beforeAll(() => {
    const options = `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`
    pool = new pg.Pool({ connectionString: server.url, max: 20, options })
    // Connections outlive the tests, not the server.
    pool.on('error', () => {})
  })
  afterAll(() => pool.end())
  const onPostgres = (options = {}) => stage({ store: postgresStore(pool), secret, ...options })

  it('racers get one lineage, and nobody a 503', async () => {
    const { app } = await onPostgres()
    const { refreshToken } = given(await signIn(app, { subject: `racer ${level}` }))
    const grants = (await Promise.all(many(40, () => refresh(app, refreshToken)))).map(given)
    expect(new Set(grants.map((grant) => grant.refreshToken)).size).toBe(1)
  })

  it('sign-ins and log-outs of one subject wait for each other, and leave no session too many', async () => {
    const { app } = await onPostgres({ maxSessions: 5 })
    const subject = `crowd ${level}`
    const answers = await Promise.all([
      ...many<object>(30, () => signIn(app, { subject })),
      ...many<object>(5, () => signOutEverywhere(app, { subject })),
      ...many<object>(30, () => signIn(app, { subject })),
    ])
    for (const answer of answers) given(answer)
    expect(given(await sessions(app, subject))).toHaveLength(5)
  })

  it('a log-out revokes what a refresh and a step-up got while it waited for them', async () => {
    const revoked = new Set<string>()
    const { app } = await onPostgres({
      revoke: { token: async ({ tokenId }: { tokenId: string }) => revoked.add(tokenId) },
    })
    const left: unknown[] = []
    for (let round = 0; round < 20; round++) {
      const { subject, sessionId, refreshToken } = given(await signIn(app, { subject: 'user-1' }))
      const [next, , stepped] = await Promise.all([
        refresh(app, refreshToken),
        signOut(app, { subject, sessionId }),
        deskOf(app).sessions.stepUp(subject, sessionId),
      ])
      for (const got of [next, stepped])
        if (got !== null && 'accessToken' in got && !revoked.has(claimsOf(got)['jti'] as string)) left.push(got)
    }
    expect(left).toEqual([])
  })
})
