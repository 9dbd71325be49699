import { createApiKey, createSession, type SessionEntry } from '@portcullis/auth'
import { hasRedis, RedisServer } from '@portcullis/testing/redis'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Extension, type GatewayServer, type SecurityEvent, startGateway } from '../src/index.ts'
import { open, startChat } from './chat.ts'
import { configFor, writeConfig } from './stage.ts'
import { env, issuer, jwt, tokenOf } from './tokens.ts'

/** Whose pages may open one. */
const page = 'https://app.example.com'

async function bearer(subject: string, jti: string): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await tokenOf(subject, jti)}` }
}

async function stage(auth: string, extend: Extension = {}, more = '', policy = '{ auth: {} }') {
  const port = await startChat()
  const text = configFor(port, { policy, more: `auth: { ${auth} }\n${more}` })
    .replace(/.*dangerouslyWithoutAuth.*\n/, '')
    .replace('upstream: service,', `upstream: service, webSocket: { origins: ['${page}'] },`)
    .replace('deadline: 5', 'deadline: 60')
  const { file } = writeConfig(text)
  const start = async (): Promise<GatewayServer> => {
    const gateway = await startGateway({ file, env, watch: false, extend })
    onTestFinished(() => gateway.close())
    return gateway
  }
  return { start, gateway: await start() }
}

describe('a WebSocket whose token is revoked', () => {
  it('goes on until the token expires where nothing looks after it', async () => {
    const { gateway } = await stage(jwt)
    const socket = await open(gateway.ports.public, await bearer('101', 'a'))
    await expect(gateway.revoke({ issuer, tokenId: 'a' })).rejects.toMatchObject({ code: 'PTC_AUTH_REVOCATION_ABSENT' })
    expect(await socket.hears()).toBe('heard')
  })

  it('ends with 3000 at once, and no other does', async () => {
    const events: SecurityEvent[] = []
    const { gateway } = await stage(`${jwt}, revocation: {}`, { onEvent: (event) => void events.push(event) })
    const { public: port } = gateway.ports
    const [stolen, theirs, other] = [
      await open(port, await bearer('101', 'a')),
      await open(port, await bearer('102', 'b')),
      await open(port, await bearer('103', 'c')),
    ]
    expect(await stolen.hears()).toBe('heard')
    await gateway.revoke({ issuer, tokenId: 'a' })
    expect(await stolen.closed).toBe(3000)
    await gateway.revokeSubject({ issuer, subject: '102' })
    expect(await theirs.closed).toBe(3000)
    expect(await other.hears()).toBe('heard')
    const cut = events.filter(({ type }) => type === 'gateway.cut').map(({ detail }) => detail['reason'])
    expect(cut).toEqual(['revoked', 'revoked'])
  })

  it('ends, and so does a stream of events', async () => {
    const { gateway } = await stage(`${jwt}, revocation: {}`)
    const listen = async (jti: string): Promise<ReadableStreamDefaultReader<Uint8Array>> => {
      const headers = await bearer('101', jti)
      const { body } = await fetch(`http://127.0.0.1:${gateway.ports.public}/a`, { headers })
      const reader = (body as ReadableStream<Uint8Array>).getReader()
      onTestFinished(() => void reader.cancel().catch(() => {}))
      expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('data: heard\n\n')
      return reader
    }
    const [stolen, other] = [await listen('a'), await listen('b')]
    const [ending, going] = [stolen.read(), other.read()]
    await gateway.revoke({ issuer, tokenId: 'a' })
    await expect(ending).rejects.toThrow('terminated')
    await expect(Promise.race([going, Promise.resolve('goes on')])).resolves.toBe('goes on')
  })

  it('ends though a reload has replaced the reading that opened it', async () => {
    const { gateway } = await stage(`${jwt}, revocation: {}`)
    const socket = await open(gateway.ports.public, await bearer('101', 'a'))
    await gateway.reload()
    expect(await socket.hears()).toBe('heard')
    await gateway.revoke({ issuer, tokenId: 'a' })
    expect(await socket.closed).toBe(3000)
  })

  it.runIf(hasRedis)('ends when another gateway has revoked it', async () => {
    const redis = await RedisServer.start()
    onTestFinished(() => redis.stop())
    const { gateway, start } = await stage(`${jwt}, revocation: {}`, {}, `redis: ${redis.url}\n`)
    const another = await start()
    const socket = await open(gateway.ports.public, await bearer('101', 'a'))
    await another.revoke({ issuer, tokenId: 'a' })
    expect(await socket.closed).toBe(3000)
  })
})

describe('a WebSocket whose credential is looked up', () => {
  it('ends when its API key has gone, or may no longer; no other does', { timeout: 30_000 }, async () => {
    const [gone, less, kept] = ['1', '2', '3'].map((subject) => createApiKey({ subject, scopes: ['chat'] })) as [
      ReturnType<typeof createApiKey>,
      ReturnType<typeof createApiKey>,
      ReturnType<typeof createApiKey>,
    ]
    const keys = new Map([gone, less, kept].map(({ entry }) => [entry.id, entry]))
    const find = (id: string) => Promise.resolve(keys.get(id) ?? null)
    const options: Extension['options'] = { auth: { apiKeys: { find, cacheFor: 0 } } }
    const { gateway } = await stage('apiKeys: {}', { options }, '', "{ auth: { scopes: ['chat'] } }")
    const sockets = []
    for (const { key } of [gone, less, kept]) sockets.push(await open(gateway.ports.public, { 'x-api-key': key }))
    keys.delete(gone.entry.id)
    keys.set(less.entry.id, { ...less.entry, scopes: [] })
    expect(await Promise.all(sockets.slice(0, 2).map(({ closed }) => closed))).toEqual([3000, 3000])
    expect(await sockets[2]?.hears()).toBe('heard')
  })

  it('ends when its session has', { timeout: 30_000 }, async () => {
    const { hash, setCookie } = createSession()
    const entry: SessionEntry = { subject: 'masum', expires: Math.floor(Date.now() / 1000) + 600 }
    const sessions = new Map([[hash, entry]])
    const options: Extension['options'] = { auth: { session: { find: (one) => sessions.get(one) ?? null } } }
    const csrf = `csrf: { origins: ['${page}'] }\n`
    const { gateway } = await stage('', { options }, csrf)
    const cookie = setCookie.split(';')[0] as string
    const socket = await open(gateway.ports.public, { cookie, origin: page })
    expect(await socket.hears()).toBe('heard')
    sessions.clear()
    expect(await socket.closed).toBe(3000)
  })
})

it('nobody is looked up again once the client has left', async () => {
  const { key, entry } = createApiKey({ subject: 'masum' })
  const find = vi.fn(() => Promise.resolve(entry))
  const options: Extension['options'] = { auth: { apiKeys: { find, cacheFor: 0 } } }
  const { gateway } = await stage('apiKeys: {}', { options })
  const socket = new WebSocket(`ws://127.0.0.1:${gateway.ports.public}/a`, { headers: { 'x-api-key': key } } as never)
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))
  const closed = new Promise((resolve) => socket.addEventListener('close', resolve, { once: true }))
  socket.close()
  await closed
  const before = find.mock.calls.length
  const other = await open(gateway.ports.public, { 'x-api-key': key })
  await vi.waitFor(() => expect(find.mock.calls.length).toBe(before + 2), { timeout: 10_000, interval: 50 })
  expect(await other.hears()).toBe('heard')
})
