import { once } from 'node:events'
import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { jwtVerify } from 'jose'
import { describe, expect, it, vi } from 'vitest'
import { optionsFor, publicKey, send, stage, startBackend } from './stage.ts'
import Fastify from 'fastify'
import gateway from '../src/index.ts'

describe('forwarding', () => {
  it("answers with the service's answer, from the rewritten path", async () => {
    const backend = await startBackend()
    const { app } = await stage(backend.port)
    const answer = await app.inject('/users/profile?fields=id&x=%2F')
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual({ id: 101 })
    expect(backend.hits[0]?.url).toBe('/api/profile?fields=id&x=%2F')
    expect(backend.hits[0]?.headers.host).toBe(`user-service.local:${backend.port}`)
  })

  it('fills path parameters in, encoded again', async () => {
    const backend = await startBackend()
    const { app } = await stage(backend.port, {
      routes: [
        { match: { method: ['GET'], path: '/posts/:id/comments' }, upstream: 'user-service', rewrite: '/api/p/:id/c' },
        { match: { method: ['GET'], path: '/files/*' }, upstream: 'user-service', rewrite: '/store/*' },
      ],
    })
    await app.inject('/posts/a%20b%3Fc/comments')
    await app.inject('/files/x/y%23z')
    expect(backend.hits.map((hit) => hit.url)).toEqual(['/api/p/a%20b%3Fc/c', '/store/x/y%23z'])
  })

  it.each([
    ['GET', 204],
    ['GET', 304],
    ['HEAD', 200],
  ] as const)('passes a %s answered %i on without a body', async (method, status) => {
    const backend = await startBackend((_request, response) => {
      response.writeHead(status, { 'content-length': status === 200 ? '5' : '0', etag: '"a"' })
      response.end()
    })
    const staged = await stage(backend.port)
    const answer = await send(await staged.listen(), { method })
    expect(answer).toMatchObject({ status, whole: true, body: Buffer.alloc(0), headers: { etag: '"a"' } })
    expect(answer.headers['content-length']).toBe({ 200: '5', 204: undefined, 304: '0' }[status])
    expect(backend.hits[0]?.method).toBe(method)
  })

  it('streams bodies both ways, byte for byte and whatever their type', async () => {
    const body = randomBytes(3_000_000)
    const backend = await startBackend((request, response) => {
      response.setHeader('content-type', 'application/octet-stream')
      request.pipe(response)
    })
    const staged = await stage(backend.port, { route: { bodyLimit: 4_000_000 } })
    const port = await staged.listen()
    for (const headers of [
      { 'content-type': 'application/json', 'content-length': String(body.length) },
      { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      { 'transfer-encoding': 'chunked' },
    ]) {
      const answer = await send(port, { method: 'POST', headers: headers as never, body })
      expect(createHash('sha256').update(answer.body).digest('hex')).toBe(
        createHash('sha256').update(body).digest('hex'),
      )
    }
    expect(backend.hits[0]?.headers['content-length']).toBe(String(body.length))
  })

  it('hands the first piece of an answer on before the service has the second', async () => {
    let finish = (): void => {}
    const backend = await startBackend((_request, response) => {
      response.write('first')
      finish = () => response.end('second')
    })
    const staged = await stage(backend.port)
    const request = httpRequest({
      port: await staged.listen(),
      path: '/users/profile',
      host: '127.0.0.1',
      agent: false,
    }).end()
    const [response] = await once(request, 'response')
    const [piece] = await once(response, 'data')
    expect(String(piece)).toBe('first')
    finish()
    const [rest] = await once(response, 'data')
    expect(String(rest)).toBe('second')
  })

  it('stops reading from a service while the client does not read', async () => {
    let written = 0
    const backend = await startBackend((_request, response) => {
      const piece = Buffer.alloc(65_536)
      const fill = (): void => {
        while (written < 200_000_000 && response.write(piece)) written += piece.length
      }
      response.on('drain', fill)
      fill()
    })
    const staged = await stage(backend.port)
    const request = httpRequest({
      port: await staged.listen(),
      path: '/users/profile',
      host: '127.0.0.1',
      agent: false,
    }).end()
    const [response] = await once(request, 'response')
    response.pause()
    let before = -1
    // Settled when nothing more was taken between two looks.
    while (before !== written) {
      before = written
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
    expect(written).toBeLessThan(50_000_000)
    request.destroy()
  })

  it('declares HEAD with GET, and nothing else', async () => {
    const backend = await startBackend()
    const { app } = await stage(backend.port, { match: { method: 'GET' } })
    expect((await app.inject({ method: 'HEAD', url: '/users/profile' })).statusCode).toBe(200)
    expect((await app.inject({ method: 'POST', url: '/users/profile' })).statusCode).toBe(404)
    expect(backend.hits).toHaveLength(1)
  })

  it('serves a registration under a prefix, and maps locations back to it', async () => {
    const backend = await startBackend((_request, response) => {
      response.writeHead(302, { location: '/api/profile?again' }).end()
    })
    const app = Fastify()
    const options = await optionsFor(backend.port)
    await app.register(async (scope) => scope.register(gateway, options), { prefix: '/v1' })
    expect((await app.inject('/v1/users/profile')).headers.location).toBe('/v1/users/profile?again')
    await app.close()
  })
})

describe('the internal token', () => {
  it('names the caller to the one service that it is for', async () => {
    const backend = await startBackend()
    const { app } = await stage(backend.port, {
      identity: {
        subject: '101',
        scopes: ['profile:read', 'posts:write'],
        claims: { username: 'masum', email: 'm@example.com' },
      },
      options: {
        internalToken: {
          issuer: 'gateway',
          key: (await optionsFor(1)).internalToken.key,
          claims: ['username'],
          keyId: 'k1',
        },
      },
    })
    await app.inject('/users/profile')
    const token = String(backend.hits[0]?.headers.authorization).replace('Bearer ', '')
    const { payload, protectedHeader } = await jwtVerify(token, publicKey(), {
      issuer: 'gateway',
      audience: 'user-service',
      typ: 'at+jwt',
    })
    expect(payload).toMatchObject({ sub: '101', scope: 'profile:read posts:write', username: 'masum' })
    expect(payload).not.toHaveProperty('email')
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60)
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: 'k1' })
  })

  it('has no subject when nobody is known', async () => {
    const backend = await startBackend()
    const { app } = await stage(backend.port)
    await app.inject('/users/profile')
    const token = String(backend.hits[0]?.headers.authorization).replace('Bearer ', '')
    expect((await jwtVerify(token, publicKey())).payload).not.toHaveProperty('sub')
  })
})

