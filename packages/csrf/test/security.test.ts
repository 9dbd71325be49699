import { createHash, randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import cookies from '@fastify/cookie'
import official from '@fastify/csrf-protection'
import formbody from '@fastify/formbody'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import csrf, { csrfToken, rotateToken, sendToken, type CsrfOptions } from '../src/index.ts'

const OURS = 'https://app.bank.example'
const SIBLING = 'https://evil.bank.example'
const EVIL = 'https://evil.example'
const secrets = [randomBytes(32)]
const SESSION = '__Host-session=of-the-victim'

const opened: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()))
})

type Make = (app: FastifyInstance) => unknown

/** A bank whose transfers need nothing but the cookie, and what stands before it. */
async function bank(guard: Make = () => undefined, routes: Make = () => undefined): Promise<FastifyInstance> {
  const app = Fastify()
  opened.push(app)
  app.register(formbody)
  // As many apps do, for webhooks and beacons.
  app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, JSON.parse(body as string))
    } catch {
      done(null, body)
    }
  })
  await guard(app)
  app.post('/transfer', async ({ headers, body }, reply) => {
    if (!(headers.cookie ?? headers.authorization ?? '').match(/__Host-session=of-the-victim|Basic/))
      return reply.code(401).send({})
    return { moved: (body as { amount?: string } | null)?.amount }
  })
  routes(app)
  return app
}

const room =
  (options: Partial<CsrfOptions> = {}): Make =>
  (app) =>
    app.register(csrf, { origins: [OURS], secrets, ...options })

/** As a browser sends it for a page of another origin. */
const from = (origin: string, site: string, more: Record<string, string> = {}): Record<string, string> => ({
  cookie: SESSION,
  origin,
  'sec-fetch-site': site,
  'content-type': 'application/x-www-form-urlencoded',
  ...more,
})

const form = 'amount=5000&toAccount=666'
const post = (
  app: FastifyInstance,
  headers: Record<string, string>,
  payload: string | object = form,
  url = '/transfer',
) => app.inject({ method: 'POST', url, headers, payload })

describe('a page that sends a form', () => {
  it.each<[string, Record<string, string>, string]>([
    ['of another site', from(EVIL, 'cross-site'), form],
    ['of a sibling, to which SameSite cookies travel', from(SIBLING, 'same-site'), form],
    ['in a sandboxed frame', from('null', 'cross-site'), form],
    ['under Referrer-Policy: no-referrer', from('null', 'same-site'), form],
    ['in a browser without Fetch Metadata', { ...from(EVIL, ''), 'sec-fetch-site': undefined as never }, form],
    ['as text that is JSON', from(EVIL, 'cross-site', { 'content-type': 'text/plain' }), '{"amount":"5000","x":"="}'],
    ['over plain http', from('http://app.bank.example', 'cross-site'), form],
    [
      'with a Basic password that the browser keeps',
      { ...from(EVIL, 'cross-site', { authorization: 'Basic dmljdGltOng=' }), cookie: undefined as never },
      form,
    ],
  ])('%s moves money on bare Fastify, and none here', async (_name, headers, payload) => {
    const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
    expect((await post(await bank(), given, payload)).json()).toEqual({ moved: '5000' })
    expect((await post(await bank(room()), given, payload)).json()).toMatchObject({ code: 'PTC_CSRF_CROSS_SITE' })
  })

  it('without a word of where it comes from moves money on bare Fastify, and none here without a token', async () => {
    const silent = { cookie: SESSION, 'content-type': 'application/x-www-form-urlencoded' }
    expect((await post(await bank(), silent)).json()).toEqual({ moved: '5000' })
    expect((await post(await bank(room()), silent)).json()).toMatchObject({ code: 'PTC_CSRF_TOKEN_REQUIRED' })
  })

  it.each([
    ['text/plain', '{"amount":"5000"}'],
    ['text/plain; charset=application/json', '{"amount":"5000"}'],
    ['application/x-www-form-urlencoded', form],
  ])('labelled %s is not even read where JSON alone is', async (type, payload) => {
    const mine = from(OURS, 'same-origin', { 'content-type': type })
    expect((await post(await bank(), mine, payload)).json()).toEqual({ moved: '5000' })
    const answer = await post(await bank(room({ jsonOnly: true })), mine, payload)
    expect([answer.statusCode, answer.headers['accept']]).toEqual([415, 'application/json'])
  })
})

