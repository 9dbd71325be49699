import type { Mistake } from '@portcullis/kernel'
import { mended } from '@portcullis/testing/patch'
import Fastify from 'fastify'
import { afterEach, expect, it } from 'vitest'
import rateLimit from '../src/index.ts'

const apps: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

async function boot(options: object): Promise<readonly Mistake[]> {
  const app = Fastify()
  apps.push(app)
  try {
    await app.register(rateLimit, options as never)
    await app.ready()
    return []
  } catch (error) {
    return (error as { mistakes?: readonly Mistake[] }).mistakes ?? Promise.reject(error as Error)
  }
}

const policy = { name: 'per-ip', limit: 100, window: 60 }
const one = (change: object): object => ({ policies: [{ ...policy, ...change }] })

it.each([
  ['no options', {}, 'policies', 'required'],
  ['a misspelt list', { polices: [policy] }, 'polices', 'additionalProperties'],
  ['an empty list', { policies: [] }, 'policies', 'minItems'],
  ['one policy instead of a list', { policies: policy }, 'policies', 'type'],
  ['a limit as a string', one({ limit: '5' }), 'policies[0].limit', 'accepts'],
  ['a limit of nothing', one({ limit: 0 }), 'policies[0].limit', 'minimum'],
  ['a limit with a fraction', one({ limit: 1.5 }), 'policies[0].limit', 'accepts'],
  ['a limit without bound', one({ limit: 1e9 }), 'policies[0].limit', 'maximum'],
  ['a window in words', one({ window: '1 minute' }), 'policies[0].window', 'type'],
  [
    'the official word for limit',
    { policies: [{ name: 'a', max: 5, window: 60 }] },
    'policies[0].max',
    'additionalProperties',
  ],
  ['an algorithm by how it is computed', one({ algorithm: 'gcra' }), 'policies[0].algorithm', 'enum'],
  ['a list of no partitions', one({ partitionBy: [] }), 'policies[0].partitionBy', 'minItems'],
  ['a partition by nothing', one({ partitionBy: {} }), 'policies[0].partitionBy', 'minProperties'],
  [
    'a partition by two things',
    one({ partitionBy: { header: 'x', body: 'y' } }),
    'policies[0].partitionBy',
    'maxProperties',
  ],
  ['a header in capitals', one({ partitionBy: { header: 'X-Tenant' } }), 'policies[0].partitionBy.header', 'pattern'],
  [
    'a cookie as a name',
    one({ partitionBy: ['ip', { header: 'cookie' }] }),
    'policies[0].partitionBy[1]',
    'respelt-field',
  ],
  ['a misspelt partition in a list', one({ partitionBy: ['ip', 'identiti'] }), 'policies[0].partitionBy[1]', 'pattern'],
  ['a limit that waits', one({ limit: async () => 5 }), 'policies[0].limit', 'synchronous-amount'],
  ['a cost that waits', one({ cost: async () => 5 }), 'policies[0].cost', 'synchronous-amount'],
  ['a method in small letters', one({ methods: ['post'] }), 'policies[0].methods[0]', 'enum'],
  ['an unknown per', one({ per: ['path'] }), 'policies[0].per[0]', 'enum'],
  ['a share above all', { ...one({}), nearing: 1.5 }, 'nearing', 'maximum'],
  ['an unknown reset', { ...one({}), reset: 'date' }, 'reset', 'enum'],
  ['host bits in a range', { ...one({}), allow: ['10.0.0.1/8'] }, 'allow[0]', 'address-host-bits'],
  ['several bad entries', { ...one({}), deny: ['x', '10.0.0.0/8', 'y', '::/0'] }, 'deny[3]', 'address-everybody'],
  ['a hook', one({ hook: 'onRequest' }), 'policies[0].hook', 'additionalProperties'],
  ['an unknown algorithm', one({ algorithm: 'gcra' }), 'policies[0].algorithm', 'enum'],
  ['a partition that does not exist', one({ partitionBy: 'user' }), 'policies[0].partitionBy', 'pattern'],
  ['a partition that is a number', one({ partitionBy: 7 }), 'policies[0].partitionBy', 'accepts'],
  ['a partition that waits', one({ partitionBy: async () => 'x' }), 'policies[0].partitionBy', 'synchronous-partition'],
  ['a name that would break a field', one({ name: 'a", "b' }), 'policies[0].name', 'pattern'],
  ['two policies of one name', { policies: [policy, { ...policy, limit: 5 }] }, 'policies[1].name', 'unique-name'],
  ['a burst on a fixed window', one({ burst: 5 }), 'policies[0].burst', 'burst-needs-bucket'],
  ['a cost that never fits', one({ cost: 101 }), 'policies[0].cost', 'cost-within-capacity'],
  [
    'a cost above the burst',
    one({ algorithm: 'token-bucket', burst: 2, cost: 3 }),
    'policies[0].cost',
    'cost-within-capacity',
  ],
  [
    'a burst that takes centuries to come back',
    one({ algorithm: 'token-bucket', limit: 1, window: 31_536_000, burst: 500, cost: 400 }),
    'policies[0].burst',
    'burst-comes-back',
  ],
  [
    'a burst that takes centuries at the smallest limit',
    one({ algorithm: 'leaky-bucket', limit: () => 1, window: 31_536_000, burst: 101 }),
    'policies[0].burst',
    'burst-comes-back',
  ],
  ['a sentence of one’s own', one({ sentence: 'Go away.' }), 'policies[0].sentence', 'enum'],
  ['an API key field in capitals', { ...one({}), apiKeyField: 'X-Api-Key' }, 'apiKeyField', 'pattern'],
  [
    'a field with many spellings of one key',
    { ...one({}), apiKeyField: 'authorization' },
    'apiKeyField',
    'respelt-field',
  ],
  ['a store by name', { ...one({}), store: 'redis' }, 'store', 'type'],
  ['a Redis address', { ...one({}), store: { redis: 'redis://localhost' } }, 'store.redis', 'accepts'],
  ['a Redis client that is none', { ...one({}), store: { redis: {} } }, 'store.redis', 'redis-client'],
  ['a prefix with braces', { ...one({}), store: { prefix: '{x}' } }, 'store.prefix', 'pattern'],
  ['a deadline of nothing', { ...one({}), store: { timeoutMs: 0 } }, 'store.timeoutMs', 'minimum'],
  ['a memory of nobody', { ...one({}), store: { maxKeys: 0 } }, 'store.maxKeys', 'minimum'],
  ['an unknown failure policy', { ...one({}), onStoreError: 'ignore' }, 'onStoreError', 'enum'],
])('refuses %s, and its fix boots', async (_, options, path, rule) => {
  const mistakes = await boot(options)
  expect(mistakes.map((mistake) => [mistake.path, mistake.rule])).toContainEqual([path, rule])
  expect(await boot(mended(options, mistakes))).toEqual([])
})

