import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readViolations } from '../src/browser-app/violations.ts'
import { cookieOf, type StandingDemo, standDemo } from './standing-demo.ts'

let demo: StandingDemo
let token: string
beforeAll(async () => {
  demo = await standDemo()
  token = (await demo.signIn()).token
})
afterAll(() => demo?.close())

describe('the page', () => {
  it('carries a nonce of its own each time, and the policy that names it', async () => {
    const nonces = new Set<string>()
    for (let i = 0; i < 3; i++) {
      const { headers, text } = await demo.call('GET', '/', { at: demo.addresses.app })
      expect(headers['content-type']).toBe('text/html; charset=utf-8')
      const nonce = /<script[^>]* nonce="([^"]{16,})"/.exec(text)?.[1] as string
      const policy = String(headers['content-security-policy'])
      expect(policy).toContain(`'nonce-${nonce}'`)
      expect(policy).toContain(`connect-src ${demo.addresses.api}`)
      expect(policy).not.toContain('unsafe')
      expect(policy).toContain(`require-trusted-types-for 'script';trusted-types rich-text`)
      expect(text).toContain(`<meta name="api" content="${demo.addresses.api}" />`)
      nonces.add(nonce)
    }
    expect(nonces.size).toBe(3)
  })

  it.each([
    ['/app.js', 'text/javascript; charset=utf-8'],
    ['/style.css', 'text/css; charset=utf-8'],
  ])('comes with %s', async (path, type) => {
    const { status, headers } = await demo.call('GET', path, { at: demo.addresses.app })
    expect([status, headers['content-type'], headers['x-content-type-options']]).toEqual([200, type, 'nosniff'])
  })

  it('writes markup in one place, through its policy of Trusted Types: what the API has sanitised', async () => {
    const { text } = await demo.call('GET', '/app.js', { at: demo.addresses.app })
    expect(text.match(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/g)).toEqual(['innerHTML'])
    expect(text.match(/createPolicy/g)).toHaveLength(1)
  })

  it('serves nothing beside them', async () => {
    for (const path of ['/page/index.html', '/../package.json', '/app.ts', '/index.html']) {
      const { status } = await demo.call('GET', path, { at: demo.addresses.app })
      expect([path, status]).toEqual([path, path.includes('..') ? 400 : 404])
    }
  })
})

describe('reports of violations', () => {
  const report = (headers: Record<string, string>, body: unknown) =>
    demo.call('POST', '/violations', { at: demo.addresses.app, headers, body: JSON.stringify(body) })
  const form = { 'content-type': 'application/reports+json' }

  it('are taken from whoever has the page open, one cookie a visit', async () => {
    const opened = await demo.call('GET', '/', { at: demo.addresses.app })
    expect(opened.headers['set-cookie']).toMatch(
      /^__Host-portcullis-visit=[\w-]{22}; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    )
    const visit = { cookie: cookieOf(opened) }
    expect((await demo.call('GET', '/', { at: demo.addresses.app, headers: visit })).headers['set-cookie']).toBe(
      undefined,
    )
    expect((await report({ ...form, ...visit }, [{ type: 'csp-violation', body: {} }])).status).toBe(204)
    const old = { 'content-type': 'application/csp-report', ...visit }
    expect((await report(old, { 'csp-report': { 'effective-directive': 'script-src' } })).status).toBe(204)
    expect((await report({ ...form, ...visit }, 'nothing')).status).toBe(400)
    expect((await report(old, { 'csp-report': { nested: {} } })).status).toBe(400)
    expect((await report({ ...form, ...visit }, ['x'.repeat(40_000)])).status).toBe(413)
    expect((await report({ 'content-type': 'text/plain', ...visit }, [])).status).toBe(415)
  })

  it('are taken from nobody else', async () => {
    expect((await report(form, [])).status).toBe(403)
    expect((await report({ ...form, cookie: '__Host-portcullis-visit=1' }, [])).status).toBe(403)
    const opened = await demo.call('GET', '/', { at: demo.addresses.app })
    const evil = { ...form, cookie: cookieOf(opened), origin: 'https://evil.portcullis.localhost' }
    expect((await report(evil, [])).json.code).toBe('PTC_CSRF_CROSS_SITE')
  })

  it('are read in both forms, without what an address may hide', () => {
    const blocked = 'https://evil.example/script.js'
    const violation = { directive: 'script-src-elem', blocked }
    const old = { 'csp-report': { 'effective-directive': 'script-src-elem', 'blocked-uri': `${blocked}?token=1` } }
    const body = { effectiveDirective: 'script-src-elem', blockedURL: `${blocked}#token` }
    expect(readViolations(old)).toEqual([violation])
    expect(
      readViolations([
        { type: 'csp-violation', body },
        { type: 'deprecation', body },
      ]),
    ).toEqual([violation])
  })
})

