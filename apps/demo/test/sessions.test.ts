import { decodeJwt, decodeProtectedHeader } from './token-parts.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refreshCookie } from '../src/user-service/refresh-cookie.ts'
import { cookieOf, type StandingDemo, standDemo } from './standing-demo.ts'

let demo: StandingDemo
beforeAll(async () => {
  demo = await standDemo()
})
afterAll(() => demo?.close())

const refresh = (cookie: string) => demo.call('POST', '/refresh', { headers: { cookie } })

describe('signing in', () => {
  it('answers an access token for five minutes and a cookie no script can read', async () => {
    const answer = await demo.call('POST', '/login', { json: { username: 'masum', password: 'correct-horse-7' } })
    expect(answer.status).toBe(200)
    expect(answer.json).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 300 })
    expect(answer.headers['cache-control']).toContain('no-store')
    const [pair, ...attributes] = String(answer.headers['set-cookie']).split('; ')
    expect(pair).toMatch(new RegExp(`^${refreshCookie}=[\\w-]{43}$`))
    expect(attributes.sort()).toEqual([
      'HttpOnly',
      expect.stringMatching(/^Max-Age=\d+$/),
      'Path=/',
      'SameSite=Strict',
      'Secure',
    ])

    expect(decodeProtectedHeader(answer.json.access_token)).toEqual({
      alg: 'ES256',
      typ: 'at+jwt',
      kid: expect.stringMatching(/^[\w-]{43}$/),
    })
    const claims = decodeJwt(answer.json.access_token)
    expect(claims).toMatchObject({
      sub: '101',
      iss: 'https://id.portcullis.localhost',
      aud: 'https://api.portcullis.localhost',
    })
    expect(Number(claims['exp']) - Number(claims['iat'])).toBe(300)
  })

  it('answers a wrong password and an unknown name alike, in every field', async () => {
    const told = async (username: string) => {
      const { status, headers, text } = await demo.call('POST', '/login', {
        json: { username, password: 'not the password' },
        from: '127.0.3.1',
      })
      const { date: _date, 'x-request-id': _id, ...fields } = headers
      return { status, fields: JSON.stringify(fields).replaceAll(/r=\d+|"\d+"/g, ''), text }
    }
    const wrong = await told('alice')
    expect(wrong.status).toBe(401)
    expect(wrong.fields).not.toContain('set-cookie')
    expect(await told('nobody_here')).toEqual(wrong)
    expect(await told("' OR 1=1 --")).toEqual(wrong)
  })

  it('ends the session that the browser had before', async () => {
    const { cookie } = await demo.signIn()
    await demo.signIn(undefined, { headers: { cookie } })
    expect((await refresh(cookie)).status).toBe(401)
  })
})

/** Lets the grace of used refresh tokens pass. */
const later = () => demo.sql(`update portcullis_issuer.refresh_tokens set used_at = used_at - interval '11 seconds'`)

