import { createHash } from 'node:crypto'
import http2 from 'node:http2'
import { createServer as createNetServer, connect, type AddressInfo } from 'node:net'
import { onSecurityEvent, serverOptions, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import https, { plaintextAddress, type HttpsOptions } from '../src/index.ts'
import { ask, certificates, tls } from './tls.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

const YEAR = 'max-age=31536000; includeSubDomains'

async function listen(options: HttpsOptions, prepare?: (app: FastifyInstance) => void) {
  const app = Fastify(serverOptions({ https: tls })) as unknown as FastifyInstance
  open.push(app)
  await app.register(https, options)
  const handled: string[] = []
  const handler = async (request: { method: string }) => {
    handled.push(request.method)
    return { ok: true }
  }
  app.get('/orders', handler)
  app.post('/orders', handler)
  app.get('/health', { config: { security: { https: false } } }, handler)
  prepare?.(app)
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => events.push(event))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    app,
    events,
    handled,
    port: (app.server.address() as AddressInfo).port,
    plain: plaintextAddress(app)?.port ?? 0,
  }
}

const options = { hosts: ['api.example.com'], plaintext: { port: 0 } }

describe('over TLS', () => {
  it('answers with HSTS of one year and subdomains', async () => {
    const { port } = await listen(options)
    const answer = await ask(port, { tls: true, path: '/orders' })
    expect(answer).toMatchObject({ status: 200, fields: { 'strict-transport-security': YEAR } })
  })

  it('writes HSTS on a 404 and on an answer of the parser too', async () => {
    const { port } = await listen(options)
    expect((await ask(port, { tls: true, path: '/nothing' })).fields['strict-transport-security']).toBe(YEAR)
    const tooLarge = await ask(port, { tls: true, path: '/orders', headers: { padding: 'x'.repeat(20_000) } })
    expect(tooLarge).toMatchObject({ status: 431, fields: { 'strict-transport-security': YEAR } })
  })

  it.each<[HttpsOptions['hsts'], string | undefined]>([
    [false, undefined],
    [{ maxAge: 0 }, 'max-age=0; includeSubDomains'],
    [{ includeSubDomains: false }, 'max-age=31536000'],
    [{ maxAge: 63_072_000, preload: true }, 'max-age=63072000; includeSubDomains; preload'],
  ])('writes HSTS %j as %s', async (hsts, value) => {
    const { port } = await listen({ ...options, ...(hsts === undefined ? {} : { hsts }) })
    expect((await ask(port, { tls: true, path: '/orders' })).fields['strict-transport-security']).toBe(value)
  })

  it('writes HSTS over HTTP/2 too', async () => {
    const app = Fastify({ http2: true, https: { key: certificates.key, cert: certificates.cert } })
    open.push(app)
    await app.register(https, { hosts: ['api.example.com'] })
    app.get('/orders', async () => 'ok')
    await app.listen({ port: 0, host: '127.0.0.1' })
    const session = http2.connect(`https://127.0.0.1:${(app.server.address() as AddressInfo).port}`, {
      ca: certificates.ca,
    })
    const fields = await new Promise<http2.IncomingHttpHeaders>((resolve, reject) => {
      session.once('error', reject).request({ ':path': '/orders' }).once('response', resolve).once('error', reject)
    })
    session.destroy()
    expect([fields[':status'], fields['strict-transport-security']]).toEqual([200, YEAR])
  })

  it('counts an injected request as one to the TLS server', async () => {
    const { app } = await listen(options)
    const answer = await app.inject('/orders')
    expect([answer.statusCode, answer.headers['strict-transport-security']]).toEqual([200, YEAR])
  })
})