describe('registration', () => {
  it('needs the auth room, unless it is told dangerously', async () => {
    const app = Fastify()
    const options = await optionsFor(1, { options: { dangerouslyWithoutAuth: false } })
    app.register(gateway, options)
    await expect(app.ready()).rejects.toMatchObject({ code: 'PTC_ROOM_MISSING' })
  })

  it("hands a route's policies to the rooms they are for", async () => {
    const backend = await startBackend()
    const { app } = await stage(backend.port, { route: { policy: { nosuch: {} } as never } })
    await expect(app.ready()).rejects.toThrow(/GET \/users\/profile/)
  })

  it('lets a request under way finish when the app closes', async () => {
    let finish = (): void => {}
    const backend = await startBackend((_request, response) => {
      finish = () => response.end('late')
    })
    const staged = await stage(backend.port)
    const answer = send(await staged.listen())
    await vi.waitFor(() => expect(backend.hits).toHaveLength(1))
    const closed = staged.app.close()
    finish()
    expect(await answer).toMatchObject({ status: 200, whole: true })
    await closed
  })

  it('ends the connections to services when the app closes', async () => {
    const backend = await startBackend()
    const { app } = await stage(backend.port)
    await app.inject('/users/profile')
    const socket = backend.hits[0]?.socket
    const closed = once(socket as never, 'close')
    await app.close()
    await closed
    expect(socket?.destroyed).toBe(true)
  })
})

it('runs the example', async () => {
  const { app, publicKey: key } = await import('../example.ts')
  // Nothing listens where its service would be.
  expect((await app.inject('/users/profile')).json()).toMatchObject({ code: 'PTC_GATEWAY_UPSTREAM_FAILED' })
  expect((await app.inject('/elsewhere')).statusCode).toBe(404)
  expect(key.type).toBe('public')
  await app.close()
})
