import cors, { type CorsOptions } from '@portcullis/cors'
import { onSecurityEvent, serverOptions } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { spawnSync } from 'node:child_process'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'

const origin = 'https://app.example.com'
const evil = 'https://evil.test'
const open: FastifyInstance[] = []

afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

async function make(options: CorsOptions, routes: (app: FastifyInstance) => void = () => {}): Promise<FastifyInstance> {
  const app = Fastify(serverOptions())
  open.push(app)
  await app.register(cors, options)
  app.get('/users', async () => '')
  app.post('/users', async () => '')
  routes(app)
  return app
}

/** Sends lines as they are and reads what comes back. */
async function raw(app: FastifyInstance, ...lines: string[]): Promise<string> {
  if (app.server.address() === null) await app.listen({ host: '127.0.0.1', port: 0 })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write(`${lines.join('\r\n')}\r\nHost: api.example.com\r\nConnection: close\r\n\r\n`)
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer.toLowerCase()
}

const asks = ['OPTIONS /users HTTP/1.1', `Origin: ${origin}`, 'Access-Control-Request-Method: POST']

describe('on the wire', () => {
  it.each([
    [
      'in several lines',
      ['Access-Control-Request-Headers: authorization', 'Access-Control-Request-Headers: content-type'],
    ],
    ['with empty elements', ['Access-Control-Request-Headers: ,authorization, ,content-type,']],
    ['that is empty', ['Access-Control-Request-Headers:']],
    ['with tabs', ['Access-Control-Request-Headers:\tauthorization\t,\tcontent-type']],
  ])('a list of header fields %s is read as one', async (_, lines) => {
    const app = await make({ origins: [origin], credentials: true })
    const answer = await raw(app, ...asks, ...lines)
    expect(answer).toMatch(/^http\/1\.1 204 /)
    expect(answer).toContain('access-control-allow-headers: content-type, authorization\r\n')
  })

  it.each([
    [
      'with one that is not allowed in the second line',
      ['Access-Control-Request-Headers: authorization', 'Access-Control-Request-Headers: x-evil'],
    ],
    ['of 8 KB of commas', [`Access-Control-Request-Headers: ${','.repeat(8000)}`]],
    ['of 8 KB of one name', [`Access-Control-Request-Headers: ${'authorization,'.repeat(570)}`]],
    ['that names a field twice over', [`Access-Control-Request-Headers: authorization content-type`]],
    ['that is a wildcard', ['Access-Control-Request-Headers: *']],
  ])('a list of header fields %s is refused, and never repeated', async (_, lines) => {
    const app = await make({ origins: [origin], credentials: true })
    const answer = await raw(app, ...asks, ...lines)
    expect(answer).toMatch(/^http\/1\.1 403 /)
    expect(answer).not.toContain('access-control-allow')
    expect(answer).not.toContain('x-evil')
  })

  it.each([
    ['origins in two lines', [`Origin: ${origin}`, `Origin: ${evil}`]],
    ['origins in one line', [`Origin: ${origin} ${evil}`]],
    ['an empty origin', ['Origin:']],
    ['an origin in upper case', [`Origin: ${origin.toUpperCase()}`]],
  ])('%s are no allowed origin', async (_, lines) => {
    const app = await make({ origins: [origin] })
    const answer = await raw(app, 'GET /users HTTP/1.1', ...lines)
    expect(answer).toMatch(/^http\/1\.1 200 /)
    expect(answer).not.toContain('access-control-allow')
    expect(answer).toContain('vary: origin\r\n')
  })

  it('two requested methods are none', async () => {
    const app = await make({ origins: [origin] })
    expect(await raw(app, ...asks, 'Access-Control-Request-Method: GET')).toMatch(/^http\/1\.1 403 /)
  })

  it('HTTP/2 gets the same answers', async () => {
    const app = Fastify({ http2: true }) as unknown as FastifyInstance
    open.push(app)
    await app.register(cors, { origins: [origin], credentials: true })
    app.put('/users', async () => '')
    await app.listen({ host: '127.0.0.1', port: 0 })
    const session = connectHttp2(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
    const stream = session.request({
      ':method': 'OPTIONS',
      ':path': '/users',
      origin,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'content-type',
    })
    stream.end()
    const headers = await new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve))
    stream.resume()
    await new Promise<void>((resolve) => session.close(resolve))
    expect(headers).toMatchObject({
      ':status': 204,
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'PUT',
      'access-control-allow-credentials': 'true',
    })
  })
})

