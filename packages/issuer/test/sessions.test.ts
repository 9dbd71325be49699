import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type IssuerOptions,
  type IssuerStore,
  memoryStore,
  postgresSchema,
  postgresStore,
  refresh,
  sessions,
  signIn,
  signOut,
  signOutEverywhere,
} from '../src/index.ts'
import { deskOf } from '../src/desk.ts'
import { type PostgresServer, startPostgres } from '@portcullis/testing/postgres'
import { claimsOf, codeOf, given, reasonOf, stage as stageWith, type TestClock } from './stage.ts'

let server: PostgresServer
let pool: pg.Pool
beforeAll(async () => {
  server = await startPostgres()
  pool = new pg.Pool({ connectionString: server.url, max: 10 })
  pool.on('error', () => {})
  await pool.query(postgresSchema)
}, 120_000)
afterAll(async () => {
  await pool.end()
  await server.stop()
})

const secret = 'Zq3v8Yt1LmN0pXwR5sKd7uHj2GfB9cEa4iO6'
const kinds: readonly [string, () => IssuerStore][] = [
  ['memory', memoryStore],
  ['PostgreSQL', () => postgresStore(pool)],
]

describe.each(kinds)('sessions in %s', (_name, open) => {
  beforeEach(async () => {
    await pool.query('truncate portcullis_issuer.sessions, portcullis_issuer.keys cascade')
  })
  const stage = (options: Partial<IssuerOptions> = {}, clock?: TestClock) =>
    stageWith({ store: open(), secret, ...options }, clock)

  it('begin with an access token of RFC 9068 and a refresh token of 256 bits', async () => {
    const { app, clock } = await stage()
    const grant = given(await signIn(app, { subject: 'user-1', scopes: ['a', 'b'], claims: { tenant: 7 } }))
    expect(grant).toMatchObject({ expiresIn: 300, subject: 'user-1', scopes: ['a', 'b'], refreshExpiresIn: 604_800 })
    expect(Buffer.from(grant.refreshToken, 'base64url')).toHaveLength(32)
    expect(claimsOf(grant)).toEqual({
      iss: 'https://id.example.com',
      aud: 'https://api.example.com',
      sub: 'user-1',
      client_id: 'first-party',
      scope: 'a b',
      tenant: 7,
      sid: grant.sessionId,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      auth_time: clock.seconds(),
      iat: clock.seconds(),
      exp: clock.seconds() + 300,
    })
  })

  it('carry claims of any text, NUL and half surrogates too', async () => {
    const { app } = await stage()
    const claims = { name: 'a\0b \uD800', 'x\0y': [1e21, null, '\\u0000'] }
    const first = given(await signIn(app, { subject: 'user-1', claims }))
    const second = given(await refresh(app, first.refreshToken))
    expect(claimsOf(first)).toMatchObject(claims)
    expect(claimsOf(second)).toMatchObject(claims)
  })

  it('go on by refresh, with the auth_time of the sign-in', async () => {
    const { app, clock } = await stage()
    const first = given(await signIn(app, { subject: 'user-1', scopes: ['a'] }))
    clock.pass(240)
    const second = given(await refresh(app, first.refreshToken))
    expect(second.refreshToken).not.toBe(first.refreshToken)
    expect(second.sessionId).toBe(first.sessionId)
    const [before, after] = [claimsOf(first), claimsOf(second)]
    expect(after).toMatchObject({ scope: 'a', auth_time: before['auth_time'], iat: clock.seconds() })
    expect(after['jti']).not.toBe(before['jti'])
  })

  it('give 200 racers one lineage: the same successor, the same token identifier', async () => {
    const { app, clock } = await stage()
    const { refreshToken } = given(await signIn(app, { subject: 'user-1' }))
    const grants = (await Promise.all(Array.from({ length: 200 }, () => refresh(app, refreshToken)))).map(given)
    expect(new Set(grants.map((grant) => grant.refreshToken)).size).toBe(1)
    expect(new Set(grants.map((grant) => claimsOf(grant)['jti'])).size).toBe(1)
    clock.pass(9.9)
    const late = given(await refresh(app, refreshToken))
    expect(late.refreshToken).toBe(grants[0]?.refreshToken)
    // What is left of the one token that all of them share.
    expect([late.expiresIn, claimsOf(late)['exp']]).toEqual([291, claimsOf(grants[0]!)['exp']])
    expect(given(await sessions(app, 'user-1'))).toHaveLength(1)
    clock.pass(60)
    given(await refresh(app, late.refreshToken))
  })

  it('end when a used token comes back after ten seconds, the successor with them', async () => {
    const { app, clock, events } = await stage()
    const first = given(await signIn(app, { subject: 'user-1' }))
    const second = given(await refresh(app, first.refreshToken))
    clock.pass(10)
    const stolen = await refresh(app, first.refreshToken)
    expect([codeOf(stolen), reasonOf(stolen)]).toEqual(['PTC_ISSUER_SESSION_ENDED', 'reused'])
    expect(events.at(-1)).toMatchObject({
      type: 'issuer.reused',
      severity: 'critical',
      detail: { subject: 'user-1', sessions: [first.sessionId] },
    })
    expect(reasonOf(await refresh(app, second.refreshToken))).toBe('ended')
    expect(given(await sessions(app, 'user-1'))).toEqual([])
  })

  it('of a grace of 0 end at the second use', async () => {
    const { app } = await stage({ refreshToken: { grace: 0 } })
    const { refreshToken } = given(await signIn(app, { subject: 'user-1' }))
    given(await refresh(app, refreshToken))
    expect(reasonOf(await refresh(app, refreshToken))).toBe('reused')
    expect(reasonOf(await refresh(app, refreshToken))).toBe('ended')
  })

  it('end when nobody refreshes them for `idle`', async () => {
    const { app, clock } = await stage({ refreshToken: { idle: 100, absolute: 1000 } })
    let { refreshToken } = given(await signIn(app, { subject: 'user-1' }))
    clock.pass(99)
    refreshToken = given(await refresh(app, refreshToken)).refreshToken
    clock.pass(100)
    expect(reasonOf(await refresh(app, refreshToken))).toBe('ended')
  })

  it('end after `absolute`, however often they are refreshed', async () => {
    const { app, clock } = await stage({ refreshToken: { idle: 100, absolute: 300 } })
    let { refreshToken, refreshExpiresIn } = given(await signIn(app, { subject: 'user-1' }))
    for (const left of [100, 100, 60]) {
      clock.pass(80)
      ;({ refreshToken, refreshExpiresIn } = given(await refresh(app, refreshToken)))
      expect(refreshExpiresIn).toBe(left)
    }
    clock.pass(60)
    expect(reasonOf(await refresh(app, refreshToken))).toBe('ended')
  })

  it('end by log-out, with their token or by their subject', async () => {
    const { app } = await stage()
    const [one, two] = [given(await signIn(app, { subject: 'u' })), given(await signIn(app, { subject: 'u' }))]
    expect(await signOut(app, { refreshToken: one.refreshToken })).toEqual({ sessions: 1, revoked: false })
    expect(await signOut(app, { refreshToken: one.refreshToken })).toMatchObject({ sessions: 0 })
    expect(await signOut(app, { subject: 'somebody else', sessionId: two.sessionId })).toMatchObject({ sessions: 0 })
    expect(await signOut(app, { subject: 'u', sessionId: 'no identifier' })).toMatchObject({ sessions: 0 })
    given(await refresh(app, two.refreshToken))
    expect(await signOut(app, { subject: 'u', sessionId: two.sessionId })).toMatchObject({ sessions: 1 })
    for (const { refreshToken } of [one, two]) expect(reasonOf(await refresh(app, refreshToken))).toBe('ended')
  })

  it('end everywhere, but for the one that asks', async () => {
    const { app } = await stage()
    const mine = given(await signIn(app, { subject: 'u' }))
    for (let i = 0; i < 3; i++) await signIn(app, { subject: 'u' })
    const other = given(await signIn(app, { subject: 'other' }))
    expect(await signOutEverywhere(app, { subject: 'u', except: mine.sessionId })).toMatchObject({ sessions: 3 })
    const next = given(await refresh(app, mine.refreshToken))
    expect(await signOutEverywhere(app, { subject: 'u' })).toMatchObject({ sessions: 1 })
    expect(reasonOf(await refresh(app, next.refreshToken))).toBe('ended')
    given(await refresh(app, other.refreshToken))
  })

  it('are listed with what their user knows them by, the last used first', async () => {
    const { app, clock } = await stage()
    const phone = given(await signIn(app, { subject: 'u', label: 'Firefox\u0000on\nAndroid' }))
    clock.pass(60)
    const laptop = given(await signIn(app, { subject: 'u', label: 'L'.repeat(300) }))
    clock.pass(60)
    await refresh(app, phone.refreshToken)
    const at = clock.seconds()
    const common = { clientId: 'first-party' }
    expect(await sessions(app, 'u')).toEqual([
      {
        ...common,
        sessionId: phone.sessionId,
        label: 'Firefox on Android',
        createdAt: at - 120,
        lastUsedAt: at,
        expiresAt: at + 604_800,
      },
      {
        ...common,
        sessionId: laptop.sessionId,
        label: 'L'.repeat(200),
        createdAt: at - 60,
        lastUsedAt: at - 60,
        expiresAt: at - 60 + 604_800,
      },
    ])
  })

  it('of one subject are at most `maxSessions`; the longest unused ends', async () => {
    const revoked: { tokenId: string }[] = []
    const { app, clock } = await stage({
      maxSessions: 2,
      revoke: { token: async (token) => void revoked.push(token) },
    })
    const grants = []
    for (let i = 0; i < 3; i++) {
      grants.push(given(await signIn(app, { subject: 'u' })))
      clock.pass(1)
    }
    expect(revoked.map(({ tokenId }) => tokenId)).toEqual([claimsOf(grants[0]!)['jti']])
    expect(reasonOf(await refresh(app, grants[0]!.refreshToken))).toBe('ended')
    for (const grant of grants.slice(1)) given(await refresh(app, grant.refreshToken))
  })

  it('ask at every refresh what the account may do, and end with it', async () => {
    let standing: { scopes: string[] } | null = { scopes: ['narrow'] }
    const { app, types } = await stage({ account: async () => standing })
    const first = given(await signIn(app, { subject: 'u', scopes: ['wide'] }))
    const second = given(await refresh(app, first.refreshToken))
    expect(claimsOf(second)['scope']).toBe('narrow')
    standing = null
    expect(reasonOf(await refresh(app, second.refreshToken))).toBe('account')
    expect(given(await sessions(app, 'u'))).toEqual([])
    expect(types()).toEqual(['issuer.signed-in', 'issuer.refreshed'])
  })

  it('revoke exactly the access tokens that may still be valid', async () => {
    const revoked: { tokenId: string; expires: number }[] = []
    const { app, clock } = await stage({ revoke: { token: async (token) => void revoked.push(token) } })
    const first = given(await signIn(app, { subject: 'u' }))
    clock.pass(200)
    const second = given(await refresh(app, first.refreshToken))
    clock.pass(200)
    const third = given(await refresh(app, second.refreshToken))
    expect(await signOut(app, { refreshToken: third.refreshToken })).toEqual({ sessions: 1, revoked: true })
    expect(revoked.map(({ tokenId }) => tokenId).toSorted()).toEqual(
      [second, third].map((grant) => claimsOf(grant)['jti'] as string).toSorted(),
    )
    expect(revoked[0]).toMatchObject({ issuer: 'https://id.example.com', expires: clock.seconds() + 300 })
  })

  it('are forgotten some time after their end, and nonces after their grace', async () => {
    const { app, clock } = await stage({ store: open() })
    const { store } = { store: deskOf(app).sessions }
    const ended = given(await signIn(app, { subject: 'u' }))
    await signOut(app, { refreshToken: ended.refreshToken })
    const live = given(await signIn(app, { subject: 'u' }))
    const next = given(await refresh(app, live.refreshToken))
    clock.pass(400)
    await store.purge()
    expect(reasonOf(await refresh(app, ended.refreshToken))).toBe('ended')
    given(await refresh(app, next.refreshToken))
    // Used before, and remembered: it is reuse, not a stranger's guess.
    expect(reasonOf(await refresh(app, live.refreshToken))).toBe('reused')
  })
})

