import cors, { type CorsOptions } from '@portcullis/cors'
import official, { type FastifyCorsOptions } from '@fastify/cors'
import { serverOptions } from '@portcullis/kernel'
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import { spawnSync } from 'node:child_process'
import { connect, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'

const origin = 'https://app.example.com'
const evil = 'https://evil.test'
const open: FastifyInstance[] = []

afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

function fresh(): FastifyInstance {
  const app = Fastify(serverOptions())
  open.push(app)
  return app
}

function routes(app: FastifyInstance): FastifyInstance {
  app.get('/users', async () => ({ secret: 42 }))
  app.post('/users', async () => ({ secret: 42 }))
  return app
}

async function theirs(options: object): Promise<FastifyInstance> {
  const app = Fastify()
  open.push(app)
  await app.register(official, options as FastifyCorsOptions)
  return routes(app)
}

async function ours(options: CorsOptions): Promise<FastifyInstance> {
  const app = fresh()
  await app.register(cors, options)
  return routes(app)
}

/** Boots with options that no type admits. */
async function refusal(options: object): Promise<string> {
  const app = fresh()
  return app.register(cors, options as CorsOptions).then(
    () => 'booted',
    (error: unknown) => (error as { code: string }).code,
  )
}

const get = (from: string, url = '/users'): InjectOptions => ({ url, headers: { origin: from } })
const preflight = (from: string, method: string, more: Record<string, string> = {}, url = '/users'): InjectOptions => ({
  method: 'OPTIONS',
  url,
  headers: { origin: from, 'access-control-request-method': method, ...more },
})

/** True if a browser would let a page of this origin read the answer to a credentialed request (Fetch §4.10). */
async function readable(app: FastifyInstance, request: InjectOptions): Promise<boolean> {
  const { headers } = await app.inject(request)
  const allowed = headers['access-control-allow-origin']
  return (
    allowed === (request.headers as { origin: string }).origin && headers['access-control-allow-credentials'] === 'true'
  )
}

describe('a configuration that admits the attacker', () => {
  it('reflects every origin with credentials: ours refuses to boot with `*` and credentials', async () => {
    const app = await theirs({ origin: true, credentials: true })
    expect(await readable(app, get(evil))).toBe(true)
    expect(await refusal({ origins: ['*'], credentials: true })).toBe('PTC_OPTIONS_INVALID')
  })

  it("trusts 'null', which a sandboxed frame of any page sends: ours refuses to boot", async () => {
    const app = await theirs({ origin: ['null'], credentials: true })
    expect(await readable(app, get('null'))).toBe(true)
    expect(await refusal({ origins: ['null'], credentials: true })).toBe('PTC_OPTIONS_INVALID')
  })

  it('misspells the option and so opens to everybody: ours refuses to boot', async () => {
    const app = await theirs({ orgin: origin })
    expect((await app.inject(get(evil))).headers['access-control-allow-origin']).toBe('*')
    expect(await refusal({ orgins: [origin] })).toBe('PTC_OPTIONS_INVALID')
  })

  it("writes credentials: 'false' and so allows them: ours refuses to boot", async () => {
    const app = await theirs({ origin: [origin], credentials: 'false' })
    expect(await readable(app, get(origin))).toBe(true)
    expect(await refusal({ origins: [origin], credentials: 'false' })).toBe('PTC_OPTIONS_INVALID')
  })

  it('uses an unanchored pattern: ours takes no patterns, and its wildcard stands for one whole label', async () => {
    const app = await theirs({ origin: /example\.com/, credentials: true })
    expect(await readable(app, get('https://example.com.evil.test'))).toBe(true)
    expect(await refusal({ origins: [/example\.com/], credentials: true })).toBe('PTC_OPTIONS_INVALID')
    const safe = await ours({ origins: ['https://*.example.com'], credentials: true })
    expect(await readable(safe, get('https://a.example.com'))).toBe(true)
    for (const from of [
      'https://example.com.evil.test',
      'https://a.example.com.evil.test',
      'https://evilexample.com',
    ]) {
      expect(await readable(safe, get(from))).toBe(false)
    }
  })

  it('trusts plain http with credentials, where the network can be the page: ours refuses to boot', async () => {
    const app = await theirs({ origin: ['http://app.example.com'], credentials: true })
    expect(await readable(app, get('http://app.example.com'))).toBe(true)
    expect(await refusal({ origins: ['http://app.example.com'], credentials: true })).toBe('PTC_OPTIONS_INVALID')
  })
})

describe('a configuration that can never match', () => {
  it.each([
    ['a trailing slash', { origin: [`${origin}/`] }, { origins: [`${origin}/`] }],
    ['a method that is none', { origin: [origin], methods: 'FOO BAR' }, { origins: [origin], methods: ['FOO BAR'] }],
    ['a negative max-age', { origin: [origin], maxAge: -5 }, { origins: [origin], maxAge: -5 }],
  ])('has %s: ours refuses to boot', async (_, loose, strict) => {
    const app = await theirs(loose)
    await expect(app.ready()).resolves.toBeDefined()
    expect(await refusal(strict)).toBe('PTC_OPTIONS_INVALID')
  })
})

describe('a refused origin', () => {
  it('learns from the fields what others may do: ours gives it none', async () => {
    const loose = await theirs({
      origin: [origin],
      credentials: true,
      exposedHeaders: ['X-Secret'],
      allowedHeaders: ['X-Admin'],
    })
    const strict = await ours({
      origins: [origin],
      credentials: true,
      exposedHeaders: ['X-Secret'],
      requestHeaders: ['X-Admin'],
    })
    for (const request of [get(evil), preflight(evil, 'POST')]) {
      const leaked = (await loose.inject(request)).headers
      expect(leaked['access-control-allow-credentials']).toBe('true')
      expect(leaked['access-control-expose-headers']).toBe('X-Secret')
      const { headers } = await strict.inject(request)
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
    }
  })

  it('is answered 204 to its preflight: ours answers 403', async () => {
    const loose = await theirs({ origin: [origin] })
    expect((await loose.inject(preflight(evil, 'POST'))).statusCode).toBe(204)
    const strict = await ours({ origins: [origin] })
    expect((await strict.inject(preflight(evil, 'POST'))).statusCode).toBe(403)
  })

  it('has its request run all the same: ours refuses it before anything runs, if told so', async () => {
    const loose = await theirs({ origin: [origin] })
    expect((await loose.inject({ ...get(evil), method: 'POST' })).json()).toEqual({ secret: 42 })
    const strict = await ours({ origins: [origin], refuseForeignOrigins: true })
    const response = await strict.inject({ ...get(evil), method: 'POST' })
    expect(response.statusCode).toBe(403)
    expect(response.body).not.toContain('evil.test')
  })

  it('asks for header fields that are echoed back: ours never lists what was asked', async () => {
    const asked = { 'access-control-request-headers': 'x-evil' }
    const loose = await theirs({ origin: [origin] })
    expect((await loose.inject(preflight(origin, 'POST', asked))).headers['access-control-allow-headers']).toBe(
      'x-evil',
    )
    const strict = await ours({ origins: [origin] })
    const response = await strict.inject(preflight(origin, 'POST', asked))
    expect(response.statusCode).toBe(403)
    expect(JSON.stringify(response.headers) + response.body).not.toContain('x-evil')
  })
})

describe('a preflight', () => {
  it('is granted a method that no route serves: ours names those that exist', async () => {
    const loose = await theirs({ origin: [origin], methods: ['GET', 'POST', 'DELETE'] })
    expect((await loose.inject(preflight(origin, 'DELETE'))).headers['access-control-allow-methods']).toContain(
      'DELETE',
    )
    const strict = await ours({ origins: [origin] })
    expect((await strict.inject(preflight(origin, 'DELETE'))).statusCode).toBe(403)
    expect((await strict.inject(preflight(origin, 'POST'))).headers['access-control-allow-methods']).toBe('GET, POST')
  })

  it('ignores that the route is closed to other origins: ours follows the route', async () => {
    const loose = await theirs({ origin: [origin] })
    loose.put('/internal', { config: { cors: false } }, async () => '')
    expect((await loose.inject(preflight(origin, 'PUT', {}, '/internal'))).headers['access-control-allow-origin']).toBe(
      origin,
    )
    const strict = await ours({ origins: [origin] })
    strict.put('/internal', { config: { security: { cors: false } } }, async () => '')
    const response = await strict.inject(preflight(origin, 'PUT', {}, '/internal'))
    expect(response.headers).not.toHaveProperty('access-control-allow-origin')
    expect(response.statusCode).toBeGreaterThanOrEqual(400)
  })

  it('ignores that the route is open to everybody: ours follows the route', async () => {
    const loose = await theirs({ origin: [origin] })
    loose.put('/open', { config: { cors: { origin: '*' } } }, async () => '')
    expect((await loose.inject(preflight(evil, 'PUT', {}, '/open'))).headers).not.toHaveProperty(
      'access-control-allow-origin',
    )
    const strict = await ours({ origins: [origin] })
    strict.put('/open', { config: { security: { cors: { origins: ['*'] } } } }, async () => '')
    expect((await strict.inject(preflight(evil, 'PUT', {}, '/open'))).headers['access-control-allow-origin']).toBe('*')
  })

  it('turns every other OPTIONS into a 400: ours leaves it to the route', async () => {
    const plain: InjectOptions = { method: 'OPTIONS', url: '/capabilities' }
    const loose = await theirs({ origin: [origin] })
    loose.options('/capabilities', async () => 'mine')
    expect((await loose.inject(plain)).statusCode).toBe(400)
    const strict = await ours({ origins: [origin] })
    strict.options('/capabilities', async () => 'mine')
    expect((await strict.inject(plain)).body).toBe('mine')
  })
})

describe('an error', () => {
  it('that an earlier hook answers cannot be read by the page: ours can, whatever the order', async () => {
    const limit = (app: FastifyInstance): void =>
      void app.addHook('onRequest', async (_, reply) => reply.code(429).send({ error: 'Too many requests.' }))
    const loose = Fastify()
    open.push(loose)
    limit(loose)
    await loose.register(official, { origin: [origin] })
    expect((await routes(loose).inject(get(origin))).headers).not.toHaveProperty('access-control-allow-origin')
    const strict = fresh()
    limit(strict)
    await strict.register(cors, { origins: [origin] })
    const response = await routes(strict).inject(get(origin))
    expect(response.statusCode).toBe(429)
    expect(response.headers['access-control-allow-origin']).toBe(origin)
  })

  it.each([
    [401, '/closed'],
    [404, '/nowhere'],
    [429, '/busy'],
    [500, '/broken'],
  ])('of status %i carries the fields for an allowed origin and none for another', async (status, url) => {
    const app = await ours({ origins: [origin], credentials: true })
    app.get('/closed', { onRequest: async (_, reply) => reply.code(401).send({}) }, async () => '')
    app.get(
      '/busy',
      { preHandler: async () => Promise.reject(Object.assign(new Error('busy'), { statusCode: 429 })) },
      async () => '',
    )
    app.get('/broken', async () => Promise.reject(new Error('broken')))
    const response = await app.inject(get(origin, url))
    expect(response.statusCode).toBe(status)
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    })
    const refused = await app.inject(get(evil, url))
    expect(refused.statusCode).toBe(status)
    expect(refused.headers).not.toHaveProperty('access-control-allow-origin')
  })

  it.each([
    [400, '/%zz'],
    [414, `/${'a'.repeat(200)}`],
  ])('of status %i, before any hook, cannot be read by the page: ours can', async (status, url) => {
    const loose = Fastify({ routerOptions: { maxParamLength: 100 } })
    open.push(loose)
    await loose.register(official, { origin: [origin] })
    loose.get('/:id', async () => '')
    expect((await raw(loose, url)).toLowerCase()).not.toContain('access-control-allow-origin')
    const strict = Fastify(serverOptions({ maxParamLength: 100 }))
    open.push(strict)
    await strict.register(cors, { origins: [origin] })
    strict.get('/:id', async () => '')
    const answer = await raw(strict, url)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer.toLowerCase()).toContain(`access-control-allow-origin: ${origin}`)
  })

  it.each([
    ['malformed', '/%zz'],
    ['overlong', `/${'a'.repeat(300)}`],
  ])('of a %s URL can be read by the page even where a preflight comes first', async (_, url) => {
    const app = Fastify(serverOptions())
    open.push(app)
    await app.register(cors, { origins: [origin] })
    app.get('/:id', async () => '')
    const answer = await raw(app, url, 'OPTIONS', 'Access-Control-Request-Method: GET\r\n')
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 204'])
    expect(answer).toContain(`access-control-allow-origin: ${origin}`)
  })
})