describe('the fields', () => {
  it.each([
    ['a HEAD', 'HEAD', '/users'],
    ['a stream', 'GET', '/stream'],
    ['a hijacked reply', 'GET', '/hijacked'],
    ['a redirect', 'GET', '/moved'],
    ['a 304', 'GET', '/unchanged'],
    ['an answer of a hook', 'GET', '/hook'],
    ['a 404 of a handler of its own', 'GET', '/nowhere'],
  ] as const)('stand on %s, and on none of a foreign page', async (_, method, url) => {
    const app = await make({ origins: [origin], credentials: true }, (server) => {
      server.get('/stream', async (_request, reply) => reply.send(Readable.from(['a', 'b'])))
      server.get('/hijacked', (_request, reply) => {
        reply.hijack()
        reply.raw.end('mine')
      })
      server.get('/moved', async (_request, reply) => reply.redirect('/users'))
      server.get('/unchanged', async (_request, reply) => reply.code(304).send())
      server.get('/hook', { preHandler: async (_request, reply) => reply.code(418).send('') }, async () => '')
      server.setNotFoundHandler(async (_request, reply) => reply.code(404).send('mine'))
    })
    const { headers } = await app.inject({ method, url, headers: { origin } })
    expect(headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    })
    const foreign = (await app.inject({ method, url, headers: { origin: evil } })).headers
    expect(Object.keys(foreign).filter((name) => name.startsWith('access-control'))).toEqual([])
    expect(foreign['vary']).toBe('Origin')
  })

  it.each([
    ['Accept-Encoding', 'Accept-Encoding, Origin'],
    ['origin, Accept', 'origin, Accept'],
    ['*', '*'],
    [['Accept', 'Accept-Language'], 'Accept, Accept-Language, Origin'],
  ])('keep the Vary %j of a handler', async (given, vary) => {
    const app = await make({ origins: [origin] }, (server) => {
      server.get('/varied', async (_request, reply) => reply.header('vary', given).send(''))
    })
    for (const headers of [{ origin }, { origin: evil }, {}])
      expect((await app.inject({ url: '/varied', headers })).headers.vary).toBe(vary)
  })

  it('let public routes stand beside credentialed ones, each with its own answer', async () => {
    const app = await make({ origins: [origin], credentials: true, exposedHeaders: ['X-Total'] }, (server) => {
      const open = { origins: ['*'], credentials: false, exposedHeaders: [] }
      server.get('/open', { config: { security: { cors: open } } }, async () => '')
    })
    const cross = async (url: string, from: string): Promise<unknown[]> => {
      const { headers } = await app.inject({ url, headers: { origin: from } })
      return ['allow-origin', 'allow-credentials', 'expose-headers'].map((name) => headers[`access-control-${name}`])
    }
    expect(await cross('/open', evil)).toEqual(['*', undefined, undefined])
    expect(await cross('/open', origin)).toEqual(['*', undefined, undefined])
    expect(await cross('/users', origin)).toEqual([origin, 'true', 'X-Total'])
    expect(await cross('/users', evil)).toEqual([undefined, undefined, undefined])
  })

  it('admit exactly the members of a list of 100,000', async () => {
    const origins = Array.from({ length: 100_000 }, (_, index) => `https://tenant-${index}.example.com`)
    const app = await make({ origins, credentials: true })
    const allowed = async (from: string): Promise<unknown> =>
      (await app.inject({ url: '/users', headers: { origin: from } })).headers['access-control-allow-origin']
    expect(await allowed('https://tenant-99999.example.com')).toBe('https://tenant-99999.example.com')
    expect(await allowed('https://tenant-100000.example.com')).toBeUndefined()
  })
})

/** A process of its own, because it dies of an uncaught exception. */
const COLLISION = `
  import Fastify from 'fastify'
  import cors from '@fastify/cors'
  const app = Fastify()
  for (const name of ['a', 'b']) app.register(async (scope) => { await scope.register(cors, { origin: [name] }) })
  await app.ready()`