describe('over plaintext', () => {
  it('redirects GET and HEAD to the same path and query on the configured host', async () => {
    const { plain, handled, events } = await listen(options)
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(plain, { method, path: '/orders?page=2&q=a%20b' })
      expect(answer).toMatchObject({
        status: 301,
        fields: { location: 'https://api.example.com/orders?page=2&q=a%20b' },
      })
      expect(answer.fields['strict-transport-security']).toBeUndefined()
    }
    expect(handled).toEqual([])
    expect(events.map(({ type, outcome }) => [type, outcome])).toEqual([
      ['https.redirected', 'denied'],
      ['https.redirected', 'denied'],
    ])
  })

  it('redirects to the entry that the client asked for, with its port, and to the first one otherwise', async () => {
    const { plain } = await listen({ ...options, hosts: ['api.example.com', 'localhost:8443'] })
    const location = async (host: string) => (await ask(plain, { path: '/x', headers: { host } })).fields.location
    expect(await location('LOCALHOST:8080')).toBe('https://localhost:8443/x')
    expect(await location('other.example')).toBe('https://api.example.com/x')
  })

  it('redirects unknown paths before anything else answers', async () => {
    const { plain } = await listen(options)
    expect((await ask(plain, { path: '/nothing' })).status).toBe(301)
  })

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'])('refuses %s with 403', async (method) => {
    const { plain, handled, events } = await listen(options)
    const answer = await ask(plain, { method, path: '/orders' })
    expect(answer.status).toBe(403)
    expect(JSON.parse(answer.body)).toEqual({
      error: 'This API answers over https only.',
      code: 'PTC_HTTPS_REQUIRED',
      status: 403,
      title: 'Forbidden',
    })
    expect(handled).toEqual([])
    expect(events.map(({ type }) => type)).toEqual(['https.refused'])
  })

  it('refuses a GET with a credential and tells its hash once', async () => {
    const { plain, events } = await listen(options)
    const answer = await ask(plain, { path: '/orders', headers: { authorization: 'Bearer s3cret' } })
    expect([answer.status, answer.fields.location]).toEqual([403, undefined])
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'PTC_HTTPS_CREDENTIAL_EXPOSED' })
    const sha256 = createHash('sha256').update('s3cret').digest('hex')
    expect(events).toMatchObject([
      {
        type: 'https.credential-exposed',
        severity: 'critical',
        outcome: 'denied',
        detail: { credentials: [{ field: 'authorization', scheme: 'bearer', sha256 }] },
      },
    ])
    expect(JSON.stringify(events[0]?.detail) + answer.body).not.toContain('s3cret')
  })

  it('answers a route that switched the concern off', async () => {
    const { plain } = await listen(options)
    expect(await ask(plain, { path: '/health' })).toMatchObject({ status: 200, body: '{"ok":true}' })
  })

  it('lets everything pass under reportOnly, tells it, and writes no HSTS', async () => {
    const { plain, port, events, handled } = await listen({ ...options, reportOnly: true })
    expect((await ask(plain, { path: '/orders' })).status).toBe(200)
    expect((await ask(plain, { method: 'POST', path: '/orders' })).status).toBe(200)
    expect((await ask(port, { tls: true, path: '/orders' })).fields['strict-transport-security']).toBeUndefined()
    expect(handled).toEqual(['GET', 'POST', 'GET'])
    expect(events.map(({ type, outcome }) => [type, outcome])).toEqual([
      ['https.redirected', 'observed'],
      ['https.refused', 'observed'],
    ])
  })

  it('answers 431 as the main server does, and an expectation as any other request', async () => {
    const { plain } = await listen(options)
    const tooLarge = await ask(plain, { path: '/orders', headers: { padding: 'x'.repeat(20_000) } })
    expect(tooLarge.status).toBe(431)
    expect(JSON.parse(tooLarge.body)).toMatchObject({ status: 431 })
    const expectation = await ask(plain, { path: '/orders', headers: { expect: 'tea' } })
    expect(expectation.status).toBe(301)
  })
})

describe('behind a proxy', () => {
  const proxied = async (scheme: string | undefined, trustProxy: string[] = ['127.0.0.1']) => {
    const app = Fastify({ trustProxy })
    open.push(app)
    await app.register(https, { hosts: ['api.example.com'] })
    app.get('/orders', async () => 'ok')
    return app.inject({ url: '/orders', headers: scheme === undefined ? {} : { 'x-forwarded-proto': scheme } })
  }

  it.each(['https', 'HTTPS', 'http, https'])('takes a trusted proxy at its word: %s', async (scheme) => {
    const answer = await proxied(scheme)
    expect([answer.statusCode, answer.headers['strict-transport-security']]).toEqual([200, YEAR])
  })

  it.each(['http', undefined, 'https, http'])('redirects what came to the proxy over plaintext: %s', async (scheme) => {
    const answer = await proxied(scheme)
    expect([answer.statusCode, answer.headers.location]).toEqual([301, 'https://api.example.com/orders'])
  })
})

