import dns from 'node:dns'
import { request as httpRequest, createServer, type RequestListener } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { onSecurityEvent, serverOptions } from '../src/index.ts'
import { marking, policy, refusing } from './rooms.ts'

const open: FastifyInstance[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

/** Routes of every sort behind a room that refuses everybody; `reached` tells which handlers ran all the same. */
function closed(app: FastifyInstance, reached: string[]): FastifyInstance {
  const handler = (name: string) => async () => {
    reached.push(name)
    return name
  }
  app.register(refusing('auth'))
  app.get('/admin', handler('get'))
  app.all('/all', handler('all'))
  app.get('/p/:name', handler('parameter'))
  app.get('/w/*', handler('wildcard'))
  app.get('/r/:id(^\\d+$)', handler('expression'))
  app.get('/host', { constraints: { host: 'a.example' } }, handler('host'))
  app.get('/version', { constraints: { version: '2.0.0' } }, handler('version'))
  app.register(
    async (child) => {
      child.get('/', handler('prefixed'))
      child.route({ method: ['GET', 'POST'], url: '/deep', handler: handler('deep') })
      child.setNotFoundHandler({ preHandler: async () => void reached.push('preHandler') }, handler('not found'))
    },
    { prefix: '/v1' },
  )
  app.setNotFoundHandler(handler('root not found'))
  return app
}

const urls = [
  '/admin',
  '//admin',
  '/admin/',
  '/ADMIN',
  '/admin?',
  '/admin?a=/p/x',
  '/admin;x',
  '/%61dmin',
  '/admin#x',
  '/admin%2f',
  '/all',
  '/p/x',
  '/p/x%2Fy',
  '/p/',
  '/w/',
  '/w/a/../../admin',
  '/r/1',
  '/r/x',
  '/host',
  '/version',
  '/v1',
  '/v1/',
  '/v1/deep',
  '/v1/nowhere',
  '/nowhere',
  '*',
  'http://a.example/admin',
  '/v1//deep',
  '/p/../admin',
  '/',
]

describe('no way around the chain leads to a handler', () => {
  it.each([
    ['default options', {}],
    ['serverOptions', serverOptions()],
    ['a router that ignores case', { routerOptions: { caseSensitive: false } }],
    ['a router that ignores slashes', { routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true } }],
    ['semicolons that end the path', { routerOptions: { useSemicolonDelimiter: true } }],
    ['a compiled router', { routerOptions: { compile: true } }],
    ['rewritten URLs', { rewriteUrl: (raw: { url?: string }) => (raw.url === '/' ? '/admin' : (raw.url ?? '')) }],
    ['no HEAD twins', { exposeHeadRoutes: false }],
  ])('under %s', async (_what, options) => {
    const reached: string[] = []
    const app = closed(Fastify(options as object), reached)
    for (const url of urls) {
      for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS', 'TRACE', 'PROPFIND'] as const) {
        for (const headers of [
          {},
          { host: 'a.example', 'accept-version': '2.x' },
          { origin: 'https://b.example', 'access-control-request-method': 'GET' },
        ]) {
          const response = await app.inject({ method: method as 'GET', url: url.startsWith('/') ? url : '/', headers })
          expect([400, 401]).toContain(response.statusCode)
        }
      }
    }
    expect(reached).toEqual([])
  })

  it('under a server of one’s own, over sockets, with every request target', async () => {
    const reached: string[] = []
    const app = closed(
      Fastify({ ...serverOptions(), serverFactory: (handler: RequestListener) => createServer(handler) } as object),
      reached,
    )
    await app.listen({ port: 0, host: '127.0.0.1' })
    open.push(app)
    const { port } = app.server.address() as AddressInfo
    for (const path of urls) {
      const status = await new Promise((resolve, reject) => {
        httpRequest({ port, host: '127.0.0.1', path, method: path === '*' ? 'OPTIONS' : 'GET' }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
          .on('error', reject)
          .end()
      })
      expect([400, 401]).toContain(status)
    }
    expect(reached).toEqual([])
  })

  it('with methods that were added to Fastify', async () => {
    const app = Fastify()
    app.addHttpMethod('REPORT', { hasBody: true })
    app.register(refusing('auth'))
    app.route({ method: 'REPORT', url: '/', handler: async () => 'secret' })
    expect((await app.inject({ method: 'REPORT' as 'GET', url: '/' })).statusCode).toBe(401)
  })

  it('in versioned twins that an onRoute hook declares', async () => {
    const app = Fastify()
    app.register(refusing('auth'))
    app.addHook('onRoute', function twin(route) {
      if (!route.url.startsWith('/v2') && route.method === 'GET') this.route({ ...route, url: `/v2${route.url}` })
    })
    app.get('/a', policy({ auth: false }), async () => 'x')
    app.get('/b', async () => 'secret')
    const statuses = await Promise.all(
      ['/a', '/v2/a', '/b', '/v2/b'].map(async (url) => (await app.inject(url)).statusCode),
    )
    expect(statuses).toEqual([200, 200, 401, 401])
  })

  it('after a ready that failed', async () => {
    const app = Fastify()
    app.register(refusing('auth'))
    app.get('/', policy({ auht: false }), async () => 'secret')
    await app.ready().then(undefined, () => undefined)
    const status = await app.listen({ port: 0, host: '127.0.0.1' }).then(
      async (origin) => (await fetch(origin)).status,
      () => 'refused to listen',
    )
    open.push(app)
    expect([500, 'refused to listen']).toContain(status)
  })
})

