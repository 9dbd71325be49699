import { createHash } from 'node:crypto'
import { onSecurityEvent, serverOptions, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import https, { plaintextAddress, type PlaintextOptions } from '../src/index.ts'
import { ask, tls } from './tls.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

async function listen(plaintext: PlaintextOptions) {
  const app = Fastify(serverOptions({ https: tls })) as unknown as FastifyInstance
  open.push(app)
  await app.register(https, { hosts: ['api.example.com'], plaintext })
  const handled: string[] = []
  app.route({
    method: ['GET', 'POST'],
    url: '/orders',
    handler: async ({ method }) => void handled.push(method),
  })
  app.get('/health', { config: { security: { https: false } } }, async () => 'up')
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => events.push(event))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, events, handled, port: plaintextAddress(app)?.port ?? 0 }
}

/** What an app behind a proxy answers to a request that came to the proxy over plaintext. */
async function proxied(plaintext: PlaintextOptions) {
  const app = Fastify(serverOptions({ trustProxy: 'loopback' }))
  open.push(app)
  await app.register(https, { hosts: ['api.example.com'], plaintext })
  app.get('/orders', async () => 'ok')
  const { statusCode, headers } = await app.inject({ url: '/orders', headers: { 'x-forwarded-proto': 'http' } })
  return [statusCode, headers.location]
}

describe('refuse', () => {
  it('answers 403 to everything, a GET too, and tells credentials all the same', async () => {
    const { port, events, handled } = await listen({ mode: 'refuse', port: 0 })
    for (const method of ['GET', 'HEAD', 'POST'])
      expect(await ask(port, { method, path: '/orders' })).toMatchObject({ status: 403, fields: {} })
    const answer = await ask(port, { path: '/orders', headers: { authorization: 'Bearer s3cret' } })
    expect([answer.status, answer.fields.location]).toEqual([403, undefined])
    expect(events.map(({ type }) => type)).toEqual([
      ...Array<string>(3).fill('https.refused'),
      'https.credential-exposed',
    ])
    expect(handled).toEqual([])
  })

  it('leaves routes alone that switched the concern off', async () => {
    const { port } = await listen({ mode: 'refuse', port: 0 })
    expect((await ask(port, { path: '/health' })).status).toBe(200)
  })
})

describe('off', () => {
  it('opens no port', async () => {
    const { app } = await listen({ mode: 'off' })
    expect(plaintextAddress(app)).toBeNull()
  })

  it('leaves the process with the one port of TLS', async () => {
    const ports = (): number => process.getActiveResourcesInfo().filter((one) => one === 'TCPServerWrap').length
    const before = ports()
    await listen({ mode: 'off' })
    expect(ports() - before).toBe(1)
    await listen({ mode: 'refuse', port: 0 })
    expect(ports() - before).toBe(3)
  })
})

it.each<[PlaintextOptions, unknown[]]>([
  [{}, [301, 'https://api.example.com/orders']],
  [{ mode: 'redirect' }, [301, 'https://api.example.com/orders']],
  [{ mode: 'refuse' }, [403, undefined]],
  [{ mode: 'off' }, [403, undefined]],
])('behind a proxy, %j answers %j to plaintext', async (plaintext, answer) => {
  expect(await proxied(plaintext)).toEqual(answer)
})

it.each<[object, PlaintextOptions, string[]]>([
  [{ trustProxy: true }, {}, ['trustProxy: true believes any client that its plaintext was TLS: name your proxies']],
  [
    { trustProxy: 'loopback' },
    { dangerouslyRedirectAll: true },
    ['dangerouslyRedirectAll is on: credentials that were sent in the clear are redirected'],
  ],
  [{ trustProxy: 'loopback' }, {}, []],
])('%j with %j tells at boot %j', async (server, plaintext, told) => {
  const logged: string[] = []
  const stream = { write: (line: string) => void logged.push((JSON.parse(line) as { msg: string }).msg) }
  const app = Fastify({ ...server, logger: { level: 'warn', stream } })
  open.push(app)
  await app.register(https, { hosts: ['api.example.com'], plaintext })
  await app.ready()
  expect(logged.filter((line) => /trustProxy|dangerously/.test(line))).toEqual(told)
})

describe('dangerouslyRedirectAll', () => {
  const all = { port: 0, dangerouslyRedirectAll: true }

  it('sends every method on, by 308 where 301 would change it', async () => {
    const { port, events, handled } = await listen(all)
    for (const [method, status] of [
      ['GET', 301],
      ['HEAD', 301],
      ['POST', 308],
      ['DELETE', 308],
    ] as const) {
      const answer = await ask(port, { method, path: '/orders?a=b' })
      expect([answer.status, answer.fields.location]).toEqual([status, 'https://api.example.com/orders?a=b'])
    }
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['https.redirected']))
    expect(handled).toEqual([])
  })

  it('tells which credentials went over the network in the clear', async () => {
    const { port, events } = await listen(all)
    const answer = await ask(port, { path: '/orders', headers: { authorization: 'Bearer s3cret' } })
    expect([answer.status, answer.fields.location]).toEqual([301, 'https://api.example.com/orders'])
    const sha256 = createHash('sha256').update('s3cret').digest('hex')
    expect(events).toMatchObject([
      { type: 'https.credential-exposed', detail: { redirected: true, credentials: [{ sha256 }] } },
    ])
  })

  it('sends no WebSocket on, and no target that is no path', async () => {
    const { port } = await listen(all)
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket' }
    expect((await ask(port, { path: '/orders', headers: upgrade })).status).toBe(403)
    expect((await ask(port, { method: 'OPTIONS', path: '*' })).status).toBe(403)
  })

  it('leads nowhere else than its absence does', async () => {
    const { port } = await listen(all)
    const answer = await ask(port, { method: 'POST', path: '//evil.example/', headers: { host: 'evil.example' } })
    expect(new URL(String(answer.fields.location)).host).toBe('api.example.com')
  })
})
