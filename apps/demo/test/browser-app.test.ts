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
      expect(text).toContain(`data-api="${demo.addresses.api}"`)
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

  it('never writes what users wrote as markup', async () => {
    const { text } = await demo.call('GET', '/app.js', { at: demo.addresses.app })
    expect(text).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/)
  })

  it('serves nothing beside them', async () => {
    for (const path of ['/page/index.html', '/../package.json', '/app.ts', '/index.html']) {
      expect((await demo.call('GET', path, { at: demo.addresses.app })).status).toBe(404)
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
    expect((await report({ ...form, ...visit }, 'nothing')).status).toBe(204)
    expect((await report({ ...form, ...visit }, ['x'.repeat(40_000)])).status).toBe(413)
  })

  it('are taken from nobody else', async () => {
    expect((await report(form, [])).status).toBe(403)
    expect((await report({ ...form, cookie: '__Host-portcullis-visit=1' }, [])).status).toBe(403)
  })

  it('are read in both forms, without what an address may hide', () => {
    const blocked = 'https://evil.example/script.js'
    const violation = { directive: 'script-src-elem', blocked }
    const old = { 'csp-report': { 'effective-directive': 'script-src-elem', 'blocked-uri': `${blocked}?token=1` } }
    const body = { effectiveDirective: 'script-src-elem', blockedURL: `${blocked}#token` }
    expect(readViolations(old)).toEqual([violation])
    expect(readViolations([{ type: 'csp-violation', body }, { type: 'deprecation', body }, null])).toEqual([violation])
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
    expect(answer.status).toBe(403)
    expect(answer.headers['set-cookie']).toBeUndefined()
  })
})
