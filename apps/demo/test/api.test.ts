import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededUsers } from '../src/database/seed.ts'
import { type StandingDemo, standDemo } from './standing-demo.ts'

const [masum, alice] = seededUsers
let demo: StandingDemo
let token: string
let aliceToken: string

beforeAll(async () => {
  demo = await standDemo()
  token = (await demo.signIn(masum)).token
  aliceToken = (await demo.signIn(alice)).token
})
afterAll(() => demo?.close())

describe('users', () => {
  it('answers the profile of the caller', async () => {
    const answer = await demo.call('GET', '/users/profile', { token })
    expect(answer.status).toBe(200)
    expect(answer.json).toEqual({ id: 101, username: 'masum', email: 'masum@example.com' })
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
  })

  it('answers under the name of the API too', async () => {
    const answer = await demo.call('GET', '/users/profile', { token, at: demo.addresses.api })
    expect(answer.json).toEqual({ id: 101, username: 'masum', email: 'masum@example.com' })
  })

  it('registers a user, who can then sign in and owns an empty account', async () => {
    const json = { username: 'newcomer', email: 'New.Comer@example.com', password: 'a long enough secret' }
    const registered = await demo.call('POST', '/register', { json })
    expect(registered.status).toBe(201)
    expect(registered.json).toEqual({ id: expect.any(Number), username: 'newcomer', email: 'new.comer@example.com' })
    const { token: fresh } = await demo.signIn(json)
    expect((await demo.call('GET', '/users/profile', { token: fresh })).json).toEqual(registered.json)
    expect((await demo.call('GET', '/accounts', { token: fresh })).json).toEqual([
      { id: expect.any(Number), balance: 0 },
    ])
  })

  it.each([
    ['username', { username: 'masum', email: 'other@example.com', password: 'a long enough secret' }],
    ['email address', { username: 'somebody', email: 'MASUM@example.com', password: 'a long enough secret' }],
  ])('does not say which of the two is taken: %s', async (_what, json) => {
    const answer = await demo.call('POST', '/register', { json })
    expect([answer.status, answer.json.error]).toEqual([409, 'The username or the email address is taken.'])
  })

  it.each([
    ['a short password', { username: 'abcd', email: 'abcd@example.com', password: 'short' }],
    ['a name with capitals', { username: 'Masum', email: 'abcd@example.com', password: 'a long enough secret' }],
    ['an address without a host', { username: 'abcd', email: 'abcd@', password: 'a long enough secret' }],
    [
      'an unknown member',
      { username: 'abcd', email: 'abcd@example.com', password: 'a long enough secret', role: 'admin' },
    ],
    ['a missing member', { username: 'abcd', password: 'a long enough secret' }],
  ])('refuses to register with %s', async (_what, json) => {
    const answer = await demo.call('POST', '/register', { json })
    expect(answer.status).toBe(400)
    expect(answer.json).toMatchObject({ error: expect.any(String), status: 400 })
  })

  it('lists users by search and in the order asked for', async () => {
    const found = await demo.call('GET', '/users?search=EXAMPLE.com&sort=username', { token })
    const names = found.json.map((user: { username: string }) => user.username)
    expect(names).toContain('masum')
    expect(names).toEqual([...names].sort())
    expect((await demo.call('GET', '/users?search=alice', { token })).json).toEqual([
      { id: 102, username: 'alice', email: 'alice@example.com' },
    ])
  })
})

