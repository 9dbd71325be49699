import { mkdtemp, rm } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import official from '@fastify/rate-limit'
import { defineRoom } from '@portcullis/kernel'
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import rateLimit, { type PolicyOptions, type RateLimitOptions } from '../src/index.ts'
import { hasRedis, RedisServer } from '@portcullis/testing/redis'

const apps: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

type Prepare = (app: FastifyInstance) => void
const ok: Prepare = (app) => {
  app.get('/', async () => 'ok')
}

async function theirs(options: object, prepare: Prepare = ok): Promise<FastifyInstance> {
  const app = Fastify()
  apps.push(app)
  await app.register(official, options as never)
  prepare(app)
  return app
}

async function ours(options: RateLimitOptions | PolicyOptions, prepare: Prepare = ok): Promise<FastifyInstance> {
  const app = Fastify()
  apps.push(app)
  await app.register(rateLimit, 'policies' in options ? options : { policies: [options] })
  prepare(app)
  return app
}

/** How many of `count` requests, one after the other, are answered 200. */
async function admitted(
  app: FastifyInstance,
  count: number,
  of: (index: number) => InjectOptions = () => ({}),
): Promise<number> {
  let passed = 0
  for (let index = 0; index < count; index++)
    if ((await app.inject({ url: '/', ...of(index) })).statusCode === 200) passed++
  return passed
}

const limit = (value: number, more: Partial<PolicyOptions> = {}): PolicyOptions => ({
  name: 'q',
  limit: value,
  window: 60,
  ...more,
})

it('a misspelt or quoted limit does not open the door', async () => {
  expect(await admitted(await theirs({ max: '5' }), 20)).toBe(20)
  expect(await admitted(await theirs({ maximum: 5 }), 20)).toBe(20)
  await expect(ours(limit('5' as never))).rejects.toThrow('PTC_OPTIONS_INVALID')
  await expect(ours({ name: 'q', maximum: 5, window: 60 } as never)).rejects.toThrow('PTC_OPTIONS_INVALID')
})

it('a misspelt hook does not switch the limit off', async () => {
  expect(await admitted(await theirs({ max: 2, hook: 'onrequest' }), 20)).toBe(20)
  await expect(ours({ ...limit(2), hook: 'onrequest' } as never)).rejects.toThrow('PTC_OPTIONS_INVALID')
})

it('a misspelt window does not break every request', async () => {
  const broken = await theirs({ max: 2, timeWindow: '1 minuet' })
  expect((await broken.inject('/')).statusCode).toBe(500)
  await expect(ours({ name: 'q', limit: 2, window: '1 minuet' } as never)).rejects.toThrow('PTC_OPTIONS_INVALID')
})

it('HEAD does not double the budget', async () => {
  const twice = (index: number): InjectOptions => ({ method: index % 2 === 0 ? 'GET' : 'HEAD' })
  const routed: Prepare = (app) =>
    app.get('/', { config: { rateLimit: { max: 3, timeWindow: 60_000 } } }, async () => 'ok')
  expect(await admitted(await theirs({ global: false }, routed), 10, twice)).toBe(6)
  expect(await admitted(await ours(limit(3)), 10, twice)).toBe(3)
})

it('two callers whose name and group run together are still two', async () => {
  const user = (request: { headers: Record<string, unknown> }): string => String(request.headers['x-user'])
  const first = { url: '/a', headers: { 'x-user': 'user1' } }
  const second = { url: '/b', headers: { 'x-user': 'user12' } }
  const colliding = await theirs({ global: false }, (app) => {
    const take = app.createRateLimit({ max: 1, keyGenerator: user })
    for (const [url, groupId] of [
      ['/a', '23'],
      ['/b', '3'],
    ] as const) {
      app.get(url, { config: { rateLimit: { groupId } } }, async (request, reply) => {
        const state = await take(request)
        return state.isAllowed || !state.isExceeded ? 'ok' : reply.code(429).send()
      })
    }
  })
  expect((await colliding.inject(first)).statusCode).toBe(200)
  expect((await colliding.inject(second)).statusCode).toBe(429)
  const app = await ours(limit(1), (app) => {
    for (const [url, name] of [
      ['/a', '23'],
      ['/b', '3'],
    ] as const) {
      app.get(
        url,
        { config: { security: { rateLimit: { policies: [limit(1, { name, partitionBy: user })] } } } },
        async () => 'ok',
      )
    }
  })
  expect((await app.inject(first)).statusCode).toBe(200)
  expect((await app.inject(second)).statusCode).toBe(200)
  expect((await app.inject(first)).statusCode).toBe(429)
})

