import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import {
  hashPassword,
  postgresSchema,
  postgresStore,
  type PostgresPool,
  refresh,
  rotateKeys,
  sessions,
  signIn,
  signOut,
  signOutEverywhere,
  stepUp,
} from '../src/index.ts'
import { deskOf } from '../src/desk.ts'
import { type PostgresServer, startPostgres } from '@portcullis/testing/postgres'
import { claimsOf, codeOf, given, headerOf, reasonOf, stage, testClock } from './stage.ts'

const secret = 'Zq3v8Yt1LmN0pXwR5sKd7uHj2GfB9cEa4iO6'
let server: PostgresServer
let admin: pg.Pool
const pools: pg.Pool[] = []

/** A pool of a role that may read and write, and nothing else: one for each process. */
function appPool(): pg.Pool {
  const url = new URL(server.url)
  url.username = 'app'
  const pool = new pg.Pool({ connectionString: url.href, max: 5 })
  pool.on('error', () => {})
  pools.push(pool)
  return pool
}

beforeAll(async () => {
  server = await startPostgres()
  admin = new pg.Pool({ connectionString: server.url })
  admin.on('error', () => {})
}, 120_000)
beforeEach(async () => {
  await admin.query('drop schema if exists portcullis_issuer cascade')
  await admin.query(postgresSchema)
  // Running it again changes nothing.
  await admin.query(postgresSchema)
  await admin.query(`
    do $$ begin create role app login; exception when duplicate_object then null; end $$;
    grant usage on schema portcullis_issuer to app;
    grant select, insert, update, delete on all tables in schema portcullis_issuer to app;`)
})
afterAll(async () => {
  for (const pool of [...pools, admin]) await pool.end().catch(() => {})
  await server.stop()
})

it('racers of two processes leave one lineage', async () => {
  const clock = testClock()
  const apps = [
    (await stage({ store: postgresStore(appPool()), secret }, clock)).app,
    (await stage({ store: postgresStore(appPool()), secret }, clock)).app,
  ] as const
  const { refreshToken } = given(await signIn(apps[0], { subject: 'u' }))
  const grants = (
    await Promise.all(Array.from({ length: 200 }, (_, i) => refresh(apps[i % 2 ? 1 : 0], refreshToken)))
  ).map(given)
  expect(new Set(grants.map((grant) => grant.refreshToken)).size).toBe(1)
  expect(
    new Set(grants.map((grant) => `${String(claimsOf(grant)['jti'])} ${String(headerOf(grant)['kid'])}`)).size,
  ).toBe(1)
  const { rows } = await admin.query('select used_at from portcullis_issuer.refresh_tokens')
  expect(rows).toHaveLength(2)
})

it('processes that begin at once begin one ring, and one of them rotates it', async () => {
  const clock = testClock()
  const apps = await Promise.all(
    Array.from({ length: 4 }, async () => (await stage({ store: postgresStore(appPool()), secret }, clock)).app),
  )
  const { rows } = await admin.query('select state from portcullis_issuer.keys order by state')
  expect(rows.map((row) => row.state as string)).toEqual(['current', 'next'])
  clock.pass(30 * 86_400)
  await Promise.all(apps.map((app) => deskOf(app).keys.turn()))
  await Promise.all(apps.map((app) => deskOf(app).keys.turn()))
  const after = await admin.query(
    'select state, private_key is null as public_only from portcullis_issuer.keys order by state',
  )
  expect(after.rows).toEqual([
    { state: 'current', public_only: false },
    { state: 'next', public_only: false },
    { state: 'retired', public_only: true },
  ])
  const kids = await Promise.all(apps.map(async (app) => headerOf(given(await signIn(app, { subject: 'u' })))['kid']))
  expect(new Set(kids).size).toBe(1)
  await rotateKeys(apps[0] as (typeof apps)[number], { compromised: true })
  expect((await admin.query('select 1 from portcullis_issuer.keys')).rows).toHaveLength(2)
})

it('many changes of one subject at once wait for one another, never in a circle', async () => {
  const { app } = await stage({ store: postgresStore(appPool()), secret, maxSessions: 3 })
  const answers = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      if (i % 10 === 9) return signOutEverywhere(app, { subject: 'u' })
      const grant = given(await signIn(app, { subject: 'u' }))
      return refresh(app, grant.refreshToken)
    }),
  )
  for (const answer of answers) if ('refusal' in answer) expect(reasonOf(answer)).toBe('ended')
  await signOutEverywhere(app, { subject: 'u' })
  expect(given(await sessions(app, 'u'))).toEqual([])
})

