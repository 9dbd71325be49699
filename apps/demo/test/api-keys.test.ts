import { createApiKey } from '@portcullis/auth'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startEmbeddedDatabase } from '../src/database/embedded.ts'
import { seededUsers } from '../src/database/seed.ts'
import { keyScopes } from '../src/tokens.ts'
import { type StandingDemo, standDemo } from './standing-demo.ts'

const [masum, alice] = seededUsers
let demo: StandingDemo
let token: string
let aliceToken: string
const lines: string[] = []
beforeAll(async () => {
  demo = await standDemo({ logLevel: 'trace', logStream: { write: (line) => void lines.push(line) } })
  token = (await demo.signIn(masum)).token
  aliceToken = (await demo.signIn(alice)).token
})
afterAll(() => demo?.close())

const make = (json: object = {}, by = token) =>
  demo.call('POST', '/api-keys', {
    token: by,
    json: { name: 'a key', scopes: ['profile:read'], days: 30, ...json },
  })
const use = (key: string, path = '/users/profile', method = 'GET') =>
  demo.call(method, path, { headers: { 'x-api-key': key } })
const remove = (id: string, by = token) => demo.call('DELETE', `/api-keys/${id}`, { token: by })

describe('an API key', () => {
  it('is shown once, and then known by its name alone', async () => {
    const made = await make({ name: 'shown' })
    expect(made.status).toBe(201)
    expect(made.headers['cache-control']).toContain('no-store')
    const { key, ...entry } = made.json
    expect(key).toMatch(/^demo_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/)
    const listed = await demo.call('GET', '/api-keys', { token })
    expect(listed.json).toContainEqual(entry)
    expect(listed.text).not.toContain(key)
    expect((await use(key)).json).toMatchObject({ id: 101, username: 'masum' })

    const stored = await demo.sql('select * from portcullis_users.api_keys')
    const secret = key.split('_')[2] as string
    expect(JSON.stringify(stored)).not.toContain(secret)
    expect(lines.filter((line) => line.includes(secret))).toEqual([])
  })

  it('may do what it was given, and nothing that moves money or rules over sessions and keys', async () => {
    const { key } = (await make({ scopes: ['posts:read'] })).json
    expect((await use(key, '/posts')).status).toBe(200)
    const denied = await use(key)
    expect([denied.status, denied.json.code]).toEqual([403, 'PTC_AUTH_SCOPE_INSUFFICIENT'])
    const all = (await make({ scopes: keyScopes })).json.key
    expect((await use(all)).status).toBe(200)
    for (const [method, path] of [
      ['POST', '/transfer'],
      ['GET', '/sessions'],
      ['POST', '/logout/everywhere'],
      ['GET', '/api-keys'],
      ['POST', '/api-keys'],
      ['POST', '/step-up'],
    ] as const)
      expect([path, (await use(all, path, method)).status]).toEqual([path, 401])
  })

  it.each([
    [{ scopes: ['transfers:write'] }],
    [{ scopes: ['keys:manage'] }],
    [{ scopes: ['keys:find'] }],
    [{ scopes: [] }],
    [{ scopes: ['posts:read', 'posts:read'] }],
    [{ days: 0 }],
    [{ days: 366 }],
    [{ days: '30' }],
    [{ name: '' }],
    [{ owner: 102 }],
  ])('is not made with %j', async (json) => {
    expect((await make(json)).status).toBe(400)
  })

  it('is of no use once it is withdrawn or has expired', async () => {
    const withdrawn = (await make()).json
    const expired = (await make()).json
    expect([(await use(withdrawn.key)).status, (await use(expired.key)).status]).toEqual([200, 200])
    expect((await remove(withdrawn.id)).status).toBe(204)
    expect((await remove(withdrawn.id)).status).toBe(404)
    await demo.sql(`update portcullis_users.api_keys set expires_at = now() - interval '1 second' where id = $1`, [
      expired.id,
    ])
    // The gateway remembers for five seconds.
    for (const { key } of [withdrawn, expired])
      await expect.poll(async () => (await use(key)).status, { timeout: 8000, interval: 200 }).toBe(401)
    const listed = (await demo.call('GET', '/api-keys', { token })).json.map(({ id }: { id: string }) => id)
    expect(listed).not.toContain(expired.id)
  })

  it('is nobody else’s to see or to withdraw', async () => {
    const { id, key } = (await make()).json
    expect((await remove(id, aliceToken)).status).toBe(404)
    expect((await demo.call('GET', '/api-keys', { token: aliceToken })).json).toEqual([])
    expect((await use(key)).status).toBe(200)
  })

  it('cannot be invented, nor found past the gateway', async () => {
    const { key } = (await make()).json
    const own = createApiKey({ prefix: 'demo', subject: '101', id: key.split('_')[1] }).key
    for (const wrong of [own, `${key}x`, key.slice(0, -1), key.toUpperCase(), 'demo', ''])
      expect([wrong, (await use(wrong)).status]).toEqual([wrong, 401])
    expect((await demo.call('GET', `/users/profile?x-api-key=${key}`)).status).not.toBe(200)
    const path = `/private/api-keys/${key.split('_')[1]}`
    expect((await demo.call('GET', path, { token })).status).toBe(404)
    const at = `https://user-service.local:${new URL(demo.addresses.userService).port}`
    expect((await demo.call('GET', path, { at, token })).status).toBe(401)
    expect((await demo.call('GET', path, { at, headers: { 'x-api-key': key } })).status).toBe(401)
  })

  it('is listed with its last use, which the gateway tells once a minute and when it ends', async () => {
    const database = await startEmbeddedDatabase()
    try {
      const first = await standDemo({ databaseUrl: database.adminUrl })
      const by = (await first.signIn(masum)).token
      const json = { name: 'used', scopes: ['profile:read'], days: 1 }
      const { key, lastUsedAt } = (await first.call('POST', '/api-keys', { token: by, json })).json
      expect(lastUsedAt).toBeNull()
      expect((await first.call('GET', '/users/profile', { headers: { 'x-api-key': key } })).status).toBe(200)
      await first.close()

      const second = await standDemo({ databaseUrl: database.adminUrl })
      const listed = await second.call('GET', '/api-keys', { token: (await second.signIn(masum)).token })
      expect(listed.json).toMatchObject([{ name: 'used', lastUsedAt: expect.stringMatching(/^\d{4}-.*Z$/) }])
      await second.close()
    } finally {
      await database.stop()
    }
  })

  it('is one of twenty at most', async () => {
    const statuses: number[] = []
    for (let i = 0; i < 21; i++) statuses.push((await make({}, aliceToken)).status)
    expect(statuses).toEqual([...Array<number>(20).fill(201), 409])
  })

  it('is one of twenty at most, whoever makes eight more at the same moment', async () => {
    const json = { username: 'hoarder', email: 'hoarder@example.com', password: 'a long enough secret' }
    await demo.call('POST', '/register', { json })
    const by = (await demo.signIn(json)).token
    for (let i = 0; i < 19; i++) await make({}, by)
    // Each insert takes so long that all the others count before it is over.
    await demo.sql(`create function public.slowly() returns trigger language plpgsql
      as 'begin perform pg_catalog.pg_sleep(0.2); return new; end'`)
    await demo.sql(`create trigger slowly before insert on portcullis_users.api_keys
      for each row execute function public.slowly()`)
    try {
      const statuses = (await Promise.all(Array.from({ length: 8 }, () => make({}, by)))).map(({ status }) => status)
      expect(statuses.toSorted()).toEqual([201, ...Array<number>(7).fill(409)])
    } finally {
      await demo.sql('drop trigger slowly on portcullis_users.api_keys')
    }
  })
})