describe('posts', () => {
  it('lists the seeded posts, newest first', async () => {
    const { json } = await demo.call('GET', '/posts', { token })
    const seeded = json.filter((post: { id: number }) => post.id <= 3)
    expect(seeded.map((post: { id: number }) => post.id)).toEqual([3, 2, 1])
    expect(seeded[0]).toEqual({
      id: 3,
      author: 'masum',
      title: 'Prices',
      body: expect.any(String),
      createdAt: expect.any(String),
    })
  })

  it('exports every post, oldest first', async () => {
    const { status, json, headers } = await demo.call('GET', '/posts/export', { token })
    expect([status, headers['content-type']]).toEqual([200, 'application/json'])
    const ids = json.map((post: { id: number }) => post.id)
    expect(ids.slice(0, 3)).toEqual([1, 2, 3])
    expect(Object.keys(json[0])).toEqual(['id', 'author', 'title', 'body', 'createdAt'])
  })

  it('takes a post and comments on it', async () => {
    const post = await demo.call('POST', '/posts', { token, json: { title: 'A title', body: 'A body' } })
    expect(post.status).toBe(201)
    expect(post.json).toMatchObject({ author: 'masum', title: 'A title', body: 'A body' })
    const path = `/posts/${post.json.id}/comments`
    const comment = await demo.call('POST', path, { token: aliceToken, json: { comment: 'Well said' } })
    expect(comment.status).toBe(201)
    expect((await demo.call('GET', path, { token })).json).toEqual([comment.json])
    expect(comment.json).toMatchObject({ author: 'alice', comment: 'Well said' })
  })

  it.each([
    ['GET', undefined],
    ['POST', { comment: 'Is anybody here?' }],
  ])('answers 404 to %s for comments of a post that does not exist', async (method, json) => {
    const answer = await demo.call(method, '/posts/999999999/comments', { token, json })
    expect([answer.status, answer.json.code]).toEqual([404, 'DEMO_POST_UNKNOWN'])
  })
})

describe('payments', () => {
  it('shows only the account of the caller', async () => {
    const { json } = await demo.call('GET', '/accounts', { token: aliceToken })
    expect(json).toEqual([{ id: 1002, balance: 50_000 }])
  })

  it('moves cents from the account of the caller', async () => {
    const done = await demo.call('POST', '/transfer', { token, json: { amount: 125, toAccount: 1002 } })
    expect(done.status).toBe(200)
    expect(done.json).toEqual({
      id: expect.any(Number),
      fromAccount: 1001,
      toAccount: 1002,
      amount: 125,
      balance: 99_875,
    })
    expect((await demo.call('GET', '/accounts', { token: aliceToken })).json).toEqual([{ id: 1002, balance: 50_125 }])
  })

  it.each([
    ['more than there is', { amount: 10_000_000, toAccount: 1002 }, 409, 'DEMO_FUNDS_INSUFFICIENT'],
    ['to nobody', { amount: 1, toAccount: 999_999 }, 404, 'DEMO_ACCOUNT_UNKNOWN'],
    ['to itself', { amount: 1, toAccount: 1001 }, 422, 'DEMO_ACCOUNT_SAME'],
    ['nothing', { amount: 0, toAccount: 1002 }, 400, expect.any(String)],
    ['less than nothing', { amount: -5, toAccount: 1002 }, 400, expect.any(String)],
    ['half a cent', { amount: 0.5, toAccount: 1002 }, 400, expect.any(String)],
    ['text', { amount: '5', toAccount: 1002 }, 400, expect.any(String)],
    ["from somebody else's account", { amount: 5, toAccount: 1001, fromAccount: 1002 }, 400, expect.any(String)],
  ])('refuses to transfer %s', async (_what, json, status, code) => {
    const answer = await demo.call('POST', '/transfer', { token, json })
    expect([answer.status, answer.json.code]).toEqual([status, code])
  })
})

describe('a new password', () => {
  it.each([
    ['what everybody tries first', 'passwordpassword'],
    ['one part over and over', 'abcabcabcabcabcabc'],
    ['the name of its user', 'chooser-chooser-1'],
    ['the name of this place', 'portcullis-2026'],
  ])('is not %s', async (_what, password) => {
    const json = { username: 'chooser', email: 'chooser@example.com', password }
    const answer = await demo.call('POST', '/register', { json })
    expect([answer.status, answer.json.code]).toEqual([422, 'PTC_ISSUER_PASSWORD_REFUSED'])
    expect(answer.text).not.toContain(password)
  })
})
