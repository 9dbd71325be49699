import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issueToken } from './second-issuer.ts'
import { decodeJwt } from './token-parts.ts'
import { type StandingDemo, standDemo } from './standing-demo.ts'

let demo: StandingDemo
let token: string
beforeAll(async () => {
  demo = await standDemo()
  token = (await demo.signIn()).token
})
afterAll(() => demo?.close())

describe('injection', () => {
  it.each([
    "' OR 1=1 --",
    "%' OR '1'='1",
    "'; DROP TABLE portcullis_users.users; --",
    "' UNION SELECT 1, password_hash, '' FROM users --",
    '%',
    '_',
    '\\',
  ])('takes the search %s as text', async (search) => {
    const answer = await demo.call('GET', `/users?search=${encodeURIComponent(search)}`, { token })
    expect([answer.status, answer.json]).toEqual([200, []])
  })

  it('still has its users afterwards', async () => {
    expect((await demo.call('GET', '/users', { token })).json.length).toBeGreaterThanOrEqual(2)
  })

  it.each([
    'password_hash',
    'id; DROP TABLE users',
    "(CASE WHEN (SELECT 1)=1 THEN 'id' ELSE 'email' END)",
    'id,(select 1)',
    'ID',
    '',
    'toString',
    '__proto__',
  ])('refuses to sort by %s', async (sort) => {
    expect((await demo.call('GET', `/users?sort=${encodeURIComponent(sort)}`, { token })).status).toBe(400)
  })

  it.each(['sort=id&sort=email', 'search[]=a', 'search=a&limit=1000', `search=${'a'.repeat(65)}`, 'search=%00'])(
    'refuses the query %s',
    async (query) => {
      expect((await demo.call('GET', `/users?${query}`, { token })).status).toBe(400)
    },
  )

  it.each(["1' OR '1'='1", '0', '-1', '1e3', '1.0', '99999999999'])('refuses %s as the id of a post', async (id) => {
    expect((await demo.call('GET', `/posts/${encodeURIComponent(id)}/comments`, { token })).status).toBe(400)
  })

  it.each([
    ['an object', { username: { $gt: '' }, password: { $gt: '' } }],
    ['a list', { username: ['masum'], password: ['x'] }],
    ['a prototype', '{"__proto__":{"isAdmin":true},"username":"masum","password":"x"}'],
    ['null', { username: null, password: null }],
  ])('refuses a login made of %s', async (_what, body) => {
    const ask = typeof body === 'string' ? { body, headers: { 'content-type': 'application/json' } } : { json: body }
    expect((await demo.call('POST', '/login', ask)).status).toBe(400)
  })

  it('stores markup as it was written, and answers rich text sanitised, as JSON that no browser runs', async () => {
    const json = {
      title: '<script>alert(1)</script>',
      body: '<b onclick=alert(2)>bold</b><img src=x onerror=alert(1)>',
    }
    const { status, json: post } = await demo.call('POST', '/posts', { token, json })
    const shown = { title: json.title, body: '<b>bold</b>' }
    expect([status, post]).toEqual([201, expect.objectContaining(shown)])
    const [stored] = await demo.sql('select title, body from portcullis_users.posts where id = $1', [post.id])
    expect(stored).toEqual(json)
    const own = ({ id }: { id: number }) => id === post.id
    const exported = await demo.call('GET', '/posts/export', { token })
    expect(exported.json.find(own)).toMatchObject(shown)
    const answer = await demo.call('GET', '/posts', { token })
    expect(answer.json.find(own)).toMatchObject(shown)
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(answer.headers['x-content-type-options']).toBe('nosniff')
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
  })
})