it('a client that refreshes without end does not fill the memory: a week of used tokens is remembered', async () => {
  const { app, clock } = await stageWith({ store: memoryStore(), revoke: { token: async () => void revoked++ } })
  let revoked = 0
  const first = given(await signIn(app, { subject: 'u' }))
  let { refreshToken } = first
  for (let time = 0; time < 2_500; time++) ({ refreshToken } = given(await refresh(app, refreshToken)))
  clock.pass(60)
  // Forgotten: refused as unknown, and no longer as used.
  expect(reasonOf(await refresh(app, first.refreshToken))).toBe('ended')
  const next = given(await refresh(app, refreshToken))
  await signOut(app, { refreshToken: next.refreshToken })
  expect(revoked).toBe(2_016)
})

it('the database holds neither a token nor anything that gives one', async () => {
  const { app } = await stageWith({ store: postgresStore(pool), secret })
  const first = given(await signIn(app, { subject: 'user-1' }))
  const second = given(await refresh(app, first.refreshToken))
  const { rows } = await pool.query('select * from portcullis_issuer.refresh_tokens')
  const { rows: keys } = await pool.query('select * from portcullis_issuer.keys')
  const text = JSON.stringify([rows, keys])
  for (const token of [first.refreshToken, second.refreshToken, first.accessToken, 'PRIVATE KEY'])
    expect(text).not.toContain(token)
  expect(keys).toHaveLength(2)
})