it('callers without a key do not lock each other out', async () => {
  const from = (index: number): InjectOptions => ({ remoteAddress: `192.0.2.${index}` })
  const shared = await theirs({
    max: 1,
    keyGenerator: (request: { headers: Record<string, string> }) => request.headers['x-user'],
  })
  expect(await admitted(shared, 5, from)).toBe(1)
  expect(
    await admitted(await ours(limit(1, { partitionBy: (request) => request.headers['x-user'] as string })), 5, from),
  ).toBe(5)
})

it('a partition function that throws neither frees the caller nor fails the request', async () => {
  const boom = (): never => {
    throw new Error('boom')
  }
  expect((await (await theirs({ max: 2, keyGenerator: boom })).inject('/')).statusCode).toBe(500)
  expect(await admitted(await ours(limit(2, { partitionBy: boom })), 10)).toBe(2)
})

it('a second tier is not ignored', async () => {
  const tiers = await theirs({ max: 100 }, (app) => {
    app.get('/', { preHandler: app.rateLimit({ max: 2 }) }, async () => 'ok')
  })
  expect(await admitted(tiers, 10)).toBe(10)
  expect(await admitted(await ours({ policies: [limit(100), limit(2, { name: 'tight' })] }), 10)).toBe(2)
})

it('the app’s error handler does not turn a 429 into a 500', async () => {
  const handled: Prepare = (app) => {
    app.setErrorHandler((_error, _request, reply) => reply.code(500).send({ broken: true }))
    ok(app)
  }
  const [broken, app] = [await theirs({ max: 1 }, handled), await ours(limit(1), handled)]
  expect(await admitted(broken, 1)).toBe(1)
  expect((await broken.inject('/')).statusCode).toBe(500)
  expect(await admitted(app, 1)).toBe(1)
  expect((await app.inject('/')).json()).toMatchObject({ status: 429, code: 'PTC_RATE_LIMIT_EXCEEDED' })
})

describe.each([
  ['a fixed window through the engine', [limit(2)]],
  ['a fixed window beside another', [limit(2), limit(50, { name: 'wide' })]],
  ['token bucket', [limit(2, { algorithm: 'token-bucket' })]],
])('under %s', (_, policies) => {
  it('a flood of fresh addresses does not free a blocked caller', async () => {
    const flood = async (app: FastifyInstance): Promise<number> => {
      const attacker = { remoteAddress: '198.51.100.1' }
      await admitted(app, 5, () => attacker)
      await admitted(app, 200, (index) => ({ remoteAddress: `10.0.${index >> 8}.${index & 255}` }))
      return (await app.inject({ url: '/', ...attacker })).statusCode
    }
    expect(await flood(await theirs({ max: 2, cache: 50 }))).toBe(200)
    expect(await flood(await ours({ policies, store: { maxKeys: 50 } }))).toBe(429)
  })

  it('an attacker gains nothing by moving through his own IPv6 network', async () => {
    const within = (index: number): InjectOptions => ({ remoteAddress: `2001:db8:1:2::${(index + 1).toString(16)}` })
    const bare = Fastify()
    apps.push(bare)
    ok(bare)
    expect(await admitted(bare, 20, within)).toBe(20)
    expect(await admitted(await ours({ policies }), 20, within)).toBe(2)
  })
})

it('parallel wrong passwords do not slip past the count', async () => {
  const wrongPassword = async (): Promise<void> => {
    await new Promise(setImmediate)
  }
  const handled = { theirs: 0, ours: 0 }
  // The usual guard: look first, count once the password has proved wrong.
  const looking = await theirs({ global: false }, (app) => {
    const guard = app.createRateLimit({ max: 3, timeWindow: 60_000 })
    app.post('/login', async (request, reply) => {
      const state = await guard(request, { increment: false })
      if (!state.isAllowed && state.remaining === 0) return reply.code(429).send()
      handled.theirs++
      await wrongPassword()
      await guard(request)
      return reply.code(401).send()
    })
  })
  const app = await ours(limit(3), (app) => {
    app.post('/login', async (_request, reply) => {
      handled.ours++
      await wrongPassword()
      return reply.code(401).send()
    })
  })
  for (const one of [looking, app])
    await Promise.all(Array.from({ length: 50 }, () => one.inject({ method: 'POST', url: '/login' })))
  expect(handled).toEqual({ theirs: 50, ours: 3 })
})