describe('at boot and at close', () => {
  it('refuses an app that can never see TLS and prints what to write', async () => {
    const app = Fastify()
    open.push(app)
    const failure = await Promise.resolve(app.register(https, { hosts: ['api.example.com'] })).then(String, String)
    expect(failure).toContain('PTC_HTTPS_UNREACHABLE')
    expect(failure).toContain("Fastify({ https: tlsServerOptions({ keyFile: 'server.key', certFile: 'server.pem' }) })")
  })

  it.each([false, '', null])('counts trustProxy %j as no proxy', async (trustProxy) => {
    const app = Fastify({ trustProxy } as never)
    open.push(app)
    await expect(Promise.resolve(app.register(https, { hosts: ['api.example.com'] }))).rejects.toMatchObject({
      code: 'PTC_HTTPS_UNREACHABLE',
    })
  })

  it('boots in a child scope of a TLS app', async () => {
    const app = Fastify({ https: tls })
    open.push(app)
    await app.register(async (child) => {
      await child.register(https, { hosts: ['api.example.com'] })
      child.get('/', async () => 'ok')
    })
    expect((await app.inject('/')).headers['strict-transport-security']).toBe(YEAR)
  })

  it('fails `listen` with a sentence if the plaintext port is taken, and opens nothing', async () => {
    const taken = createNetServer().listen(0, '127.0.0.1')
    open.push(taken)
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as AddressInfo
    const app = Fastify({ https: tls })
    open.push(app)
    await app.register(https, { hosts: ['api.example.com'], plaintext: { port } })
    await expect(app.listen({ port: 0, host: '127.0.0.1' })).rejects.toMatchObject({
      code: 'PTC_HTTPS_PLAINTEXT_UNAVAILABLE',
      message: expect.stringContaining(`127.0.0.1 port ${port} (EADDRINUSE)`),
    })
    expect(app.server.listening).toBe(false)
    expect(plaintextAddress(app)).toBeNull()
  })

  it('frees the plaintext port if the main server cannot listen', async () => {
    const taken = createNetServer().listen(0, '127.0.0.1')
    open.push(taken)
    await new Promise((resolve) => taken.once('listening', resolve))
    const app = Fastify({ https: tls })
    open.push(app)
    await app.register(https, options)
    await expect(app.listen({ port: (taken.address() as AddressInfo).port, host: '127.0.0.1' })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
    expect(plaintextAddress(app)).toBeNull()
  })

  it('opens no port for inject', async () => {
    const app = Fastify({ https: tls })
    open.push(app)
    await app.register(https, options)
    await app.ready()
    expect(plaintextAddress(app)).toBeNull()
  })

  it('closes with the app, also while a client holds a connection open', async () => {
    const { app, plain } = await listen(options)
    const socket = connect(plain, '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.write('GET /orders HTTP/1.1\r\nHost: x\r\n')
    const gone = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => {})
    await app.close()
    await gone
    expect(plaintextAddress(app)).toBeNull()
    await expect(ask(plain)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('listens on every address of localhost', async () => {
    const app = Fastify({ https: tls })
    open.push(app)
    await app.register(https, options)
    await app.listen({ port: 0 })
    const { port } = plaintextAddress(app) as AddressInfo
    expect((await ask(port, { host: 'localhost', path: '/x' })).status).toBe(301)
  })

  it('refuses a second plaintext listener for one app', async () => {
    const app = Fastify({ https: tls })
    open.push(app)
    await app.register(https, options)
    const inner = app.register(async (child) => {
      await child.register(https, options)
    })
    await expect(Promise.resolve(inner)).rejects.toMatchObject({ code: 'PTC_HTTPS_PLAINTEXT_DUPLICATE' })
  })
})

describe('the example', () => {
  it('answers over TLS with HSTS', async () => {
    const { app } = await import('../example.ts')
    const answer = await app.inject('/orders')
    expect([answer.statusCode, answer.headers['strict-transport-security']]).toEqual([200, YEAR])
    await app.close()
  })
})
