import { createApiKey } from '@portcullis/auth'
import Fastify from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { keys, start as startExample } from '../example/in-code.ts'
import { ConfigError, type Extension, type GatewayServer, startGateway, type StartOptions } from '../src/index.ts'
import { configFor, startService, writeConfig } from './stage.ts'
import { env, issuer, jwt, tokenOf } from './tokens.ts'

async function start(options: StartOptions): Promise<GatewayServer> {
  const gateway = await startGateway({ watch: false, env: {}, ...options })
  onTestFinished(() => gateway.close())
  return gateway
}

/** A file whose route wants a credential. */
function guarded(port: number, auth: string, policy = '{ auth: {} }'): string {
  return configFor(port, { policy, more: `auth: ${auth}\n` }).replace(/.*dangerouslyWithoutAuth.*\n/, '')
}

const ask = (gateway: GatewayServer, path = '/a', headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${gateway.ports.public}${path}`, { headers })

/** Every mistake that a start or a reload is refused with. */
async function faults(refused: Promise<unknown>): Promise<string[]> {
  const error = await refused.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ConfigError)
  return (error as ConfigError).faults.map(({ file = 'gateway.yaml', path }) => `${file} ${path}`)
}

it('the example answers its own route, to holders of keys that its code finds', async () => {
  const service = await startService()
  const { file } = writeConfig(guarded(service.port, '{ apiKeys: { prefix: ptc } }'))
  const gateway = await startExample({ file, env: {}, watch: false })
  onTestFinished(() => gateway.close())
  const { key, entry } = createApiKey({ subject: 'masum', roles: ['operator'] })
  keys.set(entry.id, entry)
  const own = await ask(gateway, '/status', { 'x-api-key': key })
  expect([own.status, await own.json()]).toEqual([200, { open: true }])
  expect((await ask(gateway, '/a', { 'x-api-key': key })).status).toBe(200)
  expect((await ask(gateway, '/status')).status).toBe(401)
  const metrics = await (await fetch(`http://127.0.0.1:${gateway.ports.operation}/metrics`)).text()
  expect(metrics).toMatch(/^gateway_requests_total\{route="\/status",method="GET",status="200"\} 1$/m)
})

describe('options of code', () => {
  it('are judged with those of the file: all mistakes at once, each where it stands', async () => {
    const { file } = writeConfig(`${guarded(1, '{ apiKeys: {} }')}limits: {}\n`)
    const options = { auth: { apiKeys: { find: 'keys', cachefor: 5 } } } as unknown as Extension['options']
    expect(await faults(start({ file, extend: { options } }))).toEqual([
      'gateway.yaml limits',
      'extend options.auth.apiKeys.cachefor',
      'extend options.auth.apiKeys.find',
    ])
  })

  it('give the file no words of code, and take nothing that the process gives itself', async () => {
    const service = await startService()
    const more = 'auth: { apiKeys: { find: keys }, revocation: { redis: {} } }\naudit: { logger: {} }\n'
    const { file } = writeConfig(guarded(service.port, '{}').replace('auth: {}\n', more))
    const keySets = { take: () => {} } as never
    const options = { auth: { apiKeys: { find: () => null }, jwt: { keySets } } } as unknown as Extension['options']
    const found = await faults(start({ file, extend: { options } }))
    expect(found).toEqual(
      expect.arrayContaining([
        'gateway.yaml audit.logger',
        'gateway.yaml auth.apiKeys.find',
        'gateway.yaml auth.revocation.redis',
        'extend options.auth.jwt.keySets',
      ]),
    )
  })

  it('are judged again at each reload, which leaves everything as it is', async () => {
    const service = await startService()
    const config = writeConfig(guarded(service.port, '{ apiKeys: {} }'))
    const { key, entry } = createApiKey({ subject: 'masum' })
    const extend: Extension = { options: { auth: { apiKeys: { find: () => entry } } } }
    const gateway = await start({ file: config.file, extend })
    config.write(guarded(service.port, '{ apiKeys: { header: authorization } }'))
    expect(await faults(gateway.reload())).toEqual(['gateway.yaml auth.apiKeys.header'])
    expect((await ask(gateway, '/a', { 'x-api-key': key })).status).toBe(200)
    config.write(guarded(service.port, '{ apiKeys: { header: x-key } }'))
    await gateway.reload()
    expect((await ask(gateway, '/a', { 'x-key': key })).status).toBe(200)
  })
})

