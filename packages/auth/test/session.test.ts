import fc from 'fast-check'
import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it, vi } from 'vitest'
import auth, {
  type AuthOptions,
  clearSession,
  createSession,
  type FindSession,
  type SessionEntry,
} from '../src/index.ts'
import { cookieOf } from '../src/clients/session.ts'
import { jwt } from './apps.ts'
import { token } from './forge.ts'
import { csrf } from './neighbours.ts'

async function withSessions(options: AuthOptions): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(csrf)
  await app.register(auth, options)
  app.get('/any', { config: { security: { auth: {} } } }, async ({ security }) => security.identity)
  const tokens = { config: { security: { auth: { anyOf: ['jwt' as const] } } } }
  if (options.jwt !== undefined) app.get('/jwt', tokens, async ({ security }) => security.identity?.scheme)
  await app.ready()
  return app
}

const { hash, setCookie } = createSession()
const cookie = setCookie.split(';')[0] as string
const entry: SessionEntry = { subject: 'user-101', expires: 4_000_000_000, id: 'session-7', authenticatedAt: 1_000 }
const find: FindSession = async (asked) => (asked === hash ? entry : null)
const get = (app: FastifyInstance, headers: Record<string, string>, url = '/any') => app.inject({ url, headers })

describe('a session', () => {
  it('boots with no registration that lacks a csrf room', async () => {
    const app = Fastify()
    await app.register(auth, { session: { find } })
    await expect(app.ready()).rejects.toMatchObject({
      code: 'PTC_ROOM_MISSING',
      message: expect.stringContaining(
        '@portcullis/auth needs @portcullis/csrf in the same scope or around it; register it',
      ),
    })
  })

  it('is made with a cookie that scripts, other hosts and plain http do not see', () => {
    expect(setCookie).toMatch(/^__Host-session=[A-Za-z0-9_-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/)
    expect(createSession({ cookie: '__Host-s', maxAge: 60, sameSite: 'Lax' }).setCookie).toMatch(
      /^__Host-s=[A-Za-z0-9_-]{43}; Max-Age=60; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    )
    expect(clearSession()).toBe('__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict')
    expect(setCookie).not.toContain(hash)
  })

  it('admits its owner', async () => {
    const app = await withSessions({ session: { find } })
    expect((await get(app, { cookie: `a=b; ${cookie}; c=d` })).json()).toEqual({
      subject: 'user-101',
      scheme: 'session',
      scopes: [],
      authenticatedAt: 1_000,
      credentialId: 'session-7',
      claims: {},
    })
    const refused = await get(app, { cookie: 'a=b' })
    expect([refused.statusCode, refused.headers['www-authenticate']]).toEqual([
      401,
      'Cookie realm="api", cookie-name="__Host-session"',
    ])
  })

  it('that was ended is over with the next request', async () => {
    let stored: SessionEntry | null = entry
    const app = await withSessions({ session: { find: async () => stored } })
    expect((await get(app, { cookie })).statusCode).toBe(200)
    stored = null
    expect((await get(app, { cookie })).statusCode).toBe(401)
  })

  it.each<[string, string]>([
    ['twice', `${cookie}; ${cookie}`],
    ['twice, once empty', `__Host-session=; ${cookie}`],
    ['in quotes', cookie.replace(/=(.*)/, '="$1"')],
    ['under a name in other letters', cookie.replace('__Host-', '__host-')],
    ['with something behind it', `${cookie}x`],
    ['without value', '__Host-session='],
    ['as a planted sub-domain cookie', cookie.replace('__Host-', '')],
    // Browsers do not hold these names to the rules of `__Host-`, so any host of the site may set them for all others.
    ['behind a space that is no blank', `\u00A0${cookie}`],
    ['behind a byte order mark', `\uFEFF${cookie}`],
    ['behind a vertical tab', `\v${cookie}`],
    ['with a space behind its name', cookie.replace('=', '\u00A0=')],
  ])('is refused %s', async (_name, given) => {
    const asked = vi.fn(find)
    const app = await withSessions({ session: { find: asked } })
    expect((await get(app, { cookie: given })).statusCode).toBe(401)
    expect(asked).not.toHaveBeenCalled()
  })

  it('that is over is refused, and says nothing of tokens', async () => {
    const app = await withSessions({ session: { find: () => ({ ...entry, expires: 1_000 }) } })
    expect((await get(app, { cookie })).json()).toMatchObject({ code: 'PTC_AUTH_CREDENTIAL_INVALID' })
  })

  it.each<[string, unknown]>([
    ['without an end', { subject: 'a' }],
    ['with an end in milliseconds', { subject: 'a', expires: 1_893_456_000_000 }],
    ['with a sign-in in milliseconds', { ...entry, authenticatedAt: 1_893_456_000_000 }],
    ['with an end in words', { subject: 'a', expires: '2030' }],
    ['without a subject', { expires: 4_000_000_000 }],
    ['that is a result', { rows: [entry] }],
    ['that is true', true],
  ])('%s is no answer: 503', async (_name, value) => {
    const app = await withSessions({ session: { find: () => value as never } })
    expect((await get(app, { cookie })).statusCode).toBe(503)
  })

  it('beside an Authorization field is refused where the route admits both, and passed over where it does not', async () => {
    const app = await withSessions({ jwt, session: { find } })
    const both = { cookie, authorization: `Bearer ${token()}` }
    expect((await get(app, both)).json()).toMatchObject({ status: 400, code: 'PTC_AUTH_CREDENTIALS_AMBIGUOUS' })
    expect((await get(app, both, '/jwt')).body).toBe('jwt')
    expect((await get(app, { cookie }, '/jwt')).statusCode).toBe(401)
  })
})

describe('a Cookie field', () => {
  it('of any text is read without an error, and yields only what stands behind the name', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        const found = cookieOf({ cookie: text }, 'a')
        return found === null || found === '' || text.includes(`=${found}`)
      }),
    )
  })
})