it('a client on a Unix socket is limited instead of failing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ptc-socket-'))
  const statusOf = (socketPath: string): Promise<number> =>
    new Promise((resolve, reject) => {
      httpRequest({ socketPath, path: '/', agent: false }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode!))
      })
        .once('error', reject)
        .end()
    })
  try {
    const [broken, app] = [await theirs({ max: 1 }), await ours(limit(1))]
    await broken.listen({ path: join(folder, 'theirs') })
    await app.listen({ path: join(folder, 'ours') })
    expect(await statusOf(join(folder, 'theirs'))).toBe(500)
    expect([await statusOf(join(folder, 'ours')), await statusOf(join(folder, 'ours'))]).toEqual([200, 429])
  } finally {
    await Promise.all(apps.splice(0).map((app) => app.close()))
    await rm(folder, { recursive: true })
  }
})

describe('with authentication', () => {
  const auth = defineRoom<{ known: string[] }>({
    concern: 'auth',
    optionsSchema: {
      type: 'object',
      additionalProperties: false,
      properties: { known: { type: 'array', items: { type: 'string' }, description: 'Who may enter.', default: [] } },
    },
    setup: ({ known }) => ({
      compile: () => ({
        onRequest(request) {
          const subject = request.headers['x-user'] as string | undefined
          if (subject !== undefined && known.includes(subject)) {
            request.security.identity = { subject, scheme: 'jwt', scopes: [], credentialId: null, claims: {} }
          }
        },
      }),
    }),
  })

  it('one identity has one quota from all its addresses, and strangers cannot spend it', async () => {
    const app = await ours({ policies: [limit(2, { partitionBy: 'identity' }), limit(50, { name: 'per-ip' })] })
    await app.register(auth, { known: ['alice', 'bob'] })
    const as = (user: string, from: number): InjectOptions => ({
      headers: { 'x-user': user },
      remoteAddress: `192.0.2.${from}`,
    })
    expect(await admitted(app, 10, () => as('mallory', 1))).toBe(2)
    expect(await admitted(app, 10, (index) => as('alice', index))).toBe(2)
    const answer = await app.inject({ url: '/', ...as('bob', 99) })
    expect(answer.headers).toMatchObject({
      ratelimit: '"per-ip";r=49;t=60, "q";r=1;t=60',
      'ratelimit-policy': '"q";q=2;w=60, "per-ip";q=50;w=60',
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': '1',
    })
  })
})

describe.runIf(hasRedis)('over Redis', () => {
  it('a frozen server does not hang requests', async () => {
    const server = await RedisServer.start()
    try {
      const hanging = await theirs({ max: 2, redis: server.client() })
      const app = await ours({ policies: [limit(2)], store: { redis: server.client() } })
      expect(await admitted(hanging, 1)).toBe(1)
      expect(await admitted(app, 1)).toBe(1)
      server.signal('SIGSTOP')
      let answered = false
      const stuck = hanging.inject('/').then(() => (answered = true))
      expect((await app.inject('/')).statusCode).toBe(200)
      for (let request = 0; request < 5; request++) await app.inject('/')
      expect((await app.inject('/')).statusCode).toBe(429)
      expect(answered).toBe(false)
      server.signal('SIGCONT')
      await stuck
    } finally {
      server.signal('SIGCONT')
      await Promise.all(apps.splice(0).map((app) => app.close()))
      await server.stop()
    }
  })

  it('two limiters on one server do not share a counter', async () => {
    const server = await RedisServer.start()
    try {
      const redis = server.client()
      const pair = [await theirs({ max: 2, redis }), await theirs({ max: 2, redis })]
      const own = [
        await ours({ policies: [limit(2, { name: 'one' })], store: { redis, timeoutMs: 5000 } }),
        await ours({ policies: [limit(2, { name: 'two' })], store: { redis, timeoutMs: 5000 } }),
      ]
      expect((await admitted(pair[0]!, 3)) + (await admitted(pair[1]!, 3))).toBe(2)
      expect((await admitted(own[0]!, 3)) + (await admitted(own[1]!, 3))).toBe(4)
    } finally {
      await Promise.all(apps.splice(0).map((app) => app.close()))
      await server.stop()
    }
  })
})
