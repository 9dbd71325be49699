import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it, vi } from 'vitest'
import { naive, official, strippingLast } from './official.ts'
import { createAuthority } from './certificates.ts'
import { pair, rawExchange, send, stage, startBackend } from './stage.ts'

const listenOn = async (app: FastifyInstance): Promise<number> => {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

describe('whoever stands between the gateway and a service', () => {
  it('cannot pass for the service with a certificate of its own', async () => {
    const impostor = await startBackend()
    expect((await (await official(impostor.port)).inject('/api/profile')).statusCode).toBe(200)
    expect(impostor.hits).toHaveLength(1)

    const { app, events } = await stage(impostor.port, { upstream: { ca: (await createAuthority()).ca } })
    const answer = await app.inject('/users/profile')
    expect(answer.statusCode).toBe(502)
    expect(answer.json()).toMatchObject({ code: 'PTC_GATEWAY_UPSTREAM_FAILED' })
    expect(impostor.hits).toHaveLength(1)
    expect(events).toMatchObject([{ type: 'gateway.upstream-failed', detail: { upstream: 'user-service' } }])
  })

  it("cannot pass for the service with another service's certificate", async () => {
    const other = await startBackend(undefined, { host: 'payment-service.local' })
    expect((await (await official(other.port)).inject('/api/profile')).statusCode).toBe(200)
    const { app, events } = await stage(other.port)
    expect((await app.inject('/users/profile')).statusCode).toBe(502)
    expect(events).toMatchObject([{ detail: { reason: 'ERR_TLS_CERT_ALTNAME_INVALID' } }])
    expect(other.hits).toHaveLength(1)
  })

  it('is not let in by NODE_TLS_REJECT_UNAUTHORIZED=0', async () => {
    const impostor = await startBackend(undefined, { host: 'elsewhere.local' })
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    try {
      const warned = once(process, 'warning')
      const { app } = await stage(impostor.port)
      expect((await fetch(`https://127.0.0.1:${impostor.port}/`)).status).toBe(200)
      await warned
      expect((await app.inject('/users/profile')).statusCode).toBe(502)
      expect(impostor.hits).toHaveLength(1)
    } finally {
      vi.unstubAllEnvs()
    }
  })
})

describe('a client', () => {
  it.each([
    ['x-user-id', '1'],
    ['X_User_Id', '1'],
    ['x-forwarded-for', '10.0.0.1'],
    ['X_Forwarded_For', '10.0.0.1'],
    ['forwarded', 'for=10.0.0.1'],
    ['x-real-ip', '10.0.0.1'],
    ['x-client-cert', 'MII'],
    ['remote-user', 'admin'],
    ['x-original-url', '/admin'],
    ['x-http-method-override', 'DELETE'],
    ['proxy-authorization', 'Basic YTpi'],
    ['te', 'trailers'],
    ['cookie', 'session=1'],
    ['authorization', 'Bearer stolen'],
  ])('cannot send a service the field %s', async (name, value) => {
    const backend = await startBackend()
    await (await official(backend.port)).inject({ url: '/api/profile', headers: { [name]: value } })
    expect(JSON.stringify(backend.hits[0]?.rawHeaders)).toContain(value)

    const { app } = await stage(backend.port)
    expect((await app.inject({ url: '/users/profile', headers: { [name]: value } })).statusCode).toBe(200)
    const raw = backend.hits[1]?.rawHeaders ?? []
    expect(raw).not.toContain(value)
    if (name.includes('_')) expect(raw.map((field) => field.toLowerCase())).not.toContain(name.toLowerCase())
  })

  it('cannot take a field out of the request by naming it in Connection', async () => {
    const open = await startBackend(undefined, { tls: false })
    await strippingLast(open.port).inject({ url: '/', headers: { connection: 'x-user-id' } })
    expect(open.hits[0]?.headers).not.toHaveProperty('x-user-id')

    const backend = await startBackend()
    const headers = { connection: 'x-tenant, authorization, x-forwarded-for, forwarded', 'x-tenant': 'a' }
    const staged = await stage(backend.port, { options: { forwardFields: ['x-tenant'] } })
    await send(await staged.listen(), { headers })
    const received = backend.hits[0]?.headers
    expect(received).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      authorization: expect.stringMatching(/^Bearer ey/),
    })
    expect(received?.forwarded).toMatch(/^for=127\.0\.0\.1;proto=http;host="127\.0\.0\.1:\d+"$/)
    // Meant for the gateway alone, it goes no further.
    expect(received).not.toHaveProperty('x-tenant')
  })

  it.each([
    '/files/..%2fadmin',
    '/files/%2e%2e%2fadmin',
    '/files/%2e%2e/admin',
    '/files/.%2e/admin',
    '/files/a/../../admin',
    '/files/..;x/admin',
    '/files/%2e%2e;x/admin',
    '/files/..%5cadmin',
    String.raw`/files/..\admin`,
    '/files/%252e%252e%252fadmin',
    '/files/a%00.txt',
    '/files/a%0d%0aset-cookie:x',
    '/files/%ef%bc%8e%ef%bc%8e/admin',
    '/files/..%ef%bc%8fadmin',
  ])('cannot name another path by %s', async (path) => {
    const backend = await startBackend(undefined, { tls: false })
    const port = await listenOn(naive(backend.port))
    const request = `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`
    expect(await rawExchange(port, request)).toMatch(/^HTTP\/1\.1 200/)

    const staged = await stage(backend.port, {
      upstream: { targets: [`http://user-service.local:${backend.port}`], dangerouslyPlaintext: true },
      routes: [{ match: { method: ['GET'], path: '/files/*' }, upstream: 'user-service', rewrite: '/store/*' }],
    })
    const answer = await rawExchange(await staged.listen(), request)
    expect(answer).toMatch(/^HTTP\/1\.1 400/)
    expect(answer).toContain('PTC_GATEWAY_PATH_REFUSED')
    expect(backend.hits).toHaveLength(1)
    expect(staged.events).toMatchObject([{ type: 'gateway.rejected', outcome: 'denied' }])
  })

  it('cannot name two hosts', async () => {
    const backend = await startBackend()
    const request = 'GET /users/profile HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n'
    expect(await rawExchange(await listenOn(await official(backend.port)), request)).toMatch(/^HTTP\/1\.1 200/)
    const staged = await stage(backend.port)
    expect(await rawExchange(await staged.listen(), request)).toMatch(/^HTTP\/1\.1 400/)
    expect(backend.hits).toHaveLength(1)
  })

  it.each(['a, b', 'a b', 'a:1@b', 'a/b', '<a>', 'a:123456'])('cannot be sent to the host %j', async (host) => {
    const backend = await startBackend()
    const request = `GET /users/profile HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
    expect(await rawExchange(await listenOn(await official(backend.port)), request)).toMatch(/^HTTP\/1\.1 200/)
    const staged = await stage(backend.port)
    expect(await rawExchange(await staged.listen(), request)).toMatch(/^HTTP\/1\.1 400/)
    expect(backend.hits).toHaveLength(1)
  })

  it.each([
    ['in HTTP/1.0, which does not know chunks', '1.0', 'chunked'],
    ['under a coding that nobody undoes', '1.1', 'gzip, chunked'],
  ])('cannot frame a body %s', async (_how, version, coding) => {
    const backend = await startBackend((request, response) => {
      request.resume().on('end', () => response.end('ok'))
    })
    const request = (more: string) =>
      `POST /users/profile HTTP/${version}\r\nHost: a\r\n${more}Transfer-Encoding: ${coding}\r\n\r\n1\r\na\r\n0\r\n\r\n`
    const open = await listenOn(await official(backend.port))
    expect(await rawExchange(open, request('Content-Type: text/plain\r\nConnection: close\r\n'))).toMatch(
      /^HTTP\/1\.1 200/,
    )
    const hits = backend.hits.length

    const staged = await stage(backend.port)
    const next = 'GET /users/profile HTTP/1.1\r\nHost: a\r\n\r\n'
    const answer = await rawExchange(await staged.listen(), request('') + next)
    expect(answer).toMatch(/^HTTP\/1\.1 400/)
    expect(answer).toMatch(/^connection: close/im)
    expect(answer.match(/^HTTP/gm)).toHaveLength(1)
    expect(backend.hits).toHaveLength(hits)
  })

  it('cannot send a service more than the limit, declared or not', async () => {
    const body = Buffer.alloc(5_000_000)
    let received = 0
    const backend = await startBackend((request, response) => {
      request.on('data', (chunk: Buffer) => (received += chunk.length))
      request.on('end', () => response.end(String(received)))
    })
    const open = await listenOn(await official(backend.port, {}, { bodyLimit: 1_048_576 }))
    expect(String((await send(open, { method: 'POST', headers: { 'content-length': '5000000' }, body })).body)).toBe(
      '5000000',
    )

    const staged = await stage(backend.port)
    const port = await staged.listen()
    expect(await send(port, { method: 'POST', headers: { 'content-length': '5000000' }, body })).toMatchObject({
      status: 413,
    })
    expect(backend.hits).toHaveLength(1)
    received = 0
    const answer = await send(port, { method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body })
    expect(answer).toMatchObject({ status: 413, headers: { connection: 'close' } })
    expect(received).toBeLessThanOrEqual(1_048_576)
  })

  it('cannot open a WebSocket past the checks', async () => {
    const backend = await startBackend()
    const headers = {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-version': '13',
    }
    expect((await (await official(backend.port)).inject({ url: '/', headers })).statusCode).toBe(200)
    const { app } = await stage(backend.port)
    expect((await app.inject({ url: '/users/profile', headers })).json()).toMatchObject({
      code: 'PTC_GATEWAY_UPGRADE_REFUSED',
      status: 501,
    })
    expect(backend.hits).toHaveLength(1)
  })

  it('cannot pile requests up in front of a slow service', async () => {
    const backend = await startBackend(() => {})
    const agent = new Agent({ keepAlive: false })
    const flood = (port: number): unknown[] =>
      Array.from({ length: 20 }, () =>
        httpRequest({ port, host: '127.0.0.1', path: '/users/profile', agent })
          .on('error', () => {})
          .end(),
      )
    flood(await listenOn(await official(backend.port)))
    await vi.waitFor(() => expect(backend.hits).toHaveLength(20))

    const staged = await stage(backend.port, { upstream: { concurrency: 3 } })
    const port = await staged.listen()
    flood(port)
    await vi.waitFor(() => expect(backend.hits).toHaveLength(23))
    const answer = await send(port)
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    expect(backend.hits).toHaveLength(23)
    agent.destroy()
  })

  it("cannot bear the anonymous callers' subject", async () => {
    const backend = await startBackend()
    const subject = { internalToken: { issuer: 'gateway', key: pair.privateKey, anonymousSubject: 'gateway' } }
    const anonymous = await stage(backend.port, { options: subject })
    expect((await anonymous.app.inject('/users/profile')).statusCode).toBe(200)
    const named = await stage(backend.port, { options: subject, identity: { subject: 'gateway' } })
    expect((await named.app.inject('/users/profile')).statusCode).toBe(403)
    expect(backend.hits).toHaveLength(1)
  })

  it('refused by a step before the handler reaches no service', async () => {
    const backend = await startBackend()
    const { app } = await stage(backend.port, {
      before: (instance) =>
        instance.addHook('preHandler', async (_request, reply) => reply.code(401).send({ error: 'no' })),
    })
    for (const method of ['GET', 'POST', 'HEAD'] as const) await app.inject({ method, url: '/users/profile' })
    expect(backend.hits).toHaveLength(0)
  })
})

describe('a service', () => {
  it('is sent a request once, whatever it answers', async () => {
    const backend = await startBackend((_request, response) => response.writeHead(503, { 'retry-after': '0' }).end())
    const open = await official(backend.port)
    expect((await open.inject('/api/profile')).statusCode).toBe(503)
    const repeated = backend.hits.length
    expect(repeated).toBeGreaterThan(1)

    const { app } = await stage(backend.port)
    expect((await app.inject('/users/profile')).statusCode).toBe(503)
    expect(backend.hits).toHaveLength(repeated + 1)
  })

  it('that is down does not show where it would be', async () => {
    const dead = (await official(1)).inject('/api/profile')
    expect((await dead).body).toContain('127.0.0.1:1')
    const { app } = await stage(1)
    const answer = await app.inject('/users/profile')
    expect(answer.statusCode).toBe(502)
    expect(JSON.stringify([answer.headers, answer.body])).not.toMatch(/127\.0\.0\.1|user-service|ECONN/)
  })

  it('cannot tell where it runs, nor give orders to what stands in front of it', async () => {
    const backend = await startBackend((_request, response) => {
      response.writeHead(200, {
        server: 'internal/1.2',
        'x-powered-by': 'Express',
        'alt-svc': 'h2="internal:443"',
        via: '1.1 internal',
        connection: 'keep-alive, x-hop',
        'x-hop': '1',
        'x-accel-redirect': '/secret',
        'access-control-allow-origin': '*',
        'content-type': 'text/plain',
        'set-cookie': ['a=1', 'b=2'],
        'x-kept': 'yes',
      })
      response.end('ok')
    })
    const seen = (await (await official(backend.port)).inject('/')).headers
    expect(seen).toMatchObject({
      server: 'internal/1.2',
      'x-accel-redirect': '/secret',
      'access-control-allow-origin': '*',
    })
    const { app } = await stage(backend.port)
    const { headers } = await app.inject('/users/profile')
    const names = ['connection', 'content-type', 'date', 'set-cookie', 'transfer-encoding', 'x-kept', 'x-request-id']
    expect(Object.keys(headers).toSorted()).toEqual(names)
    expect(headers['set-cookie']).toEqual(['a=1', 'b=2'])
  })

  it("cannot undo the chain's fields", async () => {
    const backend = await startBackend((_request, response) => {
      response.setHeader('x-frame-options', 'ALLOWALL')
      response.setHeader('vary', 'accept-encoding')
      response.end('ok')
    })
    const before = (app: FastifyInstance): void => {
      app.addHook(
        'onRequest',
        async (_request, reply) => void reply.headers({ 'x-frame-options': 'DENY', vary: 'origin' }),
      )
    }
    const open = await official(backend.port, {
      preHandler: async (_request, reply) => void reply.header('x-frame-options', 'DENY'),
    })
    expect((await open.inject('/')).headers['x-frame-options']).toBe('ALLOWALL')
    const { app } = await stage(backend.port, { before })
    expect((await app.inject('/users/profile')).headers).toMatchObject({
      'x-frame-options': 'DENY',
      vary: 'origin, accept-encoding',
    })
  })

  it.each([
    ['https://user-service.local:PORT/api/profile?x=1', '/users/profile?x=1'],
    ['/api/profile', '/users/profile'],
    ['/internal/only', undefined],
    ['//evil.example/', undefined],
    ['https://evil.example/', undefined],
    ['http://10.0.0.3/metrics', undefined],
    ['https://id.example.com/authorize', 'https://id.example.com/authorize'],
  ])('that redirects to %s leads clients to %s', async (location, seen) => {
    const backend = await startBackend((_request, response) => {
      response.writeHead(302, { location: location.replace('PORT', String(backend.port)) }).end()
    })
    const open = (await (await official(backend.port)).inject('/')).headers.location
    expect(open).toBe(location.replace('PORT', String(backend.port)))
    const { app } = await stage(backend.port, { route: { redirectOrigins: ['https://id.example.com'] } })
    expect((await app.inject('/users/profile')).headers.location).toBe(seen)
  })

  it('that hangs does not keep clients waiting', async () => {
    const backend = await startBackend(() => {})
    let answered = false
    const open = (await official(backend.port)).inject('/').then(() => (answered = true))
    open.catch(() => {})
    const { app, events } = await stage(backend.port, { route: { timeouts: { headers: 1 } } })
    expect((await app.inject('/users/profile')).json()).toMatchObject({
      status: 504,
      code: 'PTC_GATEWAY_UPSTREAM_TIMED_OUT',
    })
    expect(events).toMatchObject([
      { type: 'gateway.upstream-timed-out', detail: { reason: 'UND_ERR_HEADERS_TIMEOUT' } },
    ])
    expect(answered).toBe(false)
  })
})

describe('cookies', () => {
  it('travel only by name', async () => {
    const backend = await startBackend()
    const { app } = await stage(backend.port, { route: { forwardCookies: ['__Host-refresh'] } })
    const cookie = 'session=1; __Host-refresh=abc=; x__Host-refresh=2;__host-refresh=3'
    await (await official(backend.port)).inject({ url: '/', headers: { cookie } })
    expect(backend.hits[0]?.headers.cookie).toBe(cookie)
    await app.inject({ url: '/users/profile', headers: { cookie } })
    expect(backend.hits[1]?.headers.cookie).toBe('__Host-refresh=abc=')
  })
})
