import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddedDatabase, startEmbeddedDatabase } from '../src/database/embedded.ts'
import { seededUsers } from '../src/database/seed.ts'
import { type StandingDemo, standDemo } from './standing-demo.ts'
import { startRedis } from './redis-server.ts'

const [masum, alice] = seededUsers
// Each test needs limits that nobody has spent; the database may stay.
let database: EmbeddedDatabase
let demo: StandingDemo | undefined
beforeAll(async () => {
  database = await startEmbeddedDatabase()
})
afterAll(() => database?.stop())
afterEach(async () => {
  await demo?.close()
  demo = undefined
})

const stand = async (redisUrl?: string) => {
  demo = await standDemo({ databaseUrl: database.adminUrl, redisUrl })
}

const standing = (): StandingDemo => demo as StandingDemo

const attempt = (password: string, username: string = masum.username) =>
  standing().call('POST', '/login', { json: { username, password } })

describe('limits', () => {
  it('answers 429 to the sixth attempt to sign in to one account, even with the right password', async () => {
    await stand()
    for (let i = 0; i < 5; i++) expect((await attempt('not the password')).status).toBe(401)
    const sixth = await attempt(masum.password)
    expect(sixth.status).toBe(429)
    const wait = Number(sixth.headers['retry-after'])
    expect(wait).toBeGreaterThan(0)
    expect(sixth.json).toMatchObject({
      code: 'PTC_RATE_LIMIT_EXCEEDED',
      status: 429,
      retryAfter: wait,
      error: `Rate limit exceeded. Try again in ${wait} seconds.`,
    })
    // Another account is not locked with it, nor is the account at another address.
    expect((await attempt(alice.password, alice.username)).status).toBe(200)
    const elsewhere = { json: { username: masum.username, password: masum.password }, from: '127.0.0.9' }
    expect((await standing().call('POST', '/login', elsewhere)).status).toBe(200)
  })

  it('counts no sign-in that succeeds', async () => {
    await stand()
    for (let i = 0; i < 15; i++) expect((await attempt(masum.password)).status).toBe(200)
  })

  it('takes all spellings of a name for one account', async () => {
    await stand()
    const spellings = ['masum', 'MASUM', ' masum', 'ｍasum', 'mas\u00ADum']
    for (const username of spellings) expect((await attempt('not the password', username)).status).toBe(401)
    expect((await attempt(masum.password)).status).toBe(429)
  })

  it('lets five of fifty simultaneous guesses through', async () => {
    await stand()
    // The address may make twenty attempts: the account's five are spent first.
    const answers = await Promise.all(Array.from({ length: 50 }, () => attempt('not the password')))
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(45)
  })

  it('paces the export to ten a second: of fifteen at once ten go, the others wait, all are answered', async () => {
    await stand()
    const { json } = await attempt(masum.password)
    const start = performance.now()
    const answers = await Promise.all(
      Array.from({ length: 15 }, async () => {
        const { status } = await standing().call('GET', '/posts/export', { token: json.access_token })
        return { status, ms: performance.now() - start }
      }),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 15 }, () => 200))
    // The last five went 100 to 500 ms after the first: a slow machine makes it longer, never shorter.
    const waited = answers.map(({ ms }) => ms).toSorted((a, b) => a - b)
    for (let i = 1; i <= 5; i++) expect(waited[9 + i]).toBeGreaterThanOrEqual(i * 100 - 1)
    const document = (await standing().call('GET', '/openapi.json')).json
    expect(document.paths['/posts/export'].get.description).toMatch(/^Paced: 10 a second/)
  })

  it('answers 429 to an address that tries its twenty-first account', async () => {
    await stand()
    for (let i = 0; i < 20; i++) expect((await attempt('a password', `user_${i}`)).status).toBe(401)
    const next = await attempt('a password', 'user_21')
    expect([next.status, next.json.code]).toEqual([429, 'PTC_RATE_LIMIT_EXCEEDED'])
  })

  it('grants each user a hundred requests a minute', async () => {
    await stand()
    const { token } = await standing().signIn(masum)
    const other = await standing().signIn(alice)
    const statuses: number[] = []
    for (let i = 0; i < 101; i++) statuses.push((await standing().call('GET', '/users/profile', { token })).status)
    expect(statuses.slice(0, 100)).toEqual(Array(100).fill(200))
    expect(statuses[100]).toBe(429)
    expect((await standing().call('GET', '/users/profile', { token: other.token })).status).toBe(200)
  })

  it('grants each address three hundred requests a minute, signed in or not', async () => {
    await stand()
    const statuses = new Map<number, number>()
    for (let i = 0; i < 310; i++) {
      const { status } = await standing().call('GET', '/users/profile')
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    expect([...statuses]).toEqual([
      [401, 300],
      [429, 10],
    ])
  })
})

describe('limits in Redis', () => {
  const redis = startRedis()

  it('outlive the process that counted', async ({ skip }) => {
    const url = await redis.url(skip)
    await stand(url)
    expect(demo?.limits).toBe('in Redis')
    for (let i = 0; i < 5; i++) expect((await attempt('not the password')).status).toBe(401)
    await demo?.close()
    await stand(url)
    expect((await attempt(masum.password)).status).toBe(429)
  })

  it('fail the start with one sentence if Redis does not answer', async () => {
    await expect(stand('redis://127.0.0.1:1')).rejects.toThrow('Redis does not answer at REDIS_URL')
  })
})