describe('the default of @fastify/csrf-protection', () => {
  const theirs =
    (options: object = {}): Make =>
    async (app) => {
      await app.register(cookies, { secret: 'a secret of the server alone, signing cookies' })
      await app.register(official, options as never)
      app.addHook('preHandler', (request, reply, done) => {
        if (request.method === 'POST') app.csrfProtection(request, reply, done)
        else done()
      })
      app.get('/token', async (_request, reply) => reply.generateCsrf())
    }

  /** What `@fastify/csrf` computes, which needs no key: salt, and SHA-256 of salt and secret. */
  function computed(secret: string): string {
    const salt = 'saltsalt'
    return `${salt}-${createHash('sha256')
      .update(`${salt}-${secret}`)
      .digest('base64')
      .replaceAll(/[+/=]/g, (one) => ({ '+': '-', '/': '_' })[one] ?? '')}`
  }

  it('believes a cookie that a sibling has planted and a token computed far away; a token here needs the key', async () => {
    const planted = `_csrf=planted; ${SESSION}`
    const attack = { ...from(SIBLING, 'same-site'), cookie: planted, 'x-csrf-token': computed('planted') }
    expect((await post(await bank(theirs()), attack)).json()).toEqual({ moved: '5000' })
    expect((await post(await bank(room()), attack)).json()).toMatchObject({ code: 'PTC_CSRF_CROSS_SITE' })
    // In a browser that tells nothing, the token decides alone.
    const silent = {
      cookie: `__Host-csrf=planted; ${SESSION}`,
      'content-type': 'application/x-www-form-urlencoded',
      'x-csrf-token': createHash('sha256').update('planted').digest('base64url').padEnd(86, 'A'),
    }
    expect((await post(await bank(room()), silent)).json()).toMatchObject({ code: 'PTC_CSRF_TOKEN_INVALID' })
  })

  it('believes the attacker’s own pair in place of the victim’s, signed or not; a token here is of one session', async () => {
    const app = await bank(theirs({ cookieOpts: { signed: true, path: '/' } }))
    const own = await app.inject('/token')
    const pair = String(own.headers['set-cookie']).split(';')[0]
    const attack = { ...from(SIBLING, 'same-site'), cookie: `${pair}; ${SESSION}`, 'x-csrf-token': own.body }
    expect((await post(app, attack)).json()).toEqual({ moved: '5000' })

    const ours = await bank(room({ session: '__Host-session' }), (at) => at.get('/token', sendToken))
    const bought = await ours.inject({ url: '/token', headers: { cookie: '__Host-session=of-the-attacker' } })
    const silent = {
      cookie: SESSION,
      'content-type': 'application/x-www-form-urlencoded',
      'x-csrf-token': bought.json<{ csrf_token: string }>().csrf_token,
    }
    expect((await post(ours, silent)).json()).toMatchObject({ code: 'PTC_CSRF_TOKEN_INVALID' })
  })

  it('ignores a misspelt option; here the app does not boot', async () => {
    await expect(bank(theirs({ cookieOptions: { signed: true } }))).resolves.toBeDefined()
    await expect(bank(room({ cookieOptions: {} } as object))).rejects.toMatchObject({ code: 'PTC_OPTIONS_INVALID' })
  })

  it('believes a token from before the login; here none outlives it', async () => {
    const app = await bank(theirs())
    const before = await app.inject('/token')
    const cookie = `${String(before.headers['set-cookie']).split(';')[0]}; ${SESSION}`
    const kept = { cookie, 'content-type': 'application/x-www-form-urlencoded', 'x-csrf-token': before.body }
    expect((await post(app, kept)).json()).toEqual({ moved: '5000' })

    const ours = await bank(room({ session: '__Host-session' }), (at) => {
      at.get('/token', sendToken)
      at.post('/login', async (request, reply) => rotateToken(request, reply, 'of-the-victim'))
    })
    const early = await ours.inject('/token')
    const own = `${String(early.headers['set-cookie']).split(';')[0]}; ${SESSION}`
    const headers = { cookie: own, 'content-type': 'application/x-www-form-urlencoded' }
    const token = early.json<{ csrf_token: string }>().csrf_token
    expect((await post(ours, { ...headers, 'x-csrf-token': token })).statusCode).toBe(403)
    const fresh = (await ours.inject({ method: 'POST', url: '/login' })).body
    expect((await post(ours, { ...headers, 'x-csrf-token': fresh })).json()).toEqual({ moved: '5000' })
  })
})

