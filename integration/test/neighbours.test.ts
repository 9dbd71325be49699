import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import autoload from '@fastify/autoload'
import compress from '@fastify/compress'
import cookie from '@fastify/cookie'
import formbody from '@fastify/formbody'
import multipart from '@fastify/multipart'
import sensible from '@fastify/sensible'
import session from '@fastify/session'
import staticFiles from '@fastify/static'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import underPressure from '@fastify/under-pressure'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import { serverOptions } from '@portcullis/security'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { admitted, credential, houseOptions, open, origin, securedApp } from './secured-app.ts'

const running: FastifyInstance[] = []
afterEach(async () => {
  for (const app of running.splice(0)) await app.close()
})

function house(): FastifyInstance {
  const app = securedApp()
  running.push(app)
  return app
}

/** Whatever stands beside us: strangers are refused, callers are served, and every answer carries our fields. */
async function holds(app: FastifyInstance, url: string): Promise<string> {
  const refused = await app.inject({ url, headers: { origin } })
  expect([refused.statusCode, refused.headers['www-authenticate'] !== undefined]).toEqual([401, true])
  const served = await app.inject({ url, headers: { origin, ...credential } })
  expect([
    served.statusCode,
    served.headers['x-content-type-options'],
    served.headers['access-control-allow-origin'],
  ]).toEqual([200, 'nosniff', origin])
  return served.body
}