it('finds every mistake at once', async () => {
  const mistakes = await boot({ policies: [{ name: 'a', limit: '5', window: 0 }], onStoreErro: 'open' })
  expect(mistakes.map(({ path }) => path).toSorted()).toEqual([
    'onStoreErro',
    'policies[0].limit',
    'policies[0].window',
  ])
})

it.each([
  one({}),
  one({ algorithm: 'token-bucket', burst: 200 }),
  one({ partitionBy: () => null }),
  one({ partitionBy: 'identity', cost: 100 }),
  one({ partitionBy: ['ip', { body: 'email' }, { header: 'x-tenant' }, () => null], per: ['route', 'method'] }),
  one({ limit: () => 5, cost: () => 1, methods: ['POST'], reportOnly: true }),
  { ...one({}), allow: ['10.0.0.0/8', '::1'], deny: ['2001:db8::/32'], nearing: 0, reset: 'delta' },
  { policies: [policy, { ...policy, name: 'other', partitionBy: 'api-key' }], apiKeyField: 'x-key' },
  { ...one({}), store: { maxKeys: 10 }, onStoreError: 'closed', reportOnly: true },
  { ...one({}), enabled: false },
])('accepts %j', async (options) => {
  expect(await boot(options)).toEqual([])
})

it('refuses a route’s mistakes too, and names the route', async () => {
  const app = Fastify()
  apps.push(app)
  await app.register(rateLimit, { policies: [policy] })
  app.get(
    '/a',
    { config: { security: { rateLimit: { policies: [{ name: 'a', limit: 1, window: 1, burst: 3 }] } } } },
    async () => '',
  )
  await expect(app.ready()).rejects.toThrow(/GET \/a rateLimit\.policies\[0\]\.burst/)
})

it('tells whoever writes how it is computed what it is called', async () => {
  const [mistake] = await boot(one({ algorithm: 'gcra' }))
  expect(mistake!.message).toContain("write algorithm: 'token-bucket'")
})
