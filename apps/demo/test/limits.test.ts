import { afterEach, describe, expect, it } from 'vitest'
import { seededUsers } from '../src/database/seed.ts'
import { type StandingDemo, standDemo } from './standing-demo.ts'
import { startRedis } from './redis-server.ts'

const [masum, alice] = seededUsers
let demo: StandingDemo | undefined
afterEach(async () => {
  await demo?.close()
  demo = undefined
})

const attempt = (password: string, username: string = masum.username) =>
  (demo as StandingDemo).call('POST', '/login', { json: { username, password } })

describe('limits', () => {
  it('answers 429 to the sixth attempt to sign in to one account, even with the right password', async () => {
    demo = await standDemo()
    for (let i = 0; i < 5; i++) expect((await attempt('not the password')).status).toBe(401)
    const sixth = await attempt(masum.password)
    expect(sixth.status).toBe(429)
    const wait = Number(sixth.headers['retry-after'])
    expect(wait).toBeGreaterThan(0)
    expect(sixth.json).toMatchObject({ status: 429, retryAfter: wait, error: `Rate limit exceeded. Try again in ${wait} seconds.` })
    // Another account is not locked with it.
    expect((await attempt(alice.password, alice.username)).status).toBe(200)
  })

  it('lets five of fifty simultaneous guesses through', async () => {
    demo = await standDemo()
    // The address may make twenty attempts: the account's five are spent first.
    const answers = await Promise.all(Array.from({ length: 50 }, () => attempt('not the password')))
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(45)
  })

  it('answers 429 to an address that tries its twenty-first account', async () => {
    demo = await standDemo()
    for (let i = 0; i < 20; i++) expect((await attempt('a password', `user_${i}`)).status).toBe(401)
    const next = await attempt('a password', 'user_21')
    expect([next.status, next.json.code]).toEqual([429, 'PTC_RATE_LIMIT_EXCEEDED'])
  })

  it('grants each user a hundred requests a minute', async () => {
    demo = await standDemo()
    const { token } = await demo.signIn(masum)
    const other = await demo.signIn(alice)
    const statuses: number[] = []
    for (let i = 0; i < 101; i++) statuses.push((await demo.call('GET', '/users/profile', { token })).status)
    expect(statuses.slice(0, 100)).toEqual(Array(100).fill(200))
    expect(statuses[100]).toBe(429)
    expect((await demo.call('GET', '/users/profile', { token: other.token })).status).toBe(200)
  })

  it('grants each address three hundred requests a minute, signed in or not', async () => {
    demo = await standDemo()
    const statuses = new Map<number, number>()
    for (let i = 0; i < 310; i++) {
      const { status } = await demo.call('GET', '/users/profile')
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
    demo = await standDemo({ redisUrl: url })
    expect(demo.limits).toBe('in Redis')
    for (let i = 0; i < 5; i++) expect((await attempt('not the password')).status).toBe(401)
    await demo.close()
    demo = await standDemo({ redisUrl: url })
    expect((await attempt(masum.password)).status).toBe(429)
  })

  it('fail the start with one sentence if Redis does not answer', async () => {
    await expect(standDemo({ redisUrl: 'redis://127.0.0.1:1' })).rejects.toThrow('Redis does not answer at REDIS_URL')
  })
})