describe('the chain boots, protects and breaks nothing beside', () => {
  it('@fastify/swagger and @fastify/swagger-ui', async () => {
    const app = house()
    await app.register(swagger, { openapi: { info: { title: 'x', version: '1' } } })
    await app.register(swaggerUi, { routePrefix: '/docs' })
    app.get('/orders', { ...admitted, schema: { description: 'Orders' } }, async () => [])
    await app.ready()
    expect(JSON.stringify(app.swagger())).toContain('Orders')
    await holds(app, '/orders')
    const denied = await app.inject('/docs/json')
    expect(denied.statusCode).toBe(401)
    expect((await app.inject({ url: '/docs/json', headers: credential })).statusCode).toBe(403)
  })

  it('@fastify/swagger-ui in a scope that opens its routes', async () => {
    const app = house()
    await app.register(swagger, { openapi: { info: { title: 'x', version: '1' } } })
    await app.register(async (docs) => {
      const { default: auth } = await import('@portcullis/auth')
      const { default: headers } = await import('@portcullis/headers')
      await docs.register(auth, { enabled: false, ...(houseOptions.auth as object) })
      await docs.register(headers, { enabled: false })
      await docs.register(swaggerUi, { routePrefix: '/docs' })
    })
    app.get('/orders', admitted, async () => [])
    expect((await app.inject('/docs/json')).json().info.title).toBe('x')
    expect((await app.inject('/docs/')).body).toContain('swagger')
    await holds(app, '/orders')
  })

  it('@fastify/static', async () => {
    const app = house()
    await app.register(async (assets) => {
      const { default: auth } = await import('@portcullis/auth')
      await assets.register(auth, { enabled: false, ...(houseOptions.auth as object) })
      await assets.register(staticFiles, { root: import.meta.dirname, prefix: '/files/' })
    })
    app.get('/orders', admitted, async () => [])
    const file = await app.inject('/files/wire.ts')
    expect([file.statusCode, file.headers['x-content-type-options']]).toEqual([200, 'nosniff'])
    expect(file.body).toContain('export function dial')
    expect((await app.inject({ url: '/files/../../package.json' })).statusCode).not.toBe(200)
    await holds(app, '/orders')
  })

  it('@fastify/multipart', async () => {
    const app = house()
    await app.register(multipart)
    app.post('/upload', admitted, async (request) => {
      const file = await request.file()
      return { name: file?.filename, size: (await file?.toBuffer())?.length }
    })
    const boundary = 'xyz'
    const payload = `--${boundary}\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nhello\r\n--${boundary}--\r\n`
    const ask = (headers: object) =>
      app.inject({
        method: 'POST',
        url: '/upload',
        payload,
        headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, ...headers },
      })
    expect((await ask({})).statusCode).toBe(401)
    expect((await ask(credential)).json()).toEqual({ name: 'a.txt', size: 5 })
  })

  it('@fastify/formbody', async () => {
    const app = house()
    await app.register(formbody)
    app.post('/form', admitted, async (request) => request.body)
    const ask = (headers: object) =>
      app.inject({
        method: 'POST',
        url: '/form',
        payload: 'a=1',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      })
    expect((await ask({})).statusCode).toBe(401)
    expect((await ask(credential)).json()).toEqual({ a: '1' })
  })

  it('@fastify/compress, refusals and default answers included', async () => {
    const app = house()
    await app.register(compress, { threshold: 0, encodings: ['gzip'] })
    app.get('/orders', admitted, async () => ({ text: 'x'.repeat(5_000) }))
    app.get('/boom', admitted, async () => {
      throw new Error('secret')
    })
    const packed = await app.inject({ url: '/orders', headers: { ...credential, 'accept-encoding': 'gzip' } })
    expect([packed.headers['content-encoding'], packed.headers['x-content-type-options']]).toEqual(['gzip', 'nosniff'])
    const { gunzipSync } = await import('node:zlib')
    const failed = await app.inject({ url: '/boom', headers: { ...credential, 'accept-encoding': 'gzip' } })
    expect(JSON.parse(gunzipSync(failed.rawPayload).toString()).code).toBe('PTC_INTERNAL')
    await holds(app, '/orders')
  })

  it('@fastify/cookie and @fastify/session', async () => {
    const app = house()
    await app.register(cookie)
    await app.register(session, { secret: 'a secret with at least thirty-two characters', cookie: { secure: false } })
    app.get('/count', admitted, async (request) => {
      const stored = request.session as unknown as { count?: number }
      stored.count = (stored.count ?? 0) + 1
      return { count: stored.count }
    })
    const first = await app.inject({ url: '/count', headers: credential })
    const sent = first.cookies[0]
    const second = await app.inject({
      url: '/count',
      headers: credential,
      cookies: { [sent?.name ?? '']: sent?.value ?? '' },
    })
    expect([first.json(), second.json()]).toEqual([{ count: 1 }, { count: 2 }])
    await holds(app, '/count')
  })

  it('@fastify/websocket: an upgrade without a credential never opens', async () => {
    const app = house()
    await app.register(websocket)
    app.register(async (scope) => {
      const echo = (socket: WebSocket): void => {
        socket.on('message', (message: Buffer) => socket.send(`echo ${message.toString()}`))
      }
      scope.get('/ws', { websocket: true, ...(admitted as object) }, echo as never)
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const url = `ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/ws`
    const refused = await new Promise<string>((resolve) => {
      new WebSocket(url).on('error', (error: Error) => resolve(error.message))
    })
    expect(refused).toContain('401')
    const echoed = await new Promise<string>((resolve, reject) => {
      const socket = new WebSocket(url, { headers: credential })
      socket.on('error', reject)
      socket.on('open', () => socket.send('hi'))
      socket.on('message', (message: Buffer) => {
        resolve(message.toString())
        socket.terminate()
      })
    })
    expect(echoed).toBe('echo hi')
  })

  it('@fastify/autoload', async () => {
    const app = Fastify(serverOptions())
    running.push(app)
    await app.register(autoload, { dir: join(import.meta.dirname, 'autoload/routes'), forceESM: true })
    await app.register(autoload, {
      dir: join(import.meta.dirname, 'autoload/plugins'),
      options: houseOptions as object,
      forceESM: true,
    })
    expect(JSON.parse(await holds(app, '/orders'))).toEqual([{ id: 1 }])
  })

  it('@fastify/sensible: the messages of its errors stay', async () => {
    const app = house()
    await app.register(sensible)
    app.get('/orders', admitted, async () => [])
    app.get('/taken', admitted, async (_request, reply) => reply.conflict('that name is taken'))
    const taken = await app.inject({ url: '/taken', headers: credential })
    expect([taken.statusCode, taken.json().message, taken.headers['x-content-type-options']]).toEqual([
      409,
      'that name is taken',
      'nosniff',
    ])
    await holds(app, '/orders')
  })

  it('@fastify/under-pressure: its 503 carries our fields', async () => {
    const app = house()
    await app.register(underPressure, {
      healthCheck: async () => true,
      healthCheckInterval: 10_000,
      exposeStatusRoute: { url: '/status', routeOpts: { config: { security: { auth: false } } } as never },
    })
    app.get('/orders', admitted, async () => [])
    expect((await app.inject('/status')).statusCode).toBe(200)
    await holds(app, '/orders')
    const pressed = house()
    await pressed.register(underPressure, { maxHeapUsedBytes: 1, sampleInterval: 5 })
    pressed.get('/orders', open, async () => [])
    await pressed.ready()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const answer = await pressed.inject('/orders')
    expect([answer.statusCode, answer.headers['x-content-type-options'] ?? 'missing']).toEqual([503, 'nosniff'])
  })

  it('NestJS on Fastify', async () => {
    await import('reflect-metadata')
    const { Controller, Get, Module } = await import('@nestjs/common')
    const { NestFactory } = await import('@nestjs/core')
    const { FastifyAdapter } = await import('@nestjs/platform-fastify')
    const { default: security } = await import('@portcullis/security')
    // Decorators as calls: the test files are stripped of types, not compiled.
    class Orders {
      list(): object[] {
        return [{ id: 1 }]
      }
      fail(): never {
        throw new Error('secret')
      }
    }
    const list = Object.getOwnPropertyDescriptor(Orders.prototype, 'list') as PropertyDescriptor
    const fail = Object.getOwnPropertyDescriptor(Orders.prototype, 'fail') as PropertyDescriptor
    const { RouteConfig } = await import('@nestjs/platform-fastify')
    Get('list')(Orders.prototype, 'list', list)
    RouteConfig({ security: { auth: {} } })(Orders.prototype, 'list', list)
    Get('fail')(Orders.prototype, 'fail', fail)
    RouteConfig({ security: { auth: {} } })(Orders.prototype, 'fail', fail)
    Controller('orders')(Orders)
    class House {}
    Module({ controllers: [Orders] })(House)

    const adapter = new FastifyAdapter(serverOptions() as never)
    const nest = await NestFactory.create(House, adapter, { logger: false })
    const app = adapter.getInstance() as unknown as FastifyInstance
    running.push({ close: async () => nest.close() } as FastifyInstance)
    await (adapter as unknown as { register(plugin: unknown, options: object): Promise<void> }).register(
      security,
      houseOptions,
    )
    await nest.init()
    await app.ready()
    expect(JSON.parse(await holds(app, '/orders/list'))).toEqual([{ id: 1 }])
    const failed = await app.inject({ url: '/orders/fail', headers: credential })
    expect([failed.statusCode, failed.body.includes('secret')]).toEqual([500, false])
  })
})
