import { hasPostgres } from '@portcullis/testing/postgres'
import Fastify, { type FastifyInstance } from 'fastify'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import postgres, { databaseOf, sql } from '../src/index.ts'
import { RIGHTS, stage } from './stage.ts'

const at = stage()
let pool: pg.Pool
let bare: FastifyInstance
let app: FastifyInstance

beforeAll(async () => {
  if (!hasPostgres) return
  // One connection, so that the next user gets the same.
  pool = new pg.Pool({ connectionString: at.url, max: 1 })
  pool.on('error', () => undefined)
  bare = Fastify()
  bare.post<{ Body: { title: string } }>('/posts', async ({ body }) => {
    await pool.query('insert into posts (title) values ($1)', [body.title])
  })
  app = Fastify()
  await app.register(postgres, { url: at.url, rights: RIGHTS, maxConnections: 1, statementTimeout: 5 })
  app.post<{ Body: { title: string } }>('/posts', async (request) => {
    await databaseOf(request).query(sql`insert into posts (title) values (${request.body.title})`)
  })
})
afterAll(async () => {
  await bare?.close()
  await app?.close()
  await pool?.end()
})

describe.runIf(hasPostgres)('a caller', () => {
  it.each([
    ['a title that is taken', 'one', 'duplicate key value violates unique constraint', 409],
    ['a NUL byte', '\0', 'invalid byte sequence for encoding', 400],
    ['a text that is too long', 'x'.repeat(2000), 'violates check constraint', 400],
  ])(
    'who sends %s reads the server’s own words from bare Fastify, and a sentence here',
    async (_what, title, words, status) => {
      const told = await bare.inject({ method: 'POST', url: '/posts', payload: { title } })
      expect(told.statusCode).toBe(500)
      expect(told.body).toContain(words)
      const answer = await app.inject({ method: 'POST', url: '/posts', payload: { title } })
      expect(answer.statusCode).toBe(status)
      expect(answer.body).not.toMatch(/key|byte|constraint|posts/)
    },
  )

  it('whose connection another had before reads the other’s notes with a setting of the session, and not with as()', async () => {
    const notes = 'select owner from notes'
    await pool.query("select set_config('portcullis.subject', 'alice', false)")
    expect((await pool.query(notes)).rows).toEqual([{ owner: 'alice' }])

    const database = databaseOf(app)
    await database.as('alice', (transaction) => transaction.query(sql`select owner from notes`))
    expect((await database.query(sql`select owner from notes`)).rows).toEqual([])
  })

  it('who makes a statement run for ever holds a connection of bare pg, and one of ours for seconds', async () => {
    const limit = 'statement_timeout'
    expect((await pool.query('select current_setting($1) as value', [limit])).rows).toEqual([{ value: '0' }])
    const { rows } = await databaseOf(app).query(sql`select current_setting(${limit}) as value`)
    expect(rows).toEqual([{ value: '5s' }])
  })
})
