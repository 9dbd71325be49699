import { randomBytes } from 'node:crypto'
import cookies from '@fastify/cookie'
import formbody from '@fastify/formbody'
import multipart from '@fastify/multipart'
import sessions from '@fastify/session'
import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { app as example } from '../example.ts'
import csrf, { clearToken, csrfToken, rotateToken, sendToken, type CsrfOptions } from '../src/index.ts'

const OURS = 'https://app.example.com'
const EVIL = 'https://evil.example'
const secrets = [randomBytes(32)]

const opened: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()))
})

function open(): FastifyInstance {
  const app = Fastify()
  opened.push(app)
  return app
}

const closed = {
  type: 'object',
  additionalProperties: false,
  required: ['amount'],
  properties: { amount: { type: 'string' } },
}

async function bank(options: Partial<CsrfOptions> = {}): Promise<FastifyInstance> {
  const app = open()
  await app.register(formbody)
  await app.register(csrf, { origins: [OURS], secrets, ...options })
  app.get('/csrf-token', sendToken)
  app.post('/transfers', { schema: { body: closed } }, async ({ body }) => body)
  app.post('/always', { config: { security: { csrf: { token: 'always' } } } }, async () => 'moved')
  app.post('/json', { config: { security: { csrf: { jsonOnly: true } } } }, async () => 'moved')
  app.post('/off', { config: { security: { csrf: false } } }, async () => 'moved')
  app.post('/partner', { config: { security: { csrf: { origins: [EVIL] } } } }, async () => 'moved')
  return app
}

const pairOf = (answer: LightMyRequestResponse): string => String(answer.headers['set-cookie']).split(';')[0] as string

/** A token and the cookie it belongs to, as a page gets them. */
async function tokenFrom(app: FastifyInstance, cookie?: string): Promise<{ token: string; cookie: string }> {
  const headers = cookie === undefined ? {} : { cookie }
  const answer = await app.inject({ url: '/csrf-token', headers })
  return { token: answer.json<{ csrf_token: string }>().csrf_token, cookie: cookie ?? pairOf(answer) }
}

async function boots(routes: NonNullable<CsrfOptions['routes']>): Promise<void> {
  const app = open()
  await app.register(csrf, { origins: [OURS], routes })
  app.post('/callback', async () => 'moved')
  await app.ready()
}

describe('a request of a foreign page', () => {
  const attack = { method: 'POST', url: '/transfers', headers: { cookie: 'a=1', origin: EVIL } } as const

  it('gets a problem, and the event says why', async () => {
    const app = await bank()
    const seen: SecurityEvent[] = []
    onSecurityEvent(app, (event) => void seen.push(event))
    const answer = await app.inject({ ...attack, payload: { amount: '5000' } })
    expect([answer.statusCode, answer.json()]).toEqual([
      403,
      {
        error: 'This request comes from another site.',
        code: 'PTC_CSRF_CROSS_SITE',
        status: 403,
        title: 'Forbidden',
      },
    ])
    expect(answer.body).not.toContain('evil')
    expect(seen).toMatchObject([{ type: 'csrf.rejected', outcome: 'denied', detail: { reason: 'origin' } }])
  })

  it('goes on under reportOnly, and is told once', async () => {
    const app = await bank({ reportOnly: true })
    const seen: string[] = []
    onSecurityEvent(app, ({ type, outcome, detail }) => seen.push(`${type} ${outcome} ${String(detail['reason'])}`))
    expect((await app.inject({ ...attack, payload: { amount: '5000' } })).statusCode).toBe(200)
    expect((await app.inject({ method: 'POST', url: '/always' })).body).toBe('moved')
    expect(seen).toEqual(['csrf.rejected observed origin', 'csrf.rejected observed token-missing'])
  })

  it.each([
    ['/off', 200],
    ['/partner', 200],
    ['/json', 403],
    ['/no-such-url', 403],
  ])('gets at %s the status that the route asks for', async (url, status) => {
    const app = await bank()
    expect((await app.inject({ ...attack, url, payload: {} })).statusCode).toBe(status)
  })

  it('gets at routes of other plugins what their prefix says', async () => {
    const app = open()
    const routes = [
      { prefix: '/hooks', policy: false as const },
      { prefix: '/callback', policy: { origins: [EVIL] } },
    ]
    await app.register(csrf, { origins: [OURS], routes })
    for (const url of ['/hooks/a', '/callback', '/other']) app.post(url, async () => 'moved')
    const statuses = ['/hooks/a', '/callback', '/other'].map(async (url) => app.inject({ ...attack, url, payload: {} }))
    expect((await Promise.all(statuses)).map(({ statusCode }) => statusCode)).toEqual([200, 200, 403])
    await expect(boots([{ prefix: '/callback', policy: { origins: ['http://a.example'] } }])).rejects.toMatchObject({
      code: 'PTC_OPTIONS_INVALID',
    })
  })

  it('is refused before its body is read', async () => {
    const app = await bank()
    const answer = await app.inject({
      ...attack,
      headers: { ...attack.headers, 'content-type': 'application/json' },
      payload: '{not json',
    })
    expect(answer.statusCode).toBe(403)
  })
})