it('whatever is sent is a value: no statement is made of it', async () => {
  const pool = appPool()
  const texts = new Set<string>()
  const seen = <T extends { query: PostgresPool['query'] }>(target: T): T =>
    new Proxy(target, {
      get(from, name) {
        const member: unknown = Reflect.get(from, name)
        if (typeof member !== 'function') return member
        return (...given: unknown[]): unknown => {
          if (name === 'query') texts.add(given[0] as string)
          const result: unknown = Reflect.apply(member, from, given)
          return name === 'connect' ? (result as Promise<T>).then(seen) : result
        }
      },
    })
  const { app } = await stage({ store: postgresStore(seen(pool as unknown as PostgresPool)), secret })
  const round = async (text: string): Promise<void> => {
    const grant = given(
      await signIn(app, { subject: text, label: text, claims: { text }, clientId: text, replaces: text }),
    )
    expect(given(await sessions(app, text))).toMatchObject([{ label: text, clientId: text }])
    const next = given(await refresh(app, grant.refreshToken))
    expect(claimsOf(next)).toMatchObject({ sub: text, text, client_id: text })
    await refresh(app, text)
    await signOut(app, { subject: text, sessionId: text })
    const account = given(await hashPassword(app, 'correct horse battery'))
    await stepUp(app, { subject: text, sessionId: text, password: 'correct horse battery', account })
    await signOutEverywhere(app, { subject: text, except: text })
    await signOutEverywhere(app, { subject: text })
  }
  await round('plain')
  const before = texts.size
  for (const text of [
    `'; drop table portcullis_issuer.sessions; --`,
    `" or "1"="1`,
    '$1',
    '\\',
    `{"a":1}`,
    "o'hara",
    '\u{1F600}',
  ])
    await round(text)
  expect(texts.size).toBe(before)
  expect((await admin.query('select count(*)::int as n from portcullis_issuer.sessions')).rows).toEqual([{ n: 8 }])
})

it('a table of another version refuses to boot, and names the column', async () => {
  await admin.query('alter table portcullis_issuer.refresh_tokens rename nonce to salt')
  await expect(stage({ store: postgresStore(appPool()), secret })).rejects.toMatchObject({
    code: 'PTC_ISSUER_SCHEMA_MISSING',
    message: expect.stringContaining('portcullis_issuer.refresh_tokens.nonce') as string,
  })
})

it('purging forgets sessions that are over, with all that belongs to them', async () => {
  const { app, clock } = await stage({
    store: postgresStore(appPool()),
    secret,
    refreshToken: { idle: 600, absolute: 600 },
  })
  const grant = given(await signIn(app, { subject: 'u' }))
  const account = given(await hashPassword(app, 'correct horse battery'))
  given(await stepUp(app, { subject: 'u', sessionId: grant.sessionId, password: 'correct horse battery', account }))
  given(await refresh(app, grant.refreshToken))
  const count = async (): Promise<unknown> =>
    (
      await admin.query(`select (select count(*)::int from portcullis_issuer.sessions) as sessions,
        (select count(*)::int from portcullis_issuer.refresh_tokens) as tokens,
        (select count(*)::int from portcullis_issuer.refresh_tokens where nonce is not null) as nonces,
        (select count(*)::int from portcullis_issuer.step_ups) as steps`)
    ).rows[0] as unknown
  expect(await count()).toEqual({ sessions: 1, tokens: 2, nonces: 1, steps: 1 })
  clock.pass(11)
  await deskOf(app).sessions.purge()
  expect(await count()).toEqual({ sessions: 1, tokens: 2, nonces: 0, steps: 1 })
  clock.pass(1000)
  await deskOf(app).sessions.purge()
  expect(await count()).toEqual({ sessions: 0, tokens: 0, nonces: 0, steps: 0 })
})

it('while the server is away sign-ins and refreshes are answered 503, and keys go on', async () => {
  const { app } = await stage({ store: postgresStore(appPool()), secret })
  const grant = given(await signIn(app, { subject: 'u' }))
  await server.stop()
  expect(codeOf(await signIn(app, { subject: 'u' }))).toBe('PTC_ISSUER_UNAVAILABLE')
  expect(codeOf(await refresh(app, grant.refreshToken))).toBe('PTC_ISSUER_UNAVAILABLE')
  await expect(deskOf(app).keys.turn()).rejects.toThrow()
  expect((await app.inject('/.well-known/jwks.json')).json()).toMatchObject({ keys: [{ use: 'sig' }, { use: 'sig' }] })
})
