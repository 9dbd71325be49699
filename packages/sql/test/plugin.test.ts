import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import { hasPostgres } from '@portcullis/testing/postgres'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import postgres, { databaseOf, type SecureDatabase, SqlError, type SqlOptions, sql } from '../src/index.ts'
import { RIGHTS, stage } from './stage.ts'

const at = stage()

async function appWith(options: Partial<SqlOptions> = {}): Promise<FastifyInstance & { raised: SecurityEvent[] }> {
  const app: FastifyInstance = Fastify()
  onTestFinished(() => app.close())
  const raised: SecurityEvent[] = []
  onSecurityEvent(app, (event) => raised.push(event))
  await app.register(postgres, { url: at.url, rights: RIGHTS, ...options })
  return Object.assign(app, { raised })
}

describe.runIf(hasPostgres)('the room', () => {
  let app: FastifyInstance & { raised: SecurityEvent[] }
  beforeAll(async () => {
    app = Object.assign(Fastify() as FastifyInstance, { raised: [] as SecurityEvent[] })
    onSecurityEvent(app, (event) => app.raised.push(event))
    await app.register(postgres, {
      url: at.url,
      rights: RIGHTS,
      maxConnections: 2,
      connectTimeout: 1,
      statementTimeout: 1,
    })
    const route = (url: string, act: (request: any) => Promise<unknown>): void => void app.post(url, act)
    route('/titles', async (request) => {
      await databaseOf(request).query(sql`insert into posts (title) values (${request.body.title})`)
      return { done: true }
    })
    route('/docs', (request) =>
      databaseOf(request).query(sql`update posts set doc = ${JSON.stringify(request.body)} where id = 1`),
    )
    route('/cast', (request) => databaseOf(request).query(sql`select ${request.body.value}::integer as n`))
    route('/secrets', (request) => databaseOf(request).query(sql`select secret from secrets`))
    route('/slow', (request) => databaseOf(request).query(sql`select pg_sleep(5)`))
    route('/broken', (request) => databaseOf(request).query(sql`select nothing from nowhere`))
    route('/forged', (request) => databaseOf(request).query(request.body))
    await app.ready()
  })
  afterAll(() => app?.close())

  const post = async (
    url: string,
    payload: object,
  ): Promise<{ status: number; body: any; text: string; fields: any }> => {
    app.raised.length = 0
    const answer = await app.inject({ method: 'POST', url, payload })
    return { status: answer.statusCode, body: answer.json(), text: answer.body, fields: answer.headers }
  }

  it.each([
    ['a NUL byte', '/titles', { title: 'a\0b' }, 400, 'PTC_SQL_VALUE_REFUSED'],
    ['a NUL byte in a document', '/docs', { a: '\0' }, 400, 'PTC_SQL_VALUE_REFUSED'],
    ['half a surrogate pair in a document', '/docs', { a: '\ud800' }, 400, 'PTC_SQL_VALUE_REFUSED'],
    ['a number out of range', '/cast', { value: '99999999999' }, 400, 'PTC_SQL_VALUE_REFUSED'],
    ['what is no number', '/cast', { value: "1' or '1'='1" }, 400, 'PTC_SQL_VALUE_REFUSED'],
    ['a text too long for the check', '/titles', { title: 'x'.repeat(2000) }, 400, 'PTC_SQL_VALUE_REFUSED'],
    ['a title that is taken', '/titles', { title: 'one' }, 409, 'PTC_SQL_CONFLICT'],
    ['a table without a right', '/secrets', {}, 403, 'PTC_SQL_DENIED'],
    ['a statement that is wrong', '/broken', {}, 500, 'PTC_SQL_FAILED'],
    ['a forged query', '/forged', { text: 'select 1' }, 500, 'PTC_SQL_QUERY_REFUSED'],
  ])('answers %s without a word of the database', async (_what, url, payload, status, code) => {
    const answer = await post(url, payload)
    expect([answer.status, answer.body.code]).toEqual([status, code])
    expect(Object.keys(answer.body)).toEqual(['error', 'code', 'status', 'title'])
    expect(answer.text).not.toMatch(/[0-9][0-9A-Z]{4}"|syntax|relation|column|constraint|posts|pg_|postgres/i)
    expect(app.raised.map((event) => event.code)).toEqual([code])
  })

  it('tells of the request on whose behalf a query failed, and of none where the app asked', async () => {
    app.raised.length = 0
    const answer = await app.inject({ method: 'POST', url: '/forged', payload: { text: 'select 1' } })
    expect(answer.statusCode).toBe(500)
    expect(app.raised.map(({ type, request }) => [type, request?.url])).toEqual([['sql.refused', '/forged']])

    const asked = { raw: {}, server: app, url: '/asked', log: app.log } as unknown as FastifyRequest
    const attempts = async (database: SecureDatabase<any>): Promise<unknown> => {
      app.raised.length = 0
      const failing = sql`insert into posts (title) values (${'one'})`
      await expect(database.query(failing)).rejects.toThrow(SqlError)
      await expect(database.transaction((transaction) => transaction.query(failing))).rejects.toThrow(SqlError)
      await expect(database.as('alice', (transaction) => transaction.query(failing))).rejects.toThrow(SqlError)
      await expect(database.kysely.insertInto('posts').values({ title: 'one' }).execute()).rejects.toThrow(SqlError)
      expect(() =>
        database.kysely
          .selectFrom('posts')
          .where('id', 'constructor' as never, 1)
          .compile(),
      ).toThrow()
      return app.raised.map(({ request }) => request?.url)
    }
    const here = '/asked'
    expect(await attempts(databaseOf(asked))).toEqual([here, here, here, here, here])
    // What the app asks in between is not the request's.
    expect(await attempts(databaseOf(app))).toEqual(Array.from({ length: 5 }))
  })

  it('answers 503 with a time to wait when a statement takes too long, and serves the next', async () => {
    const answer = await post('/slow', {})
    expect([answer.status, answer.body.code, answer.fields['retry-after']]).toEqual([503, 'PTC_SQL_UNAVAILABLE', '1'])
    expect(app.raised).toMatchObject([{ type: 'sql.interrupted', severity: 'critical', detail: { sqlState: '57014' } }])
    expect((await post('/cast', { value: '7' })).body.rows).toEqual([{ n: 7 }])
  })

  it('answers 503 when every connection is taken, and serves again when one is free', async () => {
    const database = databaseOf(app)
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    const holders = [1, 2].map(() => database.transaction(() => held))
    expect((await post('/cast', { value: '7' })).status).toBe(503)
    release()
    await Promise.all(holders)
    expect((await post('/cast', { value: '7' })).status).toBe(200)
  })

  it('gives a transaction back that failed, and says so when its commit does not hold', async () => {
    const database = databaseOf(app)
    const count = async (): Promise<unknown> => (await database.query(sql`select count(*)::int as n from posts`)).rows
    const before = await count()
    const failing = database.transaction(async (transaction) => {
      await transaction.query(sql`insert into posts (title) values (${'new'})`)
      await transaction.query(sql`insert into posts (title) values (${'new'})`)
    })
    await expect(failing).rejects.toMatchObject({ code: 'PTC_SQL_CONFLICT' })
    const swallowed = database.transaction(async (transaction) => {
      await transaction.query(sql`insert into posts (title) values (${'new'})`)
      await transaction.query(sql`select 1 / 0`).catch(() => undefined)
    })
    await expect(swallowed).rejects.toMatchObject({ code: 'PTC_SQL_FAILED' })
    expect(await count()).toEqual(before)
  })

  it('keeps what the database said for the log alone', async () => {
    const error: unknown = await databaseOf(app)
      .query(sql`insert into posts (title) values (${'one'})`)
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SqlError)
    expect(JSON.stringify(error)).not.toMatch(/posts|23505|duplicate/)
    expect((error as Error).cause).toMatchObject({ code: '23505' })
  })

  it('lends a subject to one transaction: its rows alone, and nobody’s after it', async () => {
    const database = databaseOf(app)
    const notes = async (of = database): Promise<unknown> => (await of.query(sql`select owner from notes`)).rows
    expect(await notes()).toEqual([])
    expect(await database.as('alice', notes)).toEqual([{ owner: 'alice' }])
    await expect(database.as('bob', () => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
    expect(await database.as("alice' or '1'='1", notes)).toEqual([])
    expect(await database.as(null, notes)).toEqual([])
    await Promise.all(Array.from({ length: 20 }, () => database.query(sql`select 1`)))
    expect(await notes()).toEqual([])
    const nested = database.as('alice', (transaction) => transaction.as('bob', notes))
    await expect(nested).rejects.toThrow('as() begins a transaction')
  })

  it('survives a connection that is cut', async () => {
    const database = databaseOf(app)
    const cut = database.transaction(async (transaction) => {
      const { rows } = await transaction.query<{ pid: number }>(sql`select pg_backend_pid() as pid`)
      await at.admin.query('select pg_terminate_backend($1)', [rows[0]?.pid])
      return transaction.query(sql`select 1 as one`)
    })
    await expect(cut).rejects.toMatchObject({ code: 'PTC_SQL_UNAVAILABLE' })
    expect((await database.query(sql`select 1 as one`)).rows).toEqual([{ one: 1 }])
  })

  it('answers 503 while the server recovers from a crash, and serves again by itself', async () => {
    const crashed = databaseOf(app).transaction(async (transaction) => {
      const { rows } = await transaction.query<{ pid: number }>(sql`select pg_backend_pid() as pid`)
      // A process of the server that dies so takes every connection with it.
      process.kill(Number(rows[0]?.pid), 'SIGKILL')
      return transaction.query(sql`select pg_sleep(1)`)
    })
    await expect(crashed).rejects.toMatchObject({ code: 'PTC_SQL_UNAVAILABLE' })
    const statuses = new Set<number>()
    const ask = async (): Promise<void> => {
      const { status } = await post('/cast', { value: '7' })
      statuses.add(status)
      expect(status).toBe(200)
    }
    await vi.waitFor(ask, { timeout: 30_000, interval: 50 })
    expect([...statuses].filter((status) => status !== 200 && status !== 503)).toEqual([])
    // The tests' own connections are gone as well.
    await vi.waitFor(() => at.admin.query('select 1'), { timeout: 30_000, interval: 50 })
  }, 90_000)
})

describe.runIf(hasPostgres)('at boot', () => {
  async function refusal(options: Partial<SqlOptions>): Promise<string> {
    const error: unknown = await appWith(options).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ code: 'PTC_SQL_RIGHTS_EXCESSIVE' })
    return (error as Error).message
  }

  it('refuses a superuser', async () => {
    expect(await refusal({ url: at.adminUrl })).toContain('postgres is a superuser')
  })

  it.each([
    ['a right', 'grant select on secrets to app', 'REVOKE SELECT ON public.secrets FROM app;'],
    ['a right of everybody', 'grant select on secrets to public', 'REVOKE SELECT ON public.secrets FROM PUBLIC;'],
    [
      'a right on a column',
      'grant select (secret) on secrets to app',
      'REVOKE SELECT (secret) ON public.secrets FROM app;',
    ],
    ['TRUNCATE', 'grant truncate on posts to app', 'REVOKE TRUNCATE ON public.posts FROM app;'],
    ['BYPASSRLS', 'alter role app bypassrls', 'ALTER ROLE app NOBYPASSRLS;'],
    ['CREATEROLE', 'alter role app createrole', 'ALTER ROLE app NOCREATEROLE;'],
    [
      'a table of its own',
      'create table mine (); alter table mine owner to app',
      'ALTER TABLE public.mine OWNER TO app_owner;',
    ],
    ['a schema of its own', 'create schema own authorization app', 'ALTER SCHEMA own OWNER TO app_owner;'],
    ['the right to create', 'grant create on schema public to app', 'REVOKE CREATE ON SCHEMA public FROM app;'],
    [
      'a mighty role that it may become',
      'create role mighty superuser; grant mighty to app with inherit false',
      'REVOKE mighty FROM app;',
    ],
    ['all data by membership', 'grant pg_read_all_data to app', 'REVOKE pg_read_all_data FROM app;'],
  ])('refuses %s, and starts once the lines it gives have run', async (_what, grant, line) => {
    await at.admin.query(grant)
    const message = await refusal({})
    expect(message).toContain(line)
    const lines = message.split('runs:\n')[1] ?? ''
    await at.admin.query(
      "do $$ begin if not exists (select from pg_roles where rolname = 'app_owner') then create role app_owner; end if; end $$",
    )
    await at.admin.query(lines)
    await appWith()
    await at.admin.query('drop table if exists mine')
    await at.admin.query('drop schema if exists own')
    await at.admin.query('drop role if exists mighty')
  })

  it('names a right that is lacking, a table that is missing, and row-level security that is off', async () => {
    const rights = { ...RIGHTS, 'public.gone': ['SELECT'], 'public.notes': ['SELECT', 'UPDATE (text)'] }
    const message = await refusal({ rights, rowSecurity: ['public.posts', 'public.notes'] })
    expect(message).toContain('GRANT UPDATE (text) ON public.notes TO app;')
    expect(message).toContain('there is no table public.gone')
    expect(message).toContain('ALTER TABLE public.posts ENABLE ROW LEVEL SECURITY;')
    expect(message).not.toContain('ALTER TABLE public.notes')
  })

  it('starts under reportOnly, and says what it would have refused; the gate stays shut', async () => {
    const app = await appWith({ url: at.adminUrl, reportOnly: true })
    expect(app.raised).toMatchObject([
      { type: 'sql.overprivileged', outcome: 'observed', code: 'PTC_SQL_RIGHTS_EXCESSIVE' },
    ])
    await expect(databaseOf(app).query('select 1' as never)).rejects.toMatchObject({ code: 'PTC_SQL_QUERY_REFUSED' })
  })

  it('does not start while the database is away', async () => {
    await expect(appWith({ url: 'postgres://app@127.0.0.1:1/app' })).rejects.toMatchObject({
      code: 'PTC_SQL_UNREACHABLE',
    })
  })

  it('does not start where the server cannot prove who it is', async () => {
    const ca = '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----'
    await expect(appWith({ ca })).rejects.toMatchObject({ code: 'PTC_SQL_UNREACHABLE' })
  })

  it('gives no database where the room is not registered', () => {
    expect(() => databaseOf(Fastify())).toThrow('no database is registered here')
  })

  it('gives the example’s posts', async () => {
    await at.admin.query(
      'grant select, insert on posts to app; revoke all on notes from app; revoke update, delete on posts from app',
    )
    process.env['DATABASE_URL'] = at.url
    const { app } = (await import('../example.ts')) as { app: FastifyInstance }
    onTestFinished(() => app.close())
    const found = await app.inject({ url: '/posts', query: { search: '100 %', sort: '-title' } })
    expect(found.json()).toMatchObject([{ title: '100 %' }])
    const add = (title: string) => app.inject({ method: 'POST', url: '/posts', payload: { title } })
    expect([(await add('three')).statusCode, (await add('three')).statusCode, (await add('\0')).statusCode]).toEqual([
      201, 409, 400,
    ])
  })
})
