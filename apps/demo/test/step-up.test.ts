import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededUsers } from '../src/database/seed.ts'
import { type StandingDemo, standDemo, cookieOf } from './standing-demo.ts'

const [masum, alice] = seededUsers
let demo: StandingDemo
beforeAll(async () => {
  demo = await standDemo()
})
afterAll(() => demo?.close())

/** Signs in, and lets an hour pass: the session goes on, with tokens that say when the password was given. */
async function signedInAnHourAgo(user: typeof masum | typeof alice): Promise<{ token: string; cookie: string }> {
  const { cookie } = await demo.signIn(user)
  await demo.sql(`update portcullis_issuer.sessions set auth_time = auth_time - interval '1 hour' where subject = $1`, [
    String(user.id),
  ])
  const answer = await demo.call('POST', '/refresh', { headers: { cookie } })
  return { token: answer.json.access_token, cookie: cookieOf(answer) }
}

const stepUp = (token: string, password: string) => demo.call('POST', '/step-up', { token, json: { password } })
const transfer = (token: string) => demo.call('POST', '/transfer', { token, json: { amount: 1, toAccount: 1002 } })

describe('a transfer', () => {
  it('asks for the password again when that was long ago, and goes on once it is given', async () => {
    const { token, cookie } = await signedInAnHourAgo(masum)
    expect((await demo.call('GET', '/accounts', { token })).status).toBe(200)
    const asked = await transfer(token)
    expect([asked.status, asked.json.code]).toEqual([401, 'PTC_AUTH_STEP_UP_REQUIRED'])
    // RFC 9470 §3.
    expect(asked.headers['www-authenticate']).toMatch(
      /^Bearer .*error="insufficient_user_authentication".*max_age="300"/,
    )
    const given = await stepUp(token, masum.password)
    expect([given.status, given.json.token_type, given.headers['set-cookie']]).toEqual([200, 'Bearer', undefined])
    expect((await transfer(given.json.access_token)).status).toBe(200)

    // Whoever stole the refresh cookie has gained nothing.
    const refreshed = await demo.call('POST', '/refresh', { headers: { cookie } })
    expect((await transfer(refreshed.json.access_token)).json.code).toBe('PTC_AUTH_STEP_UP_REQUIRED')
  })

  it('is not the only thing: so does an API key that is to be made', async () => {
    const { token } = await signedInAnHourAgo(masum)
    const make = (by: string) =>
      demo.call('POST', '/api-keys', { token: by, json: { name: 'a', scopes: ['posts:read'], days: 1 } })
    expect((await make(token)).json.code).toBe('PTC_AUTH_STEP_UP_REQUIRED')
    expect((await make((await stepUp(token, masum.password)).json.access_token)).status).toBe(201)
  })

  it('asks for the password of the caller, of nobody else, and for a session that goes on', async () => {
    const { token, cookie } = await signedInAnHourAgo(masum)
    const wrong = await stepUp(token, alice.password)
    expect([wrong.status, wrong.json.code]).toEqual([401, 'PTC_ISSUER_SIGN_IN_REFUSED'])
    await demo.call('POST', '/logout', { headers: { cookie } })
    expect((await stepUp(token, masum.password)).status).toBe(401)
  })

  it('lets nobody with a stolen access token guess the password', async () => {
    const { token } = await signedInAnHourAgo(alice)
    const statuses: number[] = []
    for (let i = 0; i < 6; i++) statuses.push((await stepUp(token, `a guess, number ${i}`)).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
    expect((await stepUp(token, alice.password)).status).toBe(429)
  })
})
