import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import rateLimit, { type PolicyOptions, type RateLimitOptions } from '../src/index.ts'

const apps: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

const lost = { status: 'end', evalsha: async () => null, eval: async () => null }
const memcached = { increment: async () => ({ value: 1 }), decrement: async () => ({ value: 0 }) }

async function limited(policies: PolicyOptions[], more: Partial<RateLimitOptions> = {}): Promise<FastifyInstance> {
  const app = Fastify()
  apps.push(app)
  await app.register(rateLimit, { policies, store: { redis: lost }, ...more })
  app.get('/', async () => 'ok')
  return app
}
const local: PolicyOptions = { name: 'local', limit: 2, window: 60 }
const open: PolicyOptions = { name: 'open', limit: 1, window: 60, onStoreError: 'open' }
const closed: PolicyOptions = { name: 'closed', limit: 9, window: 60, onStoreError: 'closed' }

describe('while the store is away', () => {
  it('each policy does what it says: one is counted here, the other lets pass', async () => {
    const app = await limited([local, open])
    const first = await app.inject('/')
    expect([first.statusCode, first.headers['ratelimit']]).toEqual([200, '"local";r=1;t=60'])
    expect((await app.inject('/')).statusCode).toBe(200)
    const refused = await app.inject('/')
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '60'])
    expect(refused.headers['x-ratelimit-limit']).toBe('2')
  })

  it('one closed policy refuses, and the others spend nothing', async () => {
    const app = await limited([local, closed])
    app.get('/local', { config: { security: { rateLimit: { policies: [local] } } } }, async () => 'ok')
    for (let request = 0; request < 5; request++) {
      const answer = await app.inject('/')
      expect([answer.statusCode, answer.headers['retry-after'], answer.headers['ratelimit']]).toEqual([
        503,
        '1',
        undefined,
      ])
      expect(answer.json()).toMatchObject({ code: 'PTC_RATE_LIMIT_UNAVAILABLE' })
    }
    expect((await app.inject('/local')).headers['x-ratelimit-remaining']).toBe('1')
  })

  it('a policy’s own word counts more than the registration’s', async () => {
    const [own, usual] = [{ ...local, onStoreError: 'local' } as const, local]
    expect((await (await limited([own], { onStoreError: 'closed' })).inject('/')).statusCode).toBe(200)
    expect((await (await limited([usual], { onStoreError: 'closed' })).inject('/')).statusCode).toBe(503)
  })

  it('a closed policy that only reports refuses nobody', async () => {
    const app = await limited([{ ...closed, reportOnly: true }, local])
    expect((await app.inject('/')).statusCode).toBe(200)
  })
})

describe('a store', () => {
  const message = async (policies: PolicyOptions[], store: object): Promise<string> =>
    limited(policies, { store: store as never }).then(
      () => '',
      (error: Error) => error.message,
    )

  it.each([
    ['a Redis client without commands', [local], { redis: {} }, 'must be a client of ioredis'],
    ['a Memcached client without commands', [local], { memcached: {} }, 'must be a client with `increment`'],
    ['two stores', [local], { redis: lost, memcached }, 'quotas live in one store'],
    [
      'an algorithm that Memcached cannot count',
      [{ ...local, algorithm: 'token-bucket' }],
      { memcached },
      "write algorithm: 'fixed-window', or use Redis",
    ],
    [
      'a ban in Memcached',
      [{ ...local, ban: { after: 1, within: 1, for: 1 } }],
      { memcached },
      'cannot be kept in Memcached',
    ],
  ] as [string, PolicyOptions[], object, string][])('is refused at boot: %s', async (_, policies, store, words) => {
    expect(await message(policies, store)).toContain(words)
  })

  it('of Memcached holds no login guard', async () => {
    const app = await limited([local], { store: { memcached } })
    const loginGuard = { account: { body: 'email' } }
    app.post('/login', { config: { security: { rateLimit: { loginGuard } } } }, async () => 'ok')
    await expect(app.ready()).rejects.toThrow('cannot be counted in Memcached, which knows no delays')
  })

  it('of Memcached counts', async () => {
    const app = await limited([local], { store: { memcached } })
    expect((await app.inject('/')).headers['x-ratelimit-remaining']).toBe('1')
  })
})