describe('a token', () => {
  it('is handed out with a cookie that only this host sets, and never cached', async () => {
    const app = await bank()
    const answer = await app.inject('/csrf-token')
    expect(answer.json()).toEqual({ csrf_token: expect.stringMatching(/^[A-Za-z0-9_-]{86}$/) })
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(answer.headers['set-cookie']).toMatch(
      /^__Host-csrf=[A-Za-z0-9_-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
    )
    const again = await app.inject({ url: '/csrf-token', headers: { cookie: pairOf(answer) } })
    expect(again.headers['set-cookie']).toBeUndefined()
    expect(again.json()).not.toEqual(answer.json())
  })

  it('takes the name and SameSite that the options give its cookie', async () => {
    const app = await bank({ cookie: { name: '__Host-form', sameSite: 'Lax' } })
    expect((await app.inject('/csrf-token')).headers['set-cookie']).toMatch(/^__Host-form=.*; SameSite=Lax$/)
  })

  it.each<[string, (token: string) => { headers?: Record<string, string>; payload: string | object }]>([
    ['a header field', (token) => ({ headers: { 'x-csrf-token': token }, payload: { amount: '1' } })],
    ['a member of JSON', (token) => ({ payload: { amount: '1', csrf_token: token } })],
    [
      'a field of a form',
      (token) => ({
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: `amount=1&csrf_token=${token}`,
      }),
    ],
  ])('is taken from %s, and a closed schema never sees it', async (_name, carry) => {
    const app = await bank()
    const { token, cookie } = await tokenFrom(app)
    const { headers, payload } = carry(token)
    const answer = await app.inject({ method: 'POST', url: '/transfers', headers: { cookie, ...headers }, payload })
    expect([answer.statusCode, answer.json()]).toEqual([200, { amount: '1' }])
  })

  it.each([{ attachFieldsToBody: true }, { attachFieldsToBody: 'keyValues' }] as const)(
    'is taken from multipart with %j',
    async (options) => {
      const app = open()
      await app.register(multipart, options)
      await app.register(csrf, { origins: [OURS], secrets })
      app.get('/csrf-token', sendToken)
      app.post('/upload', async ({ body }) => Object.keys(body as object))
      const { token, cookie } = await tokenFrom(app)
      const form = new FormData()
      form.set('amount', '1')
      const send = async () => {
        const { headers, body } = new Request('https://x', { method: 'POST', body: form })
        const type = headers.get('content-type') as string
        const payload = Buffer.from(await new Response(body).arrayBuffer())
        return app.inject({ method: 'POST', url: '/upload', headers: { cookie, 'content-type': type }, payload })
      }
      expect((await send()).json()).toMatchObject({ code: 'PTC_CSRF_TOKEN_REQUIRED' })
      form.set('csrf_token', token)
      expect((await send()).json()).toEqual(['amount'])
      form.set('csrf_token', `${token.startsWith('A') ? 'B' : 'A'}${token.slice(1)}`)
      expect((await send()).json()).toMatchObject({ code: 'PTC_CSRF_TOKEN_INVALID' })
    },
  )

  it('is asked of whoever says nothing of where it comes from, in these words', async () => {
    const app = await bank()
    const { cookie } = await tokenFrom(app)
    const post = (more: object) =>
      app.inject({ method: 'POST', url: '/transfers', headers: { cookie, ...more }, payload: { amount: '1' } })
    expect((await post({})).json()).toMatchObject({ code: 'PTC_CSRF_TOKEN_REQUIRED', status: 403 })
    expect((await post({ 'x-csrf-token': 'x' })).json()).toMatchObject({ code: 'PTC_CSRF_TOKEN_INVALID', status: 403 })
    expect((await post({ 'sec-fetch-site': 'same-origin' })).statusCode).toBe(200)
    expect((await post({ origin: OURS })).statusCode).toBe(200)
  })

  it('is taken off a body that needed none', async () => {
    const app = await bank()
    const headers = { cookie: 'a=1', origin: OURS }
    const payload = { amount: '1', csrf_token: 'whatever' }
    expect((await app.inject({ method: 'POST', url: '/transfers', headers, payload })).json()).toEqual({ amount: '1' })
  })

  it('outlives the change of keys for as long as the old key is in the ring', async () => {
    const old = await bank()
    const { token, cookie } = await tokenFrom(old)
    const statusAt = async (app: FastifyInstance) =>
      (await app.inject({ method: 'POST', url: '/always', headers: { cookie, 'x-csrf-token': token } })).statusCode
    const next = randomBytes(32)
    expect(await statusAt(await bank({ secrets: [next, ...secrets] }))).toBe(200)
    expect(await statusAt(await bank({ secrets: [next] }))).toBe(403)
  })

  it('is not made where no room has keys', async () => {
    const bare = open()
    await bare.register(csrf, { origins: [OURS] })
    bare.register(async (inner) => void inner.get('/csrf-token', sendToken))
    await expect(bare.ready()).rejects.toMatchObject({
      code: 'PTC_CSRF_SECRETS_MISSING',
      message: expect.stringContaining('GET /csrf-token'),
    })
    const without = open()
    without.get('/csrf-token', sendToken)
    expect((await without.inject('/csrf-token')).statusCode).toBe(500)
    const errors: unknown[] = []
    const told = open()
    told.get('/', async (request, reply) => {
      try {
        return csrfToken(request, reply)
      } catch (error) {
        return void errors.push(error)
      }
    })
    await told.inject('/')
    expect(errors).toMatchObject([{ code: 'PTC_CSRF_SECRETS_MISSING' }])
  })

  it('is of the nearest registration around a route', async () => {
    const app = await bank()
    app.register(async (inner) => {
      await inner.register(csrf, { origins: [EVIL], secrets: [randomBytes(32)], cookie: { name: '__Host-inner' } })
      inner.get('/inner/csrf-token', sendToken)
      inner.post('/inner', { config: { security: { csrf: { token: 'always' } } } }, async () => 'moved')
    })
    const given = await app.inject('/inner/csrf-token')
    expect(pairOf(given)).toContain('__Host-inner=')
    const headers = { cookie: pairOf(given), 'x-csrf-token': given.json().csrf_token }
    expect((await app.inject({ method: 'POST', url: '/inner', headers })).body).toBe('moved')
    expect((await app.inject({ method: 'POST', url: '/always', headers })).statusCode).toBe(403)
  })
})

describe('login and log-out', () => {
  async function withSession(session: CsrfOptions['session']): Promise<FastifyInstance> {
    const app = await bank(session === undefined ? {} : { session })
    app.post('/login', (request, reply) => {
      reply.header('set-cookie', '__Host-session=session-7; Path=/; Secure; HttpOnly; SameSite=Strict')
      const token = session === undefined ? rotateToken(request, reply) : rotateToken(request, reply, 'session-7')
      reply.send({ csrf_token: token })
    })
    app.post('/logout', (request, reply) => {
      clearToken(request, reply)
      reply.send({})
    })
    return app
  }
  const statusOf = async (app: FastifyInstance, cookie: string, token: string) =>
    (await app.inject({ method: 'POST', url: '/always', headers: { cookie, 'x-csrf-token': token } })).statusCode

  it.each<[string, CsrfOptions['session']]>([
    ['the cookie of the session', '__Host-session'],
    ['what a function says', ({ headers }) => /__Host-session=([^;]+)/.exec(headers.cookie ?? '')?.[1] ?? null],
    ['its own cookie alone', undefined],
  ])('change a token that is bound to %s', async (_name, session) => {
    const app = await withSession(session)
    const before = await tokenFrom(app)
    expect(await statusOf(app, before.cookie, before.token)).toBe(200)
    const login = await app.inject({ method: 'POST', url: '/login' })
    const cookie = (login.headers['set-cookie'] as unknown as string[]).map((one) => one.split(';')[0]).join('; ')
    const token = login.json<{ csrf_token: string }>().csrf_token
    expect(await statusOf(app, cookie, token)).toBe(200)
    expect(await statusOf(app, cookie, before.token)).toBe(403)
    expect(await statusOf(app, before.cookie, token)).toBe(403)
    const after = await tokenFrom(app, cookie)
    expect(await statusOf(app, cookie, after.token)).toBe(200)
    const logout = await app.inject({ method: 'POST', url: '/logout' })
    expect(logout.headers['set-cookie']).toBe('__Host-csrf=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict')
  })
})

it('binds tokens to a session of @fastify/session', async () => {
  const app = open()
  await app.register(cookies)
  await app.register(sessions, { secret: randomBytes(32).toString('hex'), cookie: { secure: false } })
  await app.register(csrf, { origins: [OURS], secrets, session: ({ session }) => session.sessionId, token: 'always' })
  app.get('/csrf-token', (request, reply) => {
    request.session.set('seen' as never, true as never)
    sendToken(request, reply)
  })
  app.post('/', async () => 'moved')
  const [one, other] = [await tokenFrom(app), await tokenFrom(app)]
  const post = ({ cookie }: { cookie: string }, { token }: { token: string }) =>
    app.inject({ method: 'POST', url: '/', headers: { cookie, 'x-csrf-token': token } })
  expect((await post(one, one)).body).toBe('moved')
  expect((await post(other, one)).statusCode).toBe(403)
})

it('closes the door where the session cannot be told', async () => {
  const app = await bank({ session: (async () => 'session-7') as never, token: 'always' })
  const answer = await app.inject({ method: 'POST', url: '/always', headers: { cookie: 'a=1', 'x-csrf-token': 'x' } })
  expect(answer.statusCode).toBe(500)
})

describe('a careless cookie', () => {
  it('is told of once, whoever sets it', async () => {
    const app = open()
    await app.register(cookies)
    await app.register(csrf, { origins: [OURS] })
    const seen: SecurityEvent[] = []
    onSecurityEvent(app, (event) => void seen.push(event))
    app.get('/', (_request, reply) => void reply.setCookie('connect.sid', '1', { httpOnly: true }).send('x'))
    app.get('/raw', (_request, reply) => {
      reply.hijack()
      reply.raw.setHeader('set-cookie', ['jwt=1', 'theme=dark'])
      reply.raw.end('x')
    })
    app.get('/good', (_request, reply) => {
      reply.header('set-cookie', '__Host-session=1; Path=/; Secure; HttpOnly; SameSite=Lax').send('x')
    })
    for (const url of ['/', '/', '/raw', '/raw', '/good']) await app.inject(url)
    expect(seen.map(({ type, detail }) => [type, detail])).toEqual([
      ['csrf.cookie-exposed', { cookie: 'connect.sid', missing: ['Secure', '__Host-'] }],
      ['csrf.cookie-exposed', { cookie: 'jwt', missing: ['Secure', 'HttpOnly', 'SameSite', '__Host-'] }],
    ])
  })
})

it('has an example that boots and protects', async () => {
  opened.push(example)
  const { token, cookie } = await tokenFrom(example)
  const login = (more: object) => example.inject({ method: 'POST', url: '/login', headers: { cookie, ...more } })
  expect((await login({})).statusCode).toBe(403)
  expect((await login({ 'x-csrf-token': token, origin: EVIL })).statusCode).toBe(403)
  const signedIn = await login({ 'x-csrf-token': token, origin: OURS })
  const session = (signedIn.headers['set-cookie'] as unknown as string[]).map((one) => one.split(';')[0]).join('; ')
  const transfer = (headers: object, payload: string | object = { amount: '1' }) =>
    example.inject({ method: 'POST', url: '/transfers', headers: { cookie: session, ...headers }, payload })
  expect((await transfer({ 'x-csrf-token': signedIn.json().csrf_token })).json()).toEqual({ status: 'COMPLETED' })
  expect((await transfer({ 'x-csrf-token': token })).statusCode).toBe(403)
  expect((await transfer({ origin: OURS, 'content-type': 'text/plain' }, '{}')).json()).toMatchObject({ status: 415 })
  const logout = { method: 'POST', url: '/logout', headers: { cookie: session, origin: OURS } } as const
  expect((await example.inject(logout)).json()).toEqual({ signedOut: true })
})
