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
  it('answers an access token for ten minutes and a cookie no script can read', async () => {
    const answer = await demo.call('POST', '/login', { json: { username: 'masum', password: 'correct-horse-7' } })
    expect(answer.status).toBe(200)
    expect(answer.json).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 600 })
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

    expect(decodeProtectedHeader(answer.json.access_token)).toEqual({ alg: 'ES256', typ: 'at+jwt' })
    const claims = decodeJwt(answer.json.access_token)
    expect(claims).toMatchObject({
      sub: '101',
      iss: 'https://id.portcullis.localhost',
      aud: 'https://api.portcullis.localhost',
    })
    expect(Number(claims['exp']) - Number(claims['iat'])).toBe(600)
  })

  it('answers a wrong password and an unknown name alike', async () => {
    const wrong = await demo.call('POST', '/login', { json: { username: 'alice', password: 'not her password' } })
    const unknown = await demo.call('POST', '/login', {
      json: { username: 'nobody_here', password: 'not her password' },
    })
    expect(wrong.status).toBe(401)
    expect(unknown.status).toBe(401)
    expect(unknown.text).toBe(wrong.text)
    expect(wrong.headers['set-cookie']).toBeUndefined()
  })
})

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

  it('ends for everybody once a cookie comes back a second time', async () => {
    const stolen = (await demo.signIn()).cookie
    const renewed = cookieOf(await refresh(stolen))
    const thief = await refresh(stolen)
    expect(thief.status).toBe(401)
    expect(String(thief.headers['set-cookie'])).toMatch(new RegExp(`^${refreshCookie}=;`))
    expect((await refresh(renewed)).status).toBe(401)
  })

  it('lets one of ten simultaneous refreshes through, at most', async () => {
    const { cookie } = await demo.signIn()
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(cookie)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(9)
  })

  it('does not touch the other sessions of the same user', async () => {
    const one = (await demo.signIn({ username: 'alice', password: 'battery-staple-9' })).cookie
    const other = (await demo.signIn({ username: 'alice', password: 'battery-staple-9' })).cookie
    await refresh(one)
    expect((await refresh(one)).status).toBe(401)
    expect((await refresh(other)).status).toBe(200)
  })

  it('ends with a logout', async () => {
    const { cookie } = await demo.signIn()
    const out = await demo.call('POST', '/logout', { headers: { cookie } })
    expect([out.status, out.text]).toEqual([204, ''])
    expect(String(out.headers['set-cookie'])).toMatch(new RegExp(`^${refreshCookie}=;`))
    expect((await refresh(cookie)).status).toBe(401)
  })

  it.each([
    ['no cookie', {}],
    ['an unknown cookie', { cookie: `${refreshCookie}=${'A'.repeat(43)}` }],
    ['a cookie of the wrong shape', { cookie: `${refreshCookie}=' OR 1=1 --` }],
    ['a cookie of another name', { cookie: `refresh=${'A'.repeat(43)}` }],
  ])('does not go on with %s', async (_what, headers) => {
    const answer = await demo.call('POST', '/refresh', { headers: headers as Record<string, string> })
    expect([answer.status, answer.json.code]).toEqual([401, 'DEMO_SESSION_ENDED'])
  })

  it('is not in the database in a form that could be used', async () => {
    const { cookie } = await demo.signIn({ username: 'alice', password: 'battery-staple-9' })
    const { default: pg } = await import('pg')
    const client = new pg.Client({ connectionString: demo.databaseUrls.admin })
    await client.connect()
    const { rows } = await client.query('select hash::text from portcullis_users.refresh_tokens')
    await client.end()
    const token = cookie.slice(cookie.indexOf('=') + 1)
    const stored = JSON.stringify(rows)
    expect(rows.length).toBeGreaterThan(0)
    expect(stored).not.toContain(token)
    expect(stored).not.toContain(Buffer.from(token).toString('hex'))
  })

  it('is cleared away at the next sign-in once it is over, and no sooner', async () => {
    const user = { username: 'cleaner', email: 'cleaner@example.com', password: 'a long enough secret' }
    await demo.call('POST', '/register', { json: user })
    const { default: pg } = await import('pg')
    const client = new pg.Client({ connectionString: demo.databaseUrls.admin })
    await client.connect()
    const add = async (ends: string): Promise<string> => {
      const { rows } = await client.query<{ id: string }>(
        `insert into portcullis_users.sessions (user_id, expires_at) values (101, now() + $1::interval) returning id`,
        [ends],
      )
      const id = rows[0]?.id as string
      await client.query(
        `insert into portcullis_users.refresh_tokens (hash, session_id) values (sha256(convert_to($1, 'UTF8')), $1::uuid)`,
        [id],
      )
      return id
    }
    const [over, live] = [await add('-1 second'), await add('1 minute')]
    const { cookie } = await demo.signIn(user)
    const left = await client.query(
      `select s.id from portcullis_users.sessions s join portcullis_users.refresh_tokens t on t.session_id = s.id
        where s.id in ($1, $2)`,
      [over, live],
    )
    await client.end()
    expect(left.rows).toEqual([{ id: live }])
    expect((await refresh(cookie)).status).toBe(200)
  })

  it('takes no body', async () => {
    const { cookie } = await demo.signIn({ username: 'alice', password: 'battery-staple-9' })
    const answer = await demo.call('POST', '/refresh', { headers: { cookie }, json: { anything: 1 } })
    expect(answer.status).toBe(413)
    expect((await refresh(cookie)).status).toBe(200)
  })
})