describe('registering twice', () => {
  it('crashes the boot in a nested scope: ours lets the inner policy win', async () => {
    // A process of its own, because it dies of an uncaught exception.
    const program = `
      import Fastify from 'fastify'
      import cors from '@fastify/cors'
      const app = Fastify()
      await app.register(cors, { origin: ['${origin}'] })
      app.register(async (scope) => { await scope.register(cors, { origin: ['${evil}'] }) })
      await app.ready()`
    const directory = fileURLToPath(new URL('..', import.meta.url))
    const crash = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: directory,
      encoding: 'utf8',
    })
    expect(crash.status).not.toBe(0)
    expect(crash.stderr).toContain("The decorator 'corsPreflightEnabled' has already been added!")
    const strict = await ours({ origins: [origin] })
    strict.register(async (scope) => {
      await scope.register(cors, { origins: ['https://partner.example.net'] })
      scope.get('/inner', async () => '')
    })
    const { headers } = await strict.inject(get('https://partner.example.net', '/inner'))
    expect(headers['access-control-allow-origin']).toBe('https://partner.example.net')
  })
})

/** An answer as it leaves the socket: no inject reaches these. */
async function raw(app: FastifyInstance, url: string, method = 'GET', fields = ''): Promise<string> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  socket.write(
    `${method} ${url} HTTP/1.1\r\nHost: localhost\r\nOrigin: ${origin}\r\n${fields}Connection: close\r\n\r\n`,
  )
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer
}
