import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { hasRedis, RedisServer } from '@portcullis/testing/redis'
import auth, { revoke, revokeSubject } from '../src/index.ts'
import { get, jwt } from './apps.ts'
import { audience, issuer, pem, token } from './forge.ts'

const iat = Math.floor(Date.now() / 1000) - 10
const tokenOf = (jti: string, members = {}): string => token({ iat, jti, ...members })

describe.skipIf(!hasRedis)('over Redis', () => {
  let server: RedisServer
  const open: FastifyInstance[] = []
  const children: ChildProcess[] = []
  beforeEach(async () => void (server = await RedisServer.start()))
  afterEach(async () => {
    for (const child of children.splice(0)) {
      const gone = child.exitCode === null ? once(child, 'exit') : undefined
      child.disconnect()
      await gone
    }
    for (const app of open.splice(0)) await app.close()
    await server.stop()
  })

  async function appOf(
    onStoreError: 'closed' | 'open' = 'closed',
    prefix = 'ptc:auth:',
    client: Redis = server.client(),
  ) {
    const lines: string[] = []
    const stream = { write: (line: string) => void lines.push(String((JSON.parse(line) as { msg: unknown }).msg)) }
    const app = Fastify({ logger: { level: 'info', stream } })
    await app.register(auth, { jwt, revocation: { redis: client, onStoreError, prefix } })
    app.get('/any', { config: { security: { auth: {} } } }, async () => 'ok')
    await app.ready()
    open.push(app)
    const codeOf = async (given: string): Promise<number> => (await get(app, '/any', `Bearer ${given}`)).statusCode
    return { app, codeOf, lines }
  }

  /** Another process, as a function from tokens to statuses. */
  async function processOf(onStoreError: 'closed' | 'open'): Promise<(given: string) => Promise<number>> {
    const argument = JSON.stringify({ port: server.port, key: pem, issuer, audience, onStoreError })
    const child = fork(new URL('revoking-process.ts', import.meta.url), [argument])
    children.push(child)
    await once(child, 'message')
    return async (given) => {
      child.send(given)
      return (await once(child, 'message'))[0] as number
    }
  }

  /** Asks until the answer is the expected one; a test that waits for ever fails by its time-out. */
  async function until(ask: () => Promise<number>, code: number): Promise<void> {
    while ((await ask()) !== code) await new Promise((resolve) => setImmediate(resolve))
  }

  it('a token revoked in one process is refused in another, and in one that starts later', async () => {
    const { app, codeOf } = await appOf()
    const other = await processOf('closed')
    const [one, two, three] = [tokenOf('one'), tokenOf('two'), tokenOf('three', { sub: 'user-102' })] as const
    for (const given of [one, two, three]) expect([await codeOf(given), await other(given)]).toEqual([200, 200])
    await revoke(app, { issuer, tokenId: 'one' })
    await until(() => other(one), 401)
    await revokeSubject(app, { issuer, subject: 'user-102' })
    await until(() => other(three), 401)
    expect([await codeOf(two), await other(two)]).toEqual([200, 200])
    const late = await processOf('closed')
    expect([await late(one), await late(two), await late(three)]).toEqual([401, 200, 401])
  })

  it('a client without a queue, connected: the app that another one replaces begins without an outage', async () => {
    const redis = new Redis(server.url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 })
    redis.on('error', () => {})
    onTestFinished(() => redis.disconnect())
    await once(redis, 'ready')
    for (let time = 0; time < 5; time++) {
      const { codeOf, lines } = await appOf('closed', 'ptc:auth:', redis)
      expect(await codeOf(tokenOf('a'))).toBe(200)
      expect(lines.filter((line) => line.includes('away'))).toEqual([])
    }
  })

  it('a registration with another prefix hears nothing', async () => {
    const { app } = await appOf()
    const { codeOf } = await appOf('closed', 'other:')
    await revoke(app, { issuer, tokenId: 'one' })
    expect(await codeOf(tokenOf('one'))).toBe(200)
  })

  it('the set holds what is revoked with its end, and expires with its last member', async () => {
    const { app } = await appOf()
    await revoke(app, { issuer, tokenId: 'one', expires: iat + 600 })
    await revoke(app, { issuer, tokenId: 'one', expires: iat + 60 })
    await revoke(app, { issuer, tokenId: 'two', expires: iat + 300 })
    const client = server.client()
    expect(await client.zrange('ptc:auth:revoked', '0', '-1', 'WITHSCORES')).toEqual([
      `["t","${issuer}","two"]`,
      String(iat + 600),
      `["t","${issuer}","one"]`,
      String(iat + 900),
    ])
    expect(await client.expiretime('ptc:auth:revoked')).toBe(iat + 900)
  })

  it('a process whose clock is ahead drops nothing from the set that the others still need', async () => {
    const { app } = await appOf()
    await revoke(app, { issuer, tokenId: 'one', expires: iat + 600 })
    const ahead = Fastify()
    const clock = () => Date.now() + 86_400_000
    await ahead.register(auth, { jwt: { ...jwt, clock }, revocation: { redis: server.client() } })
    await ahead.ready()
    open.push(ahead)
    await revoke(ahead, { issuer, tokenId: 'two' })
    expect(await server.client().zscore('ptc:auth:revoked', `["t","${issuer}","one"]`)).toBe(String(iat + 900))
  })

  it('thousands of revocations reach a process that starts later', async () => {
    const { app } = await appOf()
    await Promise.all(Array.from({ length: 3000 }, (_, index) => revoke(app, { issuer, tokenId: `t-${index}` })))
    const { codeOf } = await appOf()
    for (const index of [0, 1, 1500, 2998, 2999]) expect(await codeOf(tokenOf(`t-${index}`))).toBe(401)
    expect(await codeOf(tokenOf('t-3000'))).toBe(200)
  })

  it.each([
    ['closed', 503],
    ['open', 200],
  ] as const)(
    'killed: “%s” holds, nothing is withdrawn, and what was revoked meanwhile is told',
    async (policy, code) => {
      const { app, codeOf, lines } = await appOf(policy)
      const other = await processOf(policy)
      const [before, during, good] = [tokenOf('before'), tokenOf('during'), tokenOf('good')] as const
      await revoke(app, { issuer, tokenId: 'before' })
      await until(() => other(before), 401)

      await server.kill()
      await until(() => codeOf(good), code)
      await until(() => other(good), code)
      const refused = policy === 'closed' ? 503 : 401
      expect([await codeOf(before), await other(before)]).toEqual([refused, refused])
      await expect(revoke(app, { issuer, tokenId: 'during' })).rejects.toMatchObject({
        code: 'PTC_AUTH_REVOCATION_UNSHARED',
      })
      expect(await codeOf(during)).toBe(refused)

      // It comes back empty: nothing was written to disk.
      await server.revive()
      await until(() => other(during), 401)
      await until(() => codeOf(good), 200)
      await until(() => other(good), 200)
      expect([await codeOf(before), await other(before), await codeOf(during)]).toEqual([401, 401, 401])
      const late = await processOf(policy)
      expect([await late(before), await late(during), await late(good)]).toEqual([401, 401, 200])
      expect(lines.some((line) => line.includes('is away'))).toBe(true)
      expect(lines.some((line) => line.includes('is back'))).toBe(true)
    },
    30_000,
  )

  it('frozen: it counts as away, and what was missed is read once it goes on', async () => {
    const { app, codeOf } = await appOf()
    const other = await processOf('closed')
    const good = tokenOf('good')
    server.signal('SIGSTOP')
    await until(() => codeOf(good), 503)
    await expect(revoke(app, { issuer, tokenId: 'good' })).rejects.toMatchObject({
      code: 'PTC_AUTH_REVOCATION_UNSHARED',
    })
    server.signal('SIGCONT')
    await until(() => codeOf(good), 401)
    await until(() => other(good), 401)
  }, 30_000)

  it('emptied by somebody else: what is revoked is written back, and a process that starts later knows it', async () => {
    const { app, codeOf } = await appOf()
    const [one, all] = [tokenOf('one'), tokenOf('two', { sub: 'user-102' })]
    await revoke(app, { issuer, tokenId: 'one' })
    await revokeSubject(app, { issuer, subject: 'user-102' })
    const client = server.client()
    await client.flushall()
    while ((await client.zcard('ptc:auth:revoked')) < 2) await new Promise((resolve) => setImmediate(resolve))
    const late = await processOf('closed')
    expect([await late(one), await late(all), await codeOf(one), await late(tokenOf('good'))]).toEqual([
      401, 401, 401, 200,
    ])
  }, 30_000)

  it('away at boot: “closed” boots and answers 503 until the list was read, “open” admits', async () => {
    await server.kill()
    const closed = await appOf('closed')
    const lax = await appOf('open')
    expect([await closed.codeOf(tokenOf('a')), await lax.codeOf(tokenOf('a'))]).toEqual([503, 200])
    await server.revive()
    await until(() => closed.codeOf(tokenOf('a')), 200)
  }, 30_000)
})