describe('HTTP/2', () => {
  it('is guarded like HTTP/1.1, and answers no field that it does not know', async () => {
    const warnings: unknown[] = []
    const warn = (warning: unknown) => void warnings.push(warning)
    process.on('warning', warn)
    const app = Fastify({ http2: true })
    app.register(marking('headers'))
    app.register(async (child) => {
      await child.register(refusing('auth'))
      child.get('/closed', async () => 'secret')
    })
    app.get('/open', async () => 'x')
    let arrived: () => void = () => undefined
    const waiting = new Promise<void>((resolve) => (arrived = resolve))
    app.get('/slow', () => {
      arrived()
      return new Promise((resolve) => setTimeout(() => resolve('x'), 100))
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const session = connectHttp2(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
    const get = (path: string, fields = {}) =>
      new Promise<Record<string, unknown>>((resolve, reject) => {
        const stream = session.request({ ':path': path, ...fields })
        stream.on('response', (headers) => resolve({ ...headers }))
        stream.on('error', reject)
        stream.resume()
      })
    expect(await get('/open')).toMatchObject({ ':status': 200, 'x-headers': 'default' })
    expect(await get('/closed')).toMatchObject({ ':status': 401 })
    expect(await get('/open', { expect: 'hunter2' })).toMatchObject({ ':status': 417 })
    expect(await get('/%zz')).toMatchObject({ ':status': 400 })
    const slow = get('/slow')
    await waiting
    session.close()
    expect(await slow).toMatchObject({ ':status': 200 })
    await app.close()
    process.off('warning', warn)
    expect(warnings).toEqual([])
  })
})

describe.runIf(process.platform === 'linux')('an app that listens on more than one address', () => {
  it('answers early failures alike on all of them', async () => {
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((host: string, _options: object, done: LookupDone) => {
      const addresses = host === 'localhost' ? ['127.0.0.1', '127.0.0.2'] : [host]
      done(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      )
    }) as never)
    const app = Fastify(serverOptions())
    const told: unknown[] = []
    onSecurityEvent(app, ({ code }) => told.push(code))
    app.register(marking('headers'))
    await app.listen({ port: 0, host: 'localhost' }).finally(() => lookup.mockRestore())
    open.push(app)
    const addresses = app.addresses() as AddressInfo[]
    expect(addresses.map(({ address }) => address).toSorted()).toEqual(['127.0.0.1', '127.0.0.2'])
    for (const { address, port } of addresses) {
      for (const [bytes, status] of [
        ['hunter2\r\n\r\n', 400],
        ['GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: x\r\n\r\n', 417],
      ] as const) {
        const answer = await raw(port, address, bytes)
        expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
        expect(answer.toLowerCase()).toContain('x-headers:')
      }
    }
    expect(told).toHaveLength(4)
  })
})

type LookupDone = (error: null, addresses: unknown) => void

/** Sends bytes and reads until the server closes. */
function raw(port: number, host: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host)
    let all = ''
    socket.on('data', (chunk) => (all += chunk.toString()))
    socket.on('close', () => resolve(all))
    socket.on('error', reject)
    socket.write(bytes)
  })
}