describe('a file that means to reach beside its options, with code beside it', () => {
  it.each(['__proto__: { reportOnly: true }', 'auth: { __proto__: { enabled: false }, apiKeys: {} }'])(
    'is refused: %s',
    async (line) => {
      const text = guarded(1, '{ apiKeys: {} }').replace(/^auth:.*\n/m, line.startsWith('auth') ? '' : '$&')
      const { file } = writeConfig(`${text}${line}\n`)
      const options: Extension['options'] = { auth: { apiKeys: { find: () => null } } }
      const found = await faults(start({ file, extend: { options } }))
      expect(found).toEqual([expect.stringContaining('__proto__')])
      expect(({} as { reportOnly?: boolean }).reportOnly).toBeUndefined()
    },
  )
})

describe('a route of code', () => {
  const find: Extension['options'] = { auth: { apiKeys: { find: () => null } } }

  it('that says nothing of auth admits nobody', async () => {
    const { file } = writeConfig(guarded(1, '{ apiKeys: {} }'))
    const routes: Extension['routes'] = (scope) => void scope.get('/open', async () => 'open')
    const gateway = await start({ file, extend: { options: find, routes } })
    expect((await ask(gateway, '/open')).status).toBe(401)
  })

  it.each<[string, Extension['routes'], RegExp]>([
    [
      'misspells its policy',
      (scope) => void scope.get('/b', { config: { security: { auth: { scope: ['a'] } } } as object }, async () => 'b'),
      /GET \/b auth\.scope {2}is not an option/,
    ],
    [
      'has the path of one of the file',
      (scope) => void scope.get('/a', { config: { security: { auth: false } } }, async () => 'mine'),
      /'GET' already declared for route '\/a'/,
    ],
    [
      'throws',
      () => {
        throw new Error('not today')
      },
      /not today/,
    ],
  ])('that %s does not start', async (_what, routes, why) => {
    const { file } = writeConfig(guarded(1, '{ apiKeys: {} }'))
    await expect(start({ file, extend: { options: find, routes } })).rejects.toThrow(why)
  })

  it('whose policy the next reading does not admit leaves the old one running', async () => {
    const service = await startService()
    const limited = 'rateLimit: { policies: [{ name: a, limit: 100, window: 60 }] }\n'
    const config = writeConfig(configFor(service.port, { more: limited }))
    const security = { rateLimit: { policies: [{ name: 'b', limit: 5, window: 60, partitionBy: 'ip' }] } } as const
    const routes: Extension['routes'] = (scope) => void scope.get('/b', { config: { security } }, async () => 'b')
    const gateway = await start({ file: config.file, extend: { routes } })
    config.write(configFor(service.port, { rewrite: '/new' }))
    await expect(gateway.reload()).rejects.toThrow(/GET \/b/)
    expect(await (await ask(gateway)).text()).toBe('"/a"')
    config.write(configFor(service.port, { rewrite: '/new', more: limited }))
    await gateway.reload()
    expect([await (await ask(gateway)).text(), await (await ask(gateway, '/b')).text()]).toEqual(['"/new"', 'b'])
  })

  it('closes what it opened for a reading that is not admitted, and for one that is replaced', async () => {
    const config = writeConfig(configFor(1))
    let opened = 0
    const routes: Extension['routes'] = (scope) => {
      opened++
      scope.addHook('onClose', async () => void opened--)
      scope.get('/b', async () => 'b')
    }
    const gateway = await start({ file: config.file, extend: { routes } })
    config.write(configFor(1, { path: '/b' }))
    await expect(gateway.reload()).rejects.toThrow(/already declared/)
    expect(opened).toBe(1)
    config.write(configFor(1, { path: '/c' }))
    await gateway.reload()
    await vi.waitFor(() => expect(opened).toBe(1))
    await gateway.close()
    expect(opened).toBe(0)
  })

  it('has hooks of its own: none of them sees what the file forwards', async () => {
    const service = await startService()
    const { file } = writeConfig(configFor(service.port))
    const seen: string[] = []
    const routes: Extension['routes'] = (scope) => {
      scope.addHook('onRequest', async ({ url }) => void seen.push(url))
      scope.get('/b', async () => 'b')
    }
    const gateway = await start({ file, extend: { routes } })
    for (const path of ['/a', '/b', '/nowhere']) await (await ask(gateway, path)).text()
    expect(seen).toEqual(['/b'])
  })
})