describe('a session', () => {
  it('goes on with a new token and a new cookie', async () => {
    const { cookie } = await demo.signIn()
    const answer = await refresh(cookie)
    expect(answer.status).toBe(200)
    expect(cookieOf(answer)).not.toBe(cookie)
    const profile = await demo.call('GET', '/users/profile', { token: answer.json.access_token })
    expect(profile.json.username).toBe('masum')
    expect((await refresh(cookieOf(answer))).status).toBe(200)
  })

  it('ends for everybody once a cookie comes back, and its access tokens with it', async () => {
    const stolen = (await demo.signIn()).cookie
    const renewed = await refresh(stolen)
    await later()
    const thief = await refresh(stolen)
    expect(thief.status).toBe(401)
    expect(String(thief.headers['set-cookie'])).toMatch(new RegExp(`^${refreshCookie}=;`))
    expect((await refresh(cookieOf(renewed))).status).toBe(401)
    const profile = await demo.call('GET', '/users/profile', { token: renewed.json.access_token })
    expect([profile.status, profile.json.code]).toEqual([401, 'PTC_AUTH_CREDENTIAL_INVALID'])
  })

  it('goes on with one successor when ten tabs refresh at once', async () => {
    const { cookie } = await demo.signIn()
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(cookie)))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect(new Set(answers.map(cookieOf)).size).toBe(1)
    expect(new Set(answers.map(({ json }) => decodeJwt(json.access_token)['jti'])).size).toBe(1)
  })

  it('does not touch the other sessions of the same user', async () => {
    const one = (await demo.signIn({ username: 'alice', password: 'battery-staple-9' })).cookie
    const other = (await demo.signIn({ username: 'alice', password: 'battery-staple-9' })).cookie
    await refresh(one)
    await later()
    expect((await refresh(one)).status).toBe(401)
    expect((await refresh(other)).status).toBe(200)
  })

  it('ends with a logout, and its access token with it', async () => {
    const { cookie, token } = await demo.signIn()
    const out = await demo.call('POST', '/logout', { headers: { cookie } })
    expect([out.status, out.text]).toEqual([204, ''])
    expect(String(out.headers['set-cookie'])).toMatch(new RegExp(`^${refreshCookie}=;`))
    expect((await refresh(cookie)).status).toBe(401)
    expect((await demo.call('GET', '/users/profile', { token })).status).toBe(401)
  })

  it('ends with its user', async () => {
    const user = { username: 'leaver', email: 'leaver@example.com', password: 'a long enough secret' }
    await demo.call('POST', '/register', { json: user })
    const { cookie } = await demo.signIn(user)
    await demo.sql(`delete from portcullis_users.users where username = 'leaver'`)
    expect((await refresh(cookie)).status).toBe(401)
  })

  it('lets nobody write who is gone, for as long as the access token lasts', async () => {
    const user = { username: 'ghost', email: 'ghost@example.com', password: 'a long enough secret' }
    await demo.call('POST', '/register', { json: user })
    const { token } = await demo.signIn(user)
    await demo.sql(`delete from portcullis_users.users where username = 'ghost'`)
    for (const [path, json] of [
      ['/posts', { title: 'a', body: 'b' }],
      ['/posts/1/comments', { comment: 'a' }],
      ['/api-keys', { name: 'a', scopes: ['posts:read'], days: 1 }],
    ] as const) {
      const answer = await demo.call('POST', path, { token, json })
      expect([path, answer.status, answer.json.code]).toEqual([path, 404, 'DEMO_USER_UNKNOWN'])
    }
  })

  it.each([
    ['no cookie', {}],
    ['an unknown cookie', { cookie: `${refreshCookie}=${'A'.repeat(43)}` }],
    ['a cookie of the wrong shape', { cookie: `${refreshCookie}=' OR 1=1 --` }],
    ['a cookie of another name', { cookie: `refresh=${'A'.repeat(43)}` }],
  ])('does not go on with %s', async (_what, headers) => {
    const answer = await demo.call('POST', '/refresh', { headers: headers as Record<string, string> })
    expect([answer.status, answer.json.code]).toEqual([401, 'PTC_ISSUER_SESSION_ENDED'])
  })

  it('is not in the database in a form that could be used', async () => {
    const { cookie } = await demo.signIn({ username: 'alice', password: 'battery-staple-9' })
    const rows = [
      ...(await demo.sql('select * from portcullis_issuer.refresh_tokens')),
      ...(await demo.sql('select * from portcullis_issuer.sessions')),
      ...(await demo.sql('select * from portcullis_issuer.keys')),
    ]
    const token = cookie.slice(cookie.indexOf('=') + 1)
    const stored = JSON.stringify(rows)
    expect(rows.length).toBeGreaterThan(3)
    expect(stored).not.toContain(token)
    expect(stored).not.toContain(Buffer.from(token).toString('hex'))
    expect(stored).not.toContain('PRIVATE KEY')
  })

  it('takes no body', async () => {
    const { cookie } = await demo.signIn({ username: 'alice', password: 'battery-staple-9' })
    const answer = await demo.call('POST', '/refresh', { headers: { cookie }, json: { anything: 1 } })
    expect([answer.status, answer.json.code]).toEqual([400, 'PTC_GATEWAY_REQUEST_INVALID'])
    expect((await refresh(cookie)).status).toBe(200)
  })
})