describe('scopes', () => {
  it('answer for their unknown URLs where they have a not-found handler, and the root for the rest', async () => {
    const inner = 'https://inner.example.com'
    const app = await make({ origins: [origin] }, async (server) => {
      server.register(
        async (scope) => {
          await scope.register(cors, { origins: [inner] })
          scope.setNotFoundHandler((_request, reply) => reply.code(404).send('mine'))
        },
        { prefix: '/own' },
      )
      server.register(async (scope) => scope.register(cors, { origins: [inner] }), { prefix: '/none' })
    })
    for (const [url, welcome, other] of [
      ['/own/nowhere', inner, origin],
      ['/none/nowhere', origin, inner],
    ] as const) {
      for (const asked of [{}, { 'access-control-request-method': 'PUT' }]) {
        const method = 'access-control-request-method' in asked ? 'OPTIONS' : 'PUT'
        const read = async (from: string) =>
          (await app.inject({ method, url, headers: { origin: from, ...asked } })).headers[
            'access-control-allow-origin'
          ]
        expect([url, method, await read(welcome), await read(other)]).toEqual([url, method, welcome, undefined])
      }
    }
  })

  it('beside each other without a prefix crash @fastify/cors: ours live together, and with an OPTIONS * of the user', async () => {
    const crash = spawnSync(process.execPath, ['--input-type=module', '-e', COLLISION], {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      encoding: 'utf8',
    })
    expect(crash.status).not.toBe(0)
    expect(crash.stderr).toContain("Method 'OPTIONS' already declared for route '*'")
    const app = Fastify()
    open.push(app)
    for (const name of ['a', 'b']) {
      app.register(async (scope) => {
        await scope.register(cors, { origins: [`https://${name}.example.com`] })
        scope.get(`/${name}`, async () => '')
      })
    }
    app.options('*', async () => 'mine')
    const answer = async (url: string, from: string): Promise<number> => {
      const headers = { origin: from, 'access-control-request-method': 'GET' }
      return (await app.inject({ method: 'OPTIONS', url, headers })).statusCode
    }
    expect(await answer('/a', 'https://a.example.com')).toBe(204)
    expect(await answer('/a', 'https://b.example.com')).toBe(403)
    expect(await answer('/b', 'https://b.example.com')).toBe(204)
    expect((await app.inject({ method: 'OPTIONS', url: '/a' })).body).toBe('mine')
  })
})

describe('debug', () => {
  it.each([
    ['origin', { origin: evil }, 'Its origin is not among `origins`.'],
    ['method', { 'access-control-request-method': 'PATCH' }, 'No route at this URL serves the requested method'],
    ['header', { 'access-control-request-headers': 'x-evil' }, 'A requested header field is not among'],
  ])(
    'says in the body which %s was refused, and still writes no field and no echo',
    async (reason, given, sentence) => {
      const app = await make({ origins: [origin], debug: true })
      const reasons: unknown[] = []
      onSecurityEvent(app, ({ detail }) => reasons.push(detail['reason']))
      const headers = { origin, 'access-control-request-method': 'POST', ...given }
      const response = await app.inject({ method: 'OPTIONS', url: '/users', headers })
      expect(response.statusCode).toBe(403)
      expect(response.json<{ error: string }>().error).toContain(sentence)
      expect(response.body).not.toMatch(/evil/)
      expect(Object.keys(response.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
      expect(reasons).toEqual([reason])
    },
  )

  it('is no option of routes, and is off unless asked for', async () => {
    const app = await make({ origins: [origin] }, (server) => {
      const debug = { debug: true } as object
      server.get('/debug', { config: { security: { cors: debug } } }, async () => '')
    })
    await expect(app.ready()).rejects.toThrow(/GET \/debug cors\.debug/)
  })

  it('warns once in the log', async () => {
    const lines: string[] = []
    const app = Fastify({ logger: { level: 'warn', stream: { write: (line: string) => void lines.push(line) } } })
    open.push(app)
    await app.register(cors, { origins: [origin], debug: true })
    app.get('/a', { config: { security: { cors: { maxAge: 5 } } } }, async () => '')
    await app.ready()
    expect(lines.filter((line) => line.includes('debug'))).toHaveLength(1)
  })
})
