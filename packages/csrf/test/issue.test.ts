import { randomBytes } from 'node:crypto'
import cookies from '@fastify/cookie'
import sessions from '@fastify/session'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import csrf, { clearToken, csrfToken, rotateToken, sendToken, type CsrfOptions } from '../src/index.ts'

const opened: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()))
})

async function open(options: Partial<CsrfOptions> = {}): Promise<FastifyInstance> {
  const app = Fastify()
  opened.push(app)
  await app.register(csrf, {
    origins: ['https://app.example.com'],
    secrets: [randomBytes(32)],
    token: 'always',
    ...options,
  })
  app.get('/csrf-token', sendToken)
  app.post('/', async () => 'moved')
  return app
}

/** The cookies of a browser after this answer. */
function jarOf(answer: LightMyRequestResponse, before = ''): string {
  const jar = new Map(before === '' ? [] : before.split('; ').map((pair) => pair.split('=') as [string, string]))
  for (const { name, value, maxAge } of answer.cookies) {
    if (maxAge === 0) jar.delete(name)
    else jar.set(name, value)
  }
  return [...jar].map((pair) => pair.join('=')).join('; ')
}

const statusOf = async (app: FastifyInstance, cookie: string, token: unknown): Promise<number> =>
  (await app.inject({ method: 'POST', url: '/', headers: { cookie, 'x-csrf-token': String(token) } })).statusCode

describe('several tokens of one answer', () => {
  it('are all good: the page of two forms sets one cookie', async () => {
    const app = await open()
    app.get('/page', (request, reply) => void reply.send([csrfToken(request, reply), csrfToken(request, reply)]))
    const page = await app.inject('/page')
    expect(page.cookies).toHaveLength(1)
    for (const token of page.json<string[]>()) expect(await statusOf(app, jarOf(page), token)).toBe(200)
  })

  it.each<[string, string | undefined]>([
    ['its own cookie', undefined],
    ['a session', 'session-7'],
  ])('at login belong to %s that begins', async (_name, session) => {
    const app = await open(session === undefined ? {} : { session: '__Host-session' })
    app.get('/login', (request, reply) => {
      if (session !== undefined) reply.header('set-cookie', `__Host-session=${session}; Path=/; Secure; HttpOnly`)
      reply.send([rotateToken(request, reply, session), csrfToken(request, reply)])
    })
    const before = jarOf(await app.inject('/csrf-token'))
    const login = await app.inject({ url: '/login', headers: { cookie: before } })
    for (const token of login.json<string[]>()) expect(await statusOf(app, jarOf(login, before), token)).toBe(200)
  })

  it('at log-out belong to nothing that ends: the page shows the form of the login again', async () => {
    const app = await open({ session: '__Host-session' })
    app.get('/logout', (request, reply) => {
      clearToken(request, reply)
      reply.header('set-cookie', '__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly')
      reply.send([csrfToken(request, reply), csrfToken(request, reply)])
    })
    const before = '__Host-session=session-7; __Host-csrf=old'
    const logout = await app.inject({ url: '/logout', headers: { cookie: before } })
    const after = jarOf(logout, before)
    expect(after).toMatch(/^__Host-csrf=[\w-]{43}$/)
    for (const token of logout.json<string[]>()) {
      expect(await statusOf(app, after, token)).toBe(200)
      expect(await statusOf(app, before, token)).toBe(403)
    }
  })
})

describe('a session', () => {
  it('that is there twice is none, and what was bound before it is void', async () => {
    const app = await open({ session: '__Host-session' })
    const early = await app.inject('/csrf-token')
    const { csrf_token: token } = early.json<{ csrf_token: string }>()
    expect(await statusOf(app, jarOf(early), token)).toBe(200)
    const twice = `${jarOf(early)}; __Host-session=a; __Host-session=b`
    expect(await statusOf(app, twice, token)).toBe(403)
    const bought = await app.inject({ url: '/csrf-token', headers: { cookie: twice } })
    expect(await statusOf(app, jarOf(bought, twice), bought.json().csrf_token)).toBe(403)
  })

  it.each([7, true, { id: 'session-7' }, Promise.resolve('session-7')])(
    'that a function calls %j binds no token to the cookie instead',
    async (value) => {
      const app = await open({ session: (() => value) as never })
      const answer = await app.inject('/csrf-token')
      expect([answer.statusCode, answer.cookies]).toEqual([500, []])
      expect(await statusOf(app, '__Host-csrf=a', 'x')).toBe(500)
    },
  )

  it.each([null, undefined, ''])('that a function calls %j is none yet', async (value) => {
    const app = await open({ session: (() => value) as never })
    const answer = await app.inject('/csrf-token')
    expect(await statusOf(app, jarOf(answer), answer.json().csrf_token)).toBe(200)
  })
})

it('follows a session of @fastify/session from before the login to after the log-out', async () => {
  const app = Fastify()
  opened.push(app)
  await app.register(cookies)
  await app.register(sessions, {
    secret: randomBytes(32).toString('hex'),
    cookieName: '__Host-id',
    cookie: { secure: false },
    saveUninitialized: false,
  })
  await app.register(csrf, {
    origins: ['https://app.example.com'],
    secrets: [randomBytes(32)],
    token: 'always',
    session: ({ session }) => (session.get('user' as never) === undefined ? null : session.sessionId),
  })
  app.get('/csrf-token', sendToken)
  app.post('/login', async (request, reply) => {
    await request.session.regenerate()
    request.session.set('user' as never, 'user-101' as never)
    return { csrf_token: rotateToken(request, reply, request.session.sessionId) }
  })
  app.post('/logout', async (request, reply) => {
    await request.session.destroy()
    clearToken(request, reply)
    return { csrf_token: csrfToken(request, reply) }
  })
  app.post('/', async () => 'moved')
  const post = (url: string, cookie: string, token: string) =>
    app.inject({ method: 'POST', url, headers: { cookie, 'x-csrf-token': token } })
  const tokenOf = (answer: LightMyRequestResponse) => answer.json<{ csrf_token: string }>().csrf_token

  const before = await app.inject('/csrf-token')
  const anonymous = jarOf(before)
  const login = await post('/login', anonymous, tokenOf(before))
  const signedIn = jarOf(login, anonymous)
  expect(signedIn).toContain('__Host-id=')
  expect(await statusOf(app, signedIn, tokenOf(login))).toBe(200)
  expect(await statusOf(app, signedIn, tokenOf(before))).toBe(403)
  const again = await app.inject({ url: '/csrf-token', headers: { cookie: signedIn } })
  expect(await statusOf(app, signedIn, tokenOf(again))).toBe(200)
  const logout = await post('/logout', signedIn, tokenOf(again))
  const after = jarOf(logout, signedIn)
  expect(await statusOf(app, after, tokenOf(logout))).toBe(200)
  for (const old of [before, login, again]) expect(await statusOf(app, after, tokenOf(old))).toBe(403)
})
