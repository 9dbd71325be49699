import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededUsers } from '../src/database/seed.ts'
import { refreshCookie } from '../src/user-service/refresh-cookie.ts'
import { startRedis } from './redis-server.ts'
import { type StandingDemo, standDemo } from './standing-demo.ts'
import { decodeJwt } from './token-parts.ts'

const [masum, alice] = seededUsers
let demo: StandingDemo
beforeAll(async () => {
  demo = await standDemo()
})
afterAll(() => demo?.close())

const list = async (token: string) => (await demo.call('GET', '/sessions', { token })).json
const isSignedIn = async (token: string) => (await demo.call('GET', '/users/profile', { token })).status === 200
const isGoingOn = async (cookie: string) =>
  (await demo.call('POST', '/refresh', { headers: { cookie } })).status === 200

describe('the list of sessions', () => {
  it('holds those of the caller alone, by what the browser calls itself, and tells which one asks', async () => {
    const here = await demo.signIn(masum, { headers: { 'user-agent': 'Reader/1.0 (X11)' } })
    await demo.signIn(alice)
    const found = await list(here.token)
    expect(found[0]).toEqual({
      id: decodeJwt(here.token)['sid'],
      label: 'Reader/1.0 (X11)',
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      lastUsedAt: expect.any(String),
      expiresAt: expect.any(String),
      current: true,
    })
    expect(found).toHaveLength(1)
  })

  it('ends one of them, with its access token, and leaves the others', async () => {
    const [here, there] = [await demo.signIn(masum), await demo.signIn(masum)]
    const path = `/sessions/${String(decodeJwt(there.token)['sid'])}`
    expect((await demo.call('DELETE', path, { token: here.token })).status).toBe(204)
    expect([await isSignedIn(there.token), await isGoingOn(there.cookie)]).toEqual([false, false])
    expect([await isSignedIn(here.token), await isGoingOn(here.cookie)]).toEqual([true, true])
    expect((await demo.call('DELETE', path, { token: here.token })).status).toBe(404)
  })

  it('ends nobody else’s', async () => {
    const [mine, hers] = [await demo.signIn(masum), await demo.signIn(alice)]
    const path = `/sessions/${String(decodeJwt(hers.token)['sid'])}`
    const answer = await demo.call('DELETE', path, { token: mine.token })
    expect([answer.status, answer.json.code]).toEqual([404, 'DEMO_SESSION_UNKNOWN'])
    expect([await isSignedIn(hers.token), await isGoingOn(hers.cookie)]).toEqual([true, true])
  })

  it.each(["' or 1=1", 'ffffffff', 'FFFFFFFF-0000-4000-8000-000000000000'])('has no session %s', async (id) => {
    const { token } = await demo.signIn(masum)
    expect((await demo.call('DELETE', `/sessions/${encodeURIComponent(id)}`, { token })).status).toBe(400)
  })

  it('grows to twenty; then the longest unused ends', async () => {
    const json = { username: 'traveller', email: 'traveller@example.com', password: 'a long enough secret' }
    await demo.call('POST', '/register', { json })
    const first = await demo.signIn(json)
    let token = first.token
    for (let i = 0; i < 20; i++) ({ token } = await demo.signIn(json, { from: `127.6.0.${i + 1}` }))
    expect(await list(token)).toHaveLength(20)
    expect(await isGoingOn(first.cookie)).toBe(false)
  })
})

describe('signing out everywhere', () => {
  it('ends every session and every access token of the user, at once, and nobody else’s', async () => {
    const [one, other, hers] = [await demo.signIn(masum), await demo.signIn(masum), await demo.signIn(alice)]
    const out = await demo.call('POST', '/logout/everywhere', { token: one.token })
    expect([out.status, out.text]).toEqual([204, ''])
    expect(String(out.headers['set-cookie'])).toMatch(new RegExp(`^${refreshCookie}=;`))
    for (const { token, cookie } of [one, other])
      expect([await isSignedIn(token), await isGoingOn(cookie)]).toEqual([false, false])
    expect([await isSignedIn(hers.token), await isGoingOn(hers.cookie)]).toEqual([true, true])
    // It counts for what is issued until the second in which it happened is over.
    await expect.poll(async () => isSignedIn((await demo.signIn(masum)).token), { timeout: 10_000 }).toBe(true)
  })

  it('is open to a user whose quota a thief of his token spends', async () => {
    const json = { username: 'robbed', email: 'robbed@example.com', password: 'a long enough secret' }
    await demo.call('POST', '/register', { json })
    const { token } = await demo.signIn(json)
    const ask = () => demo.call('GET', '/users/profile', { token, from: '127.6.1.1' })
    await Promise.all(Array.from({ length: 100 }, ask))
    expect((await ask()).status).toBe(429)
    expect((await demo.call('POST', '/logout/everywhere', { token })).status).toBe(204)
    expect((await ask()).status).toBe(401)
  })

  it('needs an access token: a cookie alone, which browsers send by themselves, ends nothing', async () => {
    const { token, cookie } = await demo.signIn(alice)
    expect((await demo.call('POST', '/logout/everywhere', { headers: { cookie } })).status).toBe(401)
    expect(await isSignedIn(token)).toBe(true)
  })
})

describe('two processes of the demo', () => {
  const redis = startRedis()

  it('take each other’s tokens, and refuse them once one was told to', async ({ skip }) => {
    const redisUrl = await redis.url(skip)
    const databaseUrl = demo.databaseUrls.admin
    const [one, other] = (await Promise.all([1, 2].map(() => standDemo({ databaseUrl, redisUrl })))) as [
      StandingDemo,
      StandingDemo,
    ]
    try {
      const [{ token }, later] = [await one.signIn(masum), await other.signIn(masum)]
      const ask = (at: StandingDemo, by: string) => at.call('GET', '/users/profile', { token: by })
      expect((await ask(other, token)).status).toBe(200)
      expect((await ask(one, later.token)).status).toBe(200)
      await one.call('POST', '/logout/everywhere', { token })
      const both = async () => [(await ask(other, token)).status, (await ask(other, later.token)).status]
      await expect.poll(both, { timeout: 10_000, interval: 20 }).toEqual([401, 401])
    } finally {
      await one.close()
      await other.close()
    }
  })
})