describe('a forged login', () => {
  const login: Make = (app) =>
    app.post('/login', async (_request, reply) => reply.header('set-cookie', '__Host-session=of-the-attacker').send({}))

  it('signs the victim in as the attacker on bare Fastify, and nobody here', async () => {
    const attack = { origin: EVIL, 'sec-fetch-site': 'cross-site', 'content-type': 'application/x-www-form-urlencoded' }
    expect((await post(await bank(undefined, login), attack, 'user=attacker', '/login')).statusCode).toBe(200)
    const answer = await post(await bank(room(), login), attack, 'user=attacker', '/login')
    expect([answer.statusCode, answer.headers['set-cookie']]).toEqual([403, undefined])
  })
})

describe('a token of the attacker', () => {
  it('is not believed with a cookie whose name only looks like ours, or that is there twice', async () => {
    const app = await bank(room(), (at) => at.get('/token', sendToken))
    const own = await app.inject('/token')
    const [, value = ''] = (String(own.headers['set-cookie']).split(';')[0] as string).split('=')
    const token = own.json<{ csrf_token: string }>().csrf_token
    const statusOf = async (cookie: string) =>
      (
        await post(app, {
          cookie: `${cookie}; ${SESSION}`,
          'content-type': 'application/x-www-form-urlencoded',
          'x-csrf-token': token,
        })
      ).statusCode
    expect(await statusOf(`__Host-csrf=${value}`)).toBe(200)
    // Browsers let a sibling set these: the prefix is not at the beginning, or not in this spelling.
    for (const tossed of [
      `\u00a0__Host-csrf=${value}`,
      `__host-csrf=${value}`,
      `_Host-csrf=${value}`,
      `__Host-csrf=other; __Host-csrf=${value}`,
      `__Host-csrf=${value}; __Host-csrf=other`,
      '__Host-csrf=',
      'csrf',
    ])
      expect(await statusOf(tossed)).toBe(403)
  })

  it.each([
    ['a list', { csrf_token: ['x'] }],
    ['an object', { csrf_token: { value: { toString: 'x' } } }],
    ['nothing', { csrf_token: '' }],
    ['a prototype', JSON.parse('{"constructor":{"csrf_token":"x"}}') as object],
    ['many letters', { csrf_token: 'A'.repeat(500_000) }],
  ])('that is %s is an answer of 403, not an error', async (_name, payload) => {
    const answer = await post(await bank(room()), { cookie: SESSION }, payload)
    expect(answer.statusCode).toBe(403)
  })

  it('tells nothing through the size of a compressed answer: no two are alike, and no part repeats', async () => {
    const app = await bank(room(), (at) => at.get('/token', async (request, reply) => csrfToken(request, reply)))
    const headers = { cookie: '__Host-csrf=one' }
    const made = await Promise.all(
      Array.from({ length: 20 }, async () => (await app.inject({ url: '/token', headers })).body),
    )
    const parts = made.flatMap((token) => [token.slice(0, 8), token.slice(-8)])
    expect(new Set(parts).size).toBe(40)
  })
})