it('a route of code has parsers, error handlers and answers of its own: what the file forwards passes as it is', async () => {
  const service = await startService()
  const { file } = writeConfig(configFor(service.port))
  const routes: Extension['routes'] = (scope) => {
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, { read: body }))
    scope.setErrorHandler((_error, _request, reply) => reply.code(418).send('mine'))
    scope.setNotFoundHandler((_request, reply) => reply.code(418).send('mine'))
    scope.addHook('onSend', async (_request, reply) => void reply.header('x-mine', 'yes'))
    scope.post('/b', async ({ body }) => body)
    scope.get('/c', () => {
      throw new Error('no')
    })
  }
  const gateway = await start({ file, extend: { routes } })
  const at = (path: string): string => `http://127.0.0.1:${gateway.ports.public}${path}`
  const own = await fetch(at('/b'), { method: 'POST', body: 'x=1', headers: { 'content-type': 'a/b' } })
  expect([own.headers.get('x-mine'), await own.json()]).toEqual(['yes', { read: 'x=1' }])
  const failed = await ask(gateway, '/c')
  expect([failed.status, await failed.text()]).toEqual([418, 'mine'])
  // To Fastify there is one handler of unknown paths for each prefix.
  const unknown = await ask(gateway, '/nowhere')
  expect([unknown.status, unknown.headers.get('x-mine')]).toEqual([418, 'yes'])
  const forwarded = await ask(gateway)
  expect([forwarded.status, forwarded.headers.get('x-mine'), await forwarded.text()]).toEqual([200, null, '"/a"'])
})

it('a route of code that fails is logged: the error, and nothing of the request', async () => {
  const lines: string[] = []
  const { log } = Fastify({ logger: { level: 'info', stream: { write: (line: string) => void lines.push(line) } } })
  const { file } = writeConfig(configFor(1))
  const routes: Extension['routes'] = (scope) => {
    scope.get('/b', () => {
      throw new Error('the store has burnt')
    })
  }
  const gateway = await start({ file, logger: log, extend: { routes } })
  expect((await ask(gateway, '/b?token=secret')).status).toBe(500)
  expect(lines.filter((line) => line.includes('the store has burnt'))).toHaveLength(1)
  expect(lines.join('')).not.toContain('secret')
})

it('a logger of code takes the lines', async () => {
  const lines: string[] = []
  const { log } = Fastify({ logger: { level: 'info', stream: { write: (line: string) => void lines.push(line) } } })
  const { file } = writeConfig(configFor(1))
  await start({ file, logger: log })
  expect(lines.some((line) => line.includes('gateway: answering'))).toBe(true)
})

it('code that cannot go to workers is refused', async () => {
  const { file } = writeConfig(configFor(1))
  await expect(start({ file, workers: 2, extend: {} })).rejects.toThrow(
    /cannot go to workers: make `extend` the path of a module/,
  )
})

describe('a stolen token that was revoked, presented after a reload', () => {
  it('is refused by every later reading, though one of them revoked nothing, or accepts older tokens', async () => {
    const service = await startService()
    const text = (revocation: string): string => guarded(service.port, `{ ${jwt}${revocation} }`)
    const config = writeConfig(text(', revocation: { maxTokenAge: 300 }'))
    const gateway = await start({ file: config.file, env })
    const [stolen, lost, other] = await Promise.all([tokenOf('101', 'a'), tokenOf('102', 'b'), tokenOf('103', 'c')])
    const statuses = (): Promise<number[]> =>
      Promise.all(
        [stolen, lost, other].map(async (one) => (await ask(gateway, '/a', { authorization: `Bearer ${one}` })).status),
      )
    expect(await statuses()).toEqual([200, 200, 200])
    await gateway.revoke({ issuer, tokenId: 'a' })
    await gateway.revokeSubject({ issuer, subject: '102' })
    expect(await statuses()).toEqual([401, 401, 200])
    await gateway.reload()
    expect(await statuses()).toEqual([401, 401, 200])
    config.write(text(''))
    await gateway.reload()
    await expect(gateway.revoke({ issuer, tokenId: 'c' })).rejects.toMatchObject({ code: 'PTC_AUTH_REVOCATION_ABSENT' })
    config.write(text(', revocation: {}'))
    await gateway.reload()
    expect(await statuses()).toEqual([401, 401, 200])
  })
})
