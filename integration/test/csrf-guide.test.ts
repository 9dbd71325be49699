import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import auth, { createSession, type SessionEntry } from '@portcullis/auth'
import csrf from '@portcullis/csrf'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import { afterAll, expect, it } from 'vitest'

const folder = join(import.meta.dirname, '../dist/csrf-guide')
const opened: FastifyInstance[] = []
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await Promise.all(opened.map((app) => app.close()))
})

interface Guide {
  readonly app: FastifyInstance
  readonly sessions: Map<string, SessionEntry>
  readonly told: string[]
}

/** The TypeScript blocks of the guide, pasted one behind the other. */
async function pasted(): Promise<Guide> {
  const text = readFileSync(join(import.meta.dirname, '../../docs/guides/cross-site-request-forgery.md'), 'utf8')
  const code = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = '']) => block).join('\n')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'pasted.ts')
  writeFileSync(file, `${code}\nexport { app, sessions, told }\n`)
  const guide = (await import(/* @vite-ignore */ file)) as Guide
  opened.push(guide.app)
  return guide
}

const OURS = { origin: 'https://bank.example', 'sec-fetch-site': 'same-origin' }
const cookieOf = (answer: LightMyRequestResponse): string =>
  String(answer.headers['set-cookie']).split(';')[0] as string

it('the guide "Cross-site request forgery" runs when pasted, and holds what it says', async () => {
  const { app, sessions, told } = await pasted()
  const tokenOf = async (cookie?: string) =>
    app.inject({ url: '/csrf-token', headers: cookie === undefined ? {} : { cookie } })
  const post = (url: string, headers: Record<string, string>, payload: string | object = {}) =>
    app.inject({ method: 'POST', url, headers, payload })

  const early = await tokenOf()
  const token = early.json<{ csrf_token: string }>().csrf_token
  const before = { cookie: cookieOf(early), 'x-csrf-token': token }
  // A forged login: neither the attacker's page nor a page without the token signs anybody in.
  expect((await post('/login', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' })).statusCode).toBe(
    403,
  )
  expect((await post('/login', OURS)).statusCode).toBe(403)
  const login = await post('/login', { ...OURS, ...before })
  expect(login.json()).toEqual({ signedIn: true })

  const cookie = `${cookieOf(login)}; ${cookieOf(early)}`
  const fresh = (await tokenOf(cookie)).json<{ csrf_token: string }>().csrf_token
  expect((await post('/transfers', { ...OURS, cookie, 'x-csrf-token': fresh })).json()).toEqual({ status: 'COMPLETED' })
  // The token from before the login, the form of the textbook, a sibling, a body that a form can send.
  expect((await post('/transfers', { ...OURS, cookie, 'x-csrf-token': token })).statusCode).toBe(403)
  const urlencoded = { 'content-type': 'application/x-www-form-urlencoded' }
  const form = 'amount=5000&toAccount=666'
  expect((await post('/transfers', { cookie, ...urlencoded, origin: 'https://evil.example' }, form)).statusCode).toBe(
    415,
  )
  const sibling = { origin: 'https://evil.bank.example', 'sec-fetch-site': 'same-site' }
  expect((await post('/transfers', { cookie, ...sibling, 'x-csrf-token': fresh })).statusCode).toBe(403)
  expect(told).toEqual(
    ['origin', 'token-missing', 'token-invalid', 'media-type', 'origin'].map((one) => `refused: ${one}`),
  )

  // Who signed in too long ago proves it again.
  for (const [hash, entry] of sessions) sessions.set(hash, { ...entry, authenticatedAt: 1 })
  const late = await post('/transfers', { ...OURS, cookie, 'x-csrf-token': fresh })
  expect(late.json()).toMatchObject({ code: 'PTC_AUTH_STEP_UP_REQUIRED' })

  const logout = await post('/logout', { ...OURS, cookie })
  expect(logout.json()).toEqual({ signedOut: true })
  expect(logout.headers['set-cookie']).toEqual([
    expect.stringMatching(/^__Host-csrf=; Max-Age=0;/),
    expect.stringMatching(/^__Host-session=; Max-Age=0;/),
  ])
})

it('a session of auth boots with csrf alone, and not where csrf is switched off', async () => {
  const find = (): null => null
  for (const registered of [[], [{ origins: ['https://bank.example'], enabled: false }]]) {
    const app = Fastify()
    opened.push(app)
    for (const options of registered) await app.register(csrf, options)
    await app.register(auth, { session: { find } })
    await expect(app.ready()).rejects.toMatchObject({ code: 'PTC_ROOM_MISSING' })
  }
})

it.each<[string, object, boolean]>([
  ['nothing', {}, true],
  ['another cookie', { session: '__Host-other' }, true],
  ['its cookie', { session: '__Host-session' }, false],
  ['what a function says', { session: () => null }, false],
])('tokens that are bound to %s beside a session of auth are warned of: %j, %s', async (_name, options, warned) => {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'warn', stream: { write: (line: string) => void lines.push(line) } } })
  opened.push(app)
  await app.register(csrf, { origins: ['https://bank.example'], secrets: ['0123456789abcdef'.repeat(4)], ...options })
  await app.register(auth, { session: { find: () => null } })
  app.get('/open', { config: { security: { auth: false } } }, async () => 'open')
  app.post('/', { config: { security: { auth: {} } } }, async () => 'closed')
  await app.ready()
  const told = lines.filter((line) => line.includes("write session: '__Host-session'"))
  expect(told).toHaveLength(warned ? 1 : 0)
})

it('a session of auth is guarded by csrf, whichever was registered first, and refused before it is looked up', async () => {
  const { hash, setCookie } = createSession()
  const cookie = setCookie.split(';')[0] as string
  for (const first of ['csrf', 'auth']) {
    const asked: string[] = []
    const find = (of: string): SessionEntry | null => {
      asked.push(of)
      return of === hash ? { subject: 'user-101', expires: 4_000_000_000 } : null
    }
    const app = Fastify()
    opened.push(app)
    const rooms = {
      csrf: () => app.register(csrf, { origins: ['https://bank.example'] }),
      auth: () => app.register(auth, { session: { find } }),
    }
    await rooms[first as 'csrf']()
    await rooms[first === 'csrf' ? 'auth' : 'csrf']()
    app.post('/', { config: { security: { auth: {} } } }, async ({ security }) => security.identity?.subject)
    const post = (headers: object) => app.inject({ method: 'POST', url: '/', headers: { cookie, ...headers } })
    expect((await post({ origin: 'https://evil.example' })).json()).toMatchObject({ code: 'PTC_CSRF_CROSS_SITE' })
    expect(asked).toEqual([])
    expect((await post(OURS)).body).toBe('user-101')
    expect((await post({})).json()).toMatchObject({ code: 'PTC_CSRF_TOKEN_REQUIRED' })
  }
})
