import { connect } from 'node:net'
import { once } from 'node:events'
import { serverOptions } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { app as example } from '../example.ts'
import headers from '../src/index.ts'

const api = {
  'content-security-policy': "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
}

let app: FastifyInstance
beforeEach(() => {
  app = Fastify(serverOptions())
})
afterEach(() => app.close())

const noncesOf = (field: unknown): string[] =>
  [...String(field).matchAll(/'nonce-([^']+)'/g)].map((match) => match[1] as string)

describe('headers', () => {
  it('writes the six fields of an API answer, and no HSTS', async () => {
    await app.register(headers)
    app.get('/', async () => ({ ok: true }))
    const { headers: fields } = await app.inject('/')
    expect(fields).toMatchObject(api)
    expect(fields).not.toHaveProperty('strict-transport-security')
    expect(Object.keys(fields).toSorted()).toEqual(
      [...Object.keys(api), 'content-type', 'content-length', 'connection', 'date'].toSorted(),
    )
  })

  it.each<[string, string, string]>([
    ['a 404', 'GET', '/nowhere'],
    ['a HEAD', 'HEAD', '/'],
    ['a wrong method', 'DELETE', '/'],
    ['a thrown error', 'GET', '/thrown'],
    ['an empty answer', 'GET', '/empty'],
    ['a redirect', 'GET', '/redirect'],
    ['a stream', 'GET', '/stream'],
    ['a body that is no JSON', 'POST', '/'],
    ['a malformed URL', 'GET', '/%ff%'],
    ['a parameter that is too long', 'GET', `/users/${'x'.repeat(300)}`],
    ['a hijacked reply', 'GET', '/hijacked'],
  ])('writes them on %s', async (_name, method, url) => {
    app.get('/', async () => 'x')
    app.post('/', async () => 'x')
    app.get('/users/:id', async () => 'x')
    app.get('/thrown', async () => {
      throw new Error('x')
    })
    app.get('/empty', async (_request, reply) => reply.code(204).send())
    app.get('/redirect', async (_request, reply) => reply.redirect('/'))
    app.get('/stream', async (_request, reply) => reply.send(new Response('x').body))
    app.get('/hijacked', async (_request, reply) => {
      reply.hijack()
      reply.raw.end('x')
    })
    await app.register(headers)
    const address = await app.listen({ port: 0, host: '127.0.0.1' })
    const body = method === 'POST' ? '{' : undefined
    const answer = await fetch(address + url, {
      method,
      redirect: 'manual',
      ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
    })
    expect(Object.fromEntries(answer.headers)).toMatchObject(api)
  })

  it.each<[string, string]>([
    ['431', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['400', 'NONSENSE\r\n\r\n'],
  ])('writes them on the %s of a request that no object exists for, without a nonce', async (status, bytes) => {
    await app.register(headers, { profile: 'web' })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as { port: number }
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1').on('data', (chunk) => (answer += String(chunk)))
    socket.write(bytes)
    await once(socket, 'close')
    expect(answer).toContain(`HTTP/1.1 ${status} `)
    expect(answer).toContain('x-content-type-options: nosniff')
    expect(answer).toContain(`content-security-policy: ${api['content-security-policy']}`)
    expect(answer).toContain('permissions-policy: ')
    expect(answer).not.toContain('nonce-')
  })

  it('gives each page its own nonce, in the policy and in request.security', async () => {
    await app.register(headers, { profile: 'web' })
    app.get('/', async (request) => request.security.cspNonce)
    const answers = [await app.inject('/'), await app.inject('/')]
    const nonces = answers.map(({ body }) => body)
    expect(new Set(nonces).size).toBe(2)
    for (const { headers: fields, body } of answers) {
      expect(noncesOf(fields['content-security-policy'])).toEqual([body, body])
      expect(Buffer.from(body, 'base64')).toHaveLength(16)
      expect(fields).toMatchObject({
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
        'origin-agent-cluster': '?1',
        'x-permitted-cross-domain-policies': 'none',
        'x-dns-prefetch-control': 'off',
        'cache-control': 'no-store',
      })
      expect(fields['permissions-policy']).toContain('camera=()')
    }
  })

  it('gives a route its own policy, merged over the registration’s', async () => {
    await app.register(headers, { crossOriginResourcePolicy: 'same-site' })
    app.get('/image', { config: { security: { headers: { cacheControl: 'public, max-age=3600' } } } }, async () => 'x')
    const { headers: fields } = await app.inject('/image')
    expect(fields).toMatchObject({
      ...api,
      'cross-origin-resource-policy': 'same-site',
      'cache-control': 'public, max-age=3600',
    })
  })

  it('merges a route’s policy deeply: directive by directive, feature by feature, lists replaced', async () => {
    await app.register(headers, {
      profile: 'web',
      contentSecurityPolicy: { 'img-src': ["'self'", 'https://img.example'], 'connect-src': ['https://api.example'] },
      permissionsPolicy: { camera: ['self'] },
      reportingEndpoints: { csp: '/reports' },
    })
    const page = {
      contentSecurityPolicy: { 'img-src': ['https://other.example'], 'report-to': ['csp'] },
      permissionsPolicy: { geolocation: ['self'] },
    }
    app.get('/', { config: { security: { headers: page } } }, async () => 'x')
    const { headers: fields } = await app.inject('/')
    const policy = String(fields['content-security-policy']).split(';')
    expect(policy).toEqual(
      expect.arrayContaining(['img-src https://other.example', 'connect-src https://api.example', 'report-to csp']),
    )
    expect(policy).toEqual(expect.arrayContaining([expect.stringMatching(/^script-src 'nonce-/)]))
    expect(fields['permissions-policy']).toMatch(/camera=\(self\),.*geolocation=\(self\)/)
    expect(fields['reporting-endpoints']).toBe('csp="/reports"')
  })

  it('writes nothing on a route that says false', async () => {
    await app.register(headers)
    app.get('/', { config: { security: { headers: false } } }, async () => 'x')
    expect((await app.inject('/')).headers).not.toHaveProperty('x-content-type-options')
  })

  it('lets an inner scope replace the policy for its routes', async () => {
    await app.register(headers)
    await app.register(async (inner) => {
      await inner.register(headers, { profile: 'web' })
      inner.get('/inner', async () => 'x')
    })
    app.get('/outer', async () => 'x')
    expect((await app.inject('/inner')).headers['content-security-policy']).toContain('nonce-')
    expect((await app.inject('/outer')).headers['content-security-policy']).toBe(api['content-security-policy'])
  })

  it('lets a handler write its own value', async () => {
    await app.register(headers)
    app.get('/', async (_request, reply) => reply.header('Cache-Control', 'private, max-age=5').send('x'))
    expect((await app.inject('/')).headers['cache-control']).toBe('private, max-age=5')
  })

  it('enforces one policy and reports a stricter one, with one nonce for both', async () => {
    await app.register(headers, {
      profile: 'web',
      reportingEndpoints: { csp: '/csp' },
      contentSecurityPolicy: { 'upgrade-insecure-requests': true },
      contentSecurityPolicyReportOnly: { 'style-src': ["'nonce'"], 'report-to': ['csp'] },
    })
    app.get('/', async (request) => request.security.cspNonce)
    const { headers: fields, body } = await app.inject('/')
    const [enforced, reported] = ['content-security-policy', 'content-security-policy-report-only'].map((name) =>
      String(fields[name]),
    )
    expect(enforced).toContain("style-src 'self' 'nonce-")
    expect(enforced).not.toContain('report-to')
    expect(reported).toMatch(/style-src 'nonce-[^']+';.*;report-to csp$/)
    // Browsers ignore it there, and say so in the console.
    expect(reported).not.toContain('upgrade-insecure-requests')
    expect(new Set([...noncesOf(enforced), ...noncesOf(reported)])).toEqual(new Set([body]))
    expect(fields['reporting-endpoints']).toBe('csp="/csp"')
  })

  it('only reports, where the enforced policy is off', async () => {
    await app.register(headers, {
      dangerouslyDisableContentSecurityPolicy: true,
      contentSecurityPolicyReportOnly: { 'report-uri': ['/csp'] },
    })
    app.get('/', async () => 'x')
    const { headers: fields } = await app.inject('/')
    expect(fields).not.toHaveProperty('content-security-policy')
    expect(fields['content-security-policy-report-only']).toBe(`${api['content-security-policy']};report-uri /csp`)
  })

  it('warns once at boot of a dangerous option', async () => {
    const lines: string[] = []
    const warned = Fastify({ logger: { level: 'warn', stream: { write: (line: string) => void lines.push(line) } } })
    await warned.register(headers, { dangerouslyDisableContentSecurityPolicy: true })
    warned.get('/', async () => 'x')
    expect((await warned.inject('/')).headers).not.toHaveProperty('content-security-policy')
    expect(lines.filter((line) => line.includes('dangerouslyDisableContentSecurityPolicy'))).toHaveLength(1)
    await warned.close()
  })
})

describe('the example', () => {
  it('runs as the README shows it', async () => {
    expect((await example.inject('/users/101')).headers).toMatchObject(api)
    const page = await example.inject('/')
    const [nonce] = noncesOf(page.headers['content-security-policy'])
    expect(page.body).toContain(`<script nonce="${nonce}">`)
    await example.close()
  })
})