describe('other origins', () => {
  const from = (origin: string) => ({ origin })
  const preflight = (origin: string, path: string, method: string, fields = 'authorization,content-type') =>
    demo.call('OPTIONS', path, {
      at: demo.addresses.api,
      headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': fields },
    })

  it('include the page, which may read with credentials', async () => {
    const origin = demo.addresses.app
    const answer = await demo.call('GET', '/users/profile', { token, at: demo.addresses.api, headers: from(origin) })
    expect(answer.status).toBe(200)
    expect(answer.headers['access-control-allow-origin']).toBe(origin)
    expect(answer.headers['access-control-allow-credentials']).toBe('true')
    expect(answer.headers['vary']).toContain('Origin')
  })

  it.each([
    ['/login', 'POST'],
    ['/transfer', 'POST'],
    ['/users/profile', 'GET'],
    ['/refresh', 'POST'],
  ])('include the page, whose preflight for %s is granted', async (path, method) => {
    const answer = await preflight(demo.addresses.app, path, method)
    expect(answer.status).toBe(204)
    expect(answer.headers['access-control-allow-origin']).toBe(demo.addresses.app)
    expect(String(answer.headers['access-control-allow-methods'])).toContain(method)
  })

  it('include the page, which can read why it was refused', async () => {
    const origin = demo.addresses.app
    for (const [path, status] of [
      ['/users/profile', 401],
      ['/nothing', 401],
    ] as const) {
      const answer = await demo.call('GET', path, { at: demo.addresses.api, headers: from(origin) })
      expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([status, origin])
    }
  })

  it.each([
    'https://evil.example',
    'https://evil.portcullis.localhost:8444',
    'null',
    'http://app.portcullis.localhost',
  ])('get nothing to read: %s', async (origin) => {
    const simple = await demo.call('GET', '/users/profile', { token, at: demo.addresses.api, headers: from(origin) })
    const asked = await preflight(origin, '/transfer', 'POST')
    expect(asked.status).toBe(403)
    for (const { headers } of [simple, asked]) {
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
    }
  })

  it.each(['/login', '/refresh', '/logout', '/register'])('cannot even cause a POST to %s', async (path) => {
    const answer = await demo.call('POST', path, {
      at: demo.addresses.api,
      headers: from('https://evil.portcullis.localhost:8444'),
    })
    expect([answer.status, answer.json.code]).toEqual([403, 'PTC_CORS_ORIGIN_REFUSED'])
    expect(answer.headers['set-cookie']).toBeUndefined()
  })
})

describe('the refresh cookie', () => {
  const sent = (headers: Record<string, string>, path = '/refresh') =>
    demo.call('POST', path, { at: demo.addresses.api, headers: { origin: '', ...headers } })
  const tokenFor = async (headers: Record<string, string>) => {
    const answer = await demo.call('GET', '/csrf-token', { at: demo.addresses.api, headers })
    expect([answer.status, Object.keys(answer.json)]).toEqual([200, ['csrf_token']])
    return { token: answer.json.csrf_token as string, set: answer.headers['set-cookie'] }
  }

  it.each(['same-site', 'cross-site', 'same-site, same-origin'])(
    'is of no use to a page that its browser calls %s',
    async (site) => {
      const { cookie } = await demo.signIn()
      for (const path of ['/refresh', '/logout', '/login', '/register']) {
        const answer = await sent({ cookie, 'sec-fetch-site': site }, path)
        expect([path, answer.status, answer.json.code]).toEqual([path, 403, 'PTC_CSRF_CROSS_SITE'])
      }
      expect((await sent({ cookie, origin: demo.addresses.app })).status).toBe(200)
    },
  )

  it('is taken from a script that shows a token of its session, and of no other', async () => {
    const [{ cookie }, { cookie: other }] = [await demo.signIn(), await demo.signIn()]
    const without = await sent({ cookie })
    expect([without.status, without.json.code]).toEqual([403, 'PTC_CSRF_TOKEN_REQUIRED'])
    const { token: theirs } = await tokenFor({ cookie: other })
    const { token: nobodys, set } = await tokenFor({})
    expect(set).toMatch(/^__Host-csrf=[^;]+; Path=\/; Secure; HttpOnly; SameSite=Strict$/)
    for (const wrong of [theirs, nobodys, 'x', '']) {
      const answer = await sent({ cookie, 'x-csrf-token': wrong })
      expect([answer.status, answer.json.code]).toEqual([403, expect.stringMatching(/^PTC_CSRF_TOKEN_/)])
    }
    const { token: own } = await tokenFor({ cookie })
    expect((await sent({ cookie, 'x-csrf-token': own })).status).toBe(200)
  })

  it('comes with JSON or nothing: what a form can send is refused', async () => {
    const { cookie } = await demo.signIn()
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const answer = await demo.call('POST', '/login', {
        at: demo.addresses.api,
        headers: { cookie, 'content-type': type },
        body: '{"username":"masum","password":"correct-horse-7"}',
      })
      expect([type, answer.status, answer.json.code]).toEqual([type, 415, 'PTC_CSRF_JSON_REQUIRED'])
    }
  })
})