describe('an origin', () => {
  const naive: Make = (app) =>
    app.addHook('onRequest', async ({ headers, host }, reply) => {
      const { origin } = headers
      const own = headers['x-forwarded-host'] ?? host
      if (origin !== undefined && new URL(origin).host !== own) return reply.code(403).send({})
      return undefined
    })

  it.each([{ host: 'evil.example' }, { 'x-forwarded-host': 'evil.example' }])(
    'passes a comparison with %j, and none with the configured ones',
    async (more) => {
      const attack = { ...from(EVIL, 'same-origin'), ...more }
      expect((await post(await bank(naive), attack)).json()).toEqual({ moved: '5000' })
      expect((await post(await bank(room()), attack)).json()).toMatchObject({ code: 'PTC_CSRF_CROSS_SITE' })
    },
  )

  it.each([
    'https://app.bank.example.evil.example',
    'https://app.bank.example@evil.example',
    'https://evilapp.bank.example',
    'https://APP.bank.example',
    'https://app.bank.example/',
    'https://app.bank.example:443',
    'https://app.bank.example\u0000',
    'file://',
    'chrome-extension://abc',
  ])('that looks like ours is refused: %s', async (origin) => {
    const answer = await post(await bank(room()), { cookie: SESSION, origin }, { amount: '1' })
    expect(answer.json()).toMatchObject({ code: 'PTC_CSRF_CROSS_SITE' })
  })
})

describe('a method override', () => {
  const overriding: Make = (app) => {
    app.get('/account', async ({ headers, query }) => {
      const method = headers['x-http-method-override'] ?? (query as Record<string, string>)['_method']
      return method === 'DELETE' ? 'closed' : 'shown'
    })
  }

  it.each([
    ['/account?_method=DELETE', {}],
    ['/account?%5fmethod=DELETE', {}],
    ['/account', { 'x-http-method-override': 'DELETE' }],
  ])('on a link to %s closes the account on bare Fastify, and not here', async (url, more) => {
    const headers = { cookie: SESSION, 'sec-fetch-site': 'cross-site', ...more }
    expect((await (await bank(undefined, overriding)).inject({ url, headers })).body).toBe('closed')
    expect((await (await bank(room(), overriding)).inject({ url, headers })).statusCode).toBe(403)
  })

  it.each([{ 'x-http-method-override': 'GET' }, { 'x-method-override': 'HEAD' }])(
    'makes no harmless request of a POST: %j',
    async (more) => {
      expect((await post(await bank(room()), { ...from(EVIL, 'cross-site'), ...more })).statusCode).toBe(403)
      expect((await post(await bank(room()), from(EVIL, 'cross-site'), '_method=GET&amount=1')).statusCode).toBe(403)
    },
  )
})

describe('a WebSocket', () => {
  async function opens(guard: Make | undefined, headers: Record<string, string>): Promise<string> {
    const app = Fastify()
    opened.push(app)
    await app.register(websocket)
    await guard?.(app)
    app.get('/orders', { websocket: true }, (socket) => socket.send('the orders of the victim'))
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const socket = new WebSocket(`ws://127.0.0.1:${port}/orders`, { headers })
    return new Promise((resolve) => {
      socket.once('message', (data) => {
        resolve((data as Buffer).toString())
        socket.close()
      })
      socket.once('error', ({ message }) => resolve(message))
    })
  }

  it.each([
    ['of another site', { cookie: SESSION, origin: EVIL }],
    ['of a sibling', { cookie: SESSION, origin: SIBLING, 'sec-fetch-site': 'same-site' }],
    ['of an opaque origin', { cookie: SESSION, origin: 'null' }],
  ])('%s reads the victim’s orders on bare Fastify, and is not opened here', async (_name, headers) => {
    expect(await opens(undefined, headers)).toBe('the orders of the victim')
    expect(await opens(room(), headers)).toBe('Unexpected server response: 403')
  })

  it('of our own page is opened', async () => {
    expect(await opens(room(), { cookie: SESSION, origin: OURS })).toBe('the orders of the victim')
  })
})
