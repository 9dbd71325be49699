import { afterAll, beforeAll, expect, it } from 'vitest'
import { seededUsers } from '../src/database/seed.ts'
import { cookieOf, type StandingDemo, standDemo } from './standing-demo.ts'

const [masum] = seededUsers
let demo: StandingDemo
beforeAll(async () => {
  demo = await standDemo()
})
afterAll(() => demo?.close())

const lock = (at: 'now()' | 'null') =>
  demo.sql(`update portcullis_users.users set locked_at = ${at} where id = $1`, [masum.id])
const login = (username: string, password: string) => demo.call('POST', '/login', { json: { username, password } })

it('a locked account is answered as if the name were nobody’s, and everything that it had opened is closed', async () => {
  const { token, cookie } = await demo.signIn(masum)
  const made = await demo.call('POST', '/api-keys', { token, json: { name: 'a', scopes: ['profile:read'], days: 1 } })
  const useKey = () => demo.call('GET', '/users/profile', { headers: { 'x-api-key': made.json.key } })
  // Before anybody asks with the key: what was answered would be remembered for five seconds.
  await lock('now()')

  const [locked, unknown] = [await login(masum.username, masum.password), await login('nobody', masum.password)]
  expect([locked.status, locked.json.code]).toEqual([401, 'PTC_ISSUER_SIGN_IN_REFUSED'])
  expect(locked.text).toBe(unknown.text)
  expect(Object.keys(locked.headers).toSorted()).toEqual(Object.keys(unknown.headers).toSorted())

  expect((await useKey()).json.code).toBe('PTC_AUTH_CREDENTIAL_INVALID')
  const stepUp = await demo.call('POST', '/step-up', { token, json: { password: masum.password } })
  expect(stepUp.json.code).toBe('PTC_ISSUER_SIGN_IN_REFUSED')
  const refreshed = await demo.call('POST', '/refresh', { headers: { cookie } })
  expect([refreshed.status, refreshed.json.code]).toEqual([401, 'PTC_ISSUER_SESSION_ENDED'])
  // The access token went with its session.
  expect((await demo.call('GET', '/users/profile', { token })).status).toBe(401)

  await lock('null')
  const back = await login(masum.username, masum.password)
  expect([back.status, cookieOf(back)]).toEqual([200, expect.stringContaining('__Host-portcullis-refresh=')])
})

it('no service may lock an account, or open it again', async () => {
  const [row] = await demo.sql(
    `select has_column_privilege('portcullis_user_service', 'portcullis_users.users', 'locked_at', 'update') as may`,
  )
  expect(row).toEqual({ may: false })
})