describe('money', () => {
  it('cannot be spent twice by twenty transfers at the same moment', async () => {
    const json = { username: 'racer', email: 'racer@example.com', password: 'a long enough secret' }
    expect((await demo.call('POST', '/register', { json })).status).toBe(201)
    const racer = (await demo.signIn(json)).token
    const [{ id }] = (await demo.call('GET', '/accounts', { token: racer })).json
    await demo.call('POST', '/transfer', { token, json: { amount: 1000, toAccount: id } })

    const attempts = Array.from({ length: 20 }, () =>
      demo.call('POST', '/transfer', { token: racer, json: { amount: 300, toAccount: 1002 } }),
    )
    const statuses = (await Promise.all(attempts)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(3)
    expect(statuses.filter((status) => status === 409)).toHaveLength(17)
    expect((await demo.call('GET', '/accounts', { token: racer })).json).toEqual([{ id, balance: 100 }])
  })

  it('neither appears nor vanishes when two accounts pay each other at the same moment', async () => {
    const alice = (await demo.signIn({ username: 'alice', password: 'battery-staple-9' })).token
    const balances = async () =>
      (await Promise.all([token, alice].map((who) => demo.call('GET', '/accounts', { token: who })))).map(
        (a) => a.json[0].balance,
      )
    const [masumBefore, aliceBefore] = await balances()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        i % 2 === 0
          ? demo.call('POST', '/transfer', { token, json: { amount: 7, toAccount: 1002 } })
          : demo.call('POST', '/transfer', { token: alice, json: { amount: 5, toAccount: 1001 } }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(await balances()).toEqual([masumBefore - 70 + 50, aliceBefore + 70 - 50])
  })
})

describe('strangers', () => {
  it.each(['/', '/admin', '/users/101', '/api/profile', '/openapi.yaml', '/.env', '/users/profile/', '/metrics'])(
    'learn nothing at %s: 401 for those without a token, 404 with one',
    async (path) => {
      const anonymous = await demo.call('GET', path)
      expect(anonymous.status).toBe(401)
      expect(String(anonymous.headers['www-authenticate'])).toMatch(/^Bearer/)
      const known = await demo.call('GET', path, { token })
      expect(known.status).toBe(404)
      expect(known.text).not.toContain(path === '/' ? 'Route' : path)
    },
  )

  it.each(['PUT', 'DELETE', 'PATCH'])('cannot %s the profile', async (method) => {
    expect((await demo.call(method, '/users/profile')).status).toBe(401)
    expect((await demo.call(method, '/users/profile', { token })).status).toBe(404)
  })

  it('cannot sign tokens of their own', async () => {
    const forged = await issueToken(null)
    expect(decodeJwt(forged)).toMatchObject({ sub: '101' })
    expect((await demo.call('GET', '/users/profile', { token: forged })).status).toBe(401)
  })

  it.each([
    '/users/%2e%2e/accounts',
    '/posts/..%2f..%2fapi%2faccounts/comments',
    '/posts/%00/comments',
    '/posts/%252e%252e/comments',
  ])('cannot climb out of a path: %s', async (path) => {
    expect([400, 404]).toContain((await demo.call('GET', path, { token })).status)
  })

  it('cannot speak to the services directly, not even with a good access token', async () => {
    const { userService, paymentService } = demo.addresses
    // The addresses are loopback ones; the certificates are for the names.
    for (const [address, name, path] of [
      [userService, 'user-service.local', '/api/profile'],
      [userService, 'user-service.local', '/api/login'],
      [paymentService, 'payment-service.local', '/api/accounts'],
      [paymentService, 'payment-service.local', '/nothing'],
    ] as const) {
      const at = `https://${name}:${new URL(address).port}`
      expect((await demo.call('GET', path, { at })).status).toBe(401)
      expect((await demo.call('GET', path, { at, token })).status).toBe(401)
      expect(
        (await demo.call('GET', path, { at, headers: { 'x-user-id': '101', 'x-forwarded-for': '127.0.0.1' } })).status,
      ).toBe(401)
    }
  })

  it('cannot tell the services who they are', async () => {
    const headers = {
      'x-user-id': '102',
      'x-forwarded-user': 'alice',
      forwarded: 'for=10.0.0.1',
      'x-real-ip': '10.0.0.1',
    }
    expect((await demo.call('GET', '/users/profile', { token, headers })).json.id).toBe(101)
  })

  it('get no inside names, stacks or versions with a refusal', async () => {
    const answers = [
      await demo.call('GET', '/users/profile'),
      await demo.call('GET', '/nothing', { token }),
      await demo.call('POST', '/transfer', { token, body: '{', headers: { 'content-type': 'application/json' } }),
      await demo.call('POST', '/posts', { token, body: '<x/>', headers: { 'content-type': 'application/xml' } }),
      await demo.call('POST', '/posts', {
        token,
        body: 'a'.repeat(70_000),
        headers: { 'content-type': 'application/json' },
      }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([401, 404, 400, 415, 413])
    for (const { text, headers, json } of answers) {
      expect(json).toMatchObject({ error: expect.any(String), code: expect.any(String), status: expect.any(Number) })
      expect(text + JSON.stringify(headers)).not.toMatch(
        /service\.local|127\.0\.0\.1|node_modules|fastify|postgres|portcullis_/i,
      )
    }
  })
})

describe('plaintext', () => {
  it('is answered with the way to TLS when nothing is lost yet', async () => {
    const answer = await demo.call('GET', '/openapi.json?x=1', { at: demo.addresses.plaintext })
    expect([answer.status, answer.headers['location']]).toEqual([301, `${demo.addresses.gateway}/openapi.json?x=1`])
    expect(answer.headers['strict-transport-security']).toBeUndefined()
  })

  it.each([
    ['a token', 'GET', { authorization: 'Bearer abc' }],
    ['a cookie', 'GET', { cookie: 'a=b' }],
    ['a body', 'POST', {}],
  ])('is refused with %s', async (_what, method, headers) => {
    const answer = await demo.call(method, '/users/profile', { at: demo.addresses.plaintext, headers })
    expect(answer.status).toBe(403)
  })

  it('gets no way into the TLS port', async () => {
    const port = Number(new URL(demo.addresses.gateway).port)
    const said = await new Promise<string>((resolve) => {
      let text = ''
      const socket = connectTcp(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'))
      socket
        .on('data', (part) => (text += String(part)))
        .on('close', () => resolve(text))
        .on('error', () => {})
    })
    expect(said).not.toContain('200')
  })

  it('is what TLS 1.1 counts as', async () => {
    const port = Number(new URL(demo.addresses.gateway).port)
    const failure = await new Promise<Error | null>((resolve) => {
      const socket = connectTls(
        {
          port,
          host: '127.0.0.1',
          servername: 'localhost',
          ca: demo.ca,
          minVersion: 'TLSv1',
          maxVersion: 'TLSv1.1',
          ciphers: 'DEFAULT@SECLEVEL=0',
        },
        () => {
          socket.destroy()
          resolve(null)
        },
      )
      socket.on('error', resolve)
    })
    expect(failure).toBeInstanceOf(Error)
  })

  it('ends with HSTS once TLS is spoken', async () => {
    const { headers } = await demo.call('GET', '/openapi.json')
    expect(headers['strict-transport-security']).toBe('max-age=31536000; includeSubDomains')
  })
})
