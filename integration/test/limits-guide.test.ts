import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import rateLimit, { type RedisClient } from '@portcullis/rate-limit'
import { createCluster } from '@redis/client'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, afterEach, expect, it } from 'vitest'
import { hasMemcached, MemcachedServer } from '@portcullis/testing/memcached'
import { hasRedis, RedisServer } from '@portcullis/testing/redis'
import { RedisCluster } from '@portcullis/testing/redis-cluster'

const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/limits-over-many-processes.md'), 'utf8')
const [redis = '', nodeRedis = '', cluster = '', memcached = ''] = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(
  ([, code = '']) => code,
)
const folder = join(import.meta.dirname, '../.portcullis-limits')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const app = "import rateLimit from '@portcullis/rate-limit'\nimport Fastify from 'fastify'\nconst app = Fastify()\n"
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

interface Pasted {
  readonly app: FastifyInstance
  readonly close: () => unknown
}

/** Pastes code into a file, and gives the app that it makes. */
async function paste(surroundings: string, code: string, close: string): Promise<FastifyInstance> {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `pasted-${randomUUID()}.ts`)
  const whole = `${surroundings}\n${code}\napp.get('/', async () => 'ok')\nexport { app }\nexport const close = () => ${close}\n`
  // A busy test machine is given more time than a request has.
  const patient = whole.replace(/store: \{ /, 'store: { timeoutMs: 5000, ')
  writeFileSync(file, patient.replace("from 'redis'", "from '@redis/client'"))
  const made = (await import(/* @vite-ignore */ file)) as Pasted
  closers.push(made.close, () => made.app.close())
  return made.app
}

const left = async (one: FastifyInstance, headers: Record<string, string> = {}): Promise<number> =>
  Number((await one.inject({ url: '/', headers })).headers['x-ratelimit-remaining'])

it.runIf(hasRedis)('the guide’s apps share their limits over Redis, whichever the client', async () => {
  const server = await RedisServer.start()
  closers.push(() => server.stop())
  const url = `const url = 'redis://127.0.0.1:${server.port}'`
  const [one, other] = [await paste(url, redis, 'undefined'), await paste(url, redis, 'undefined')]
  const third = await paste(`${url}\n${app}`, nodeRedis, 'undefined')
  const account = { 'x-account': 'a' }
  expect([await left(one, account), await left(other, account)]).toEqual([4, 3])
  // The same policy under the same prefix is the same quota.
  expect(await left(third)).toBe(97)
})

it.runIf(hasRedis)(
  'the guide’s app counts over a cluster',
  async () => {
    const nodes = await RedisCluster.start()
    closers.push(() => nodes.stop())
    const list = nodes.ports.map((port) => ({ host: '127.0.0.1', port }))
    const made = await paste(`const nodes = ${JSON.stringify(list)}\n${app}`, cluster, 'cluster.disconnect()')
    // Until the client has found the nodes, the process counts by itself.
    const shared = async (): Promise<number> => {
      expect((await made.inject('/')).statusCode).toBe(200)
      return (await nodes.keys()).filter((key) => key.startsWith('ptc:rl:{')).length
    }
    await expect.poll(shared, { timeout: 20_000 }).toBe(2)

    const other = createCluster({ rootNodes: nodes.ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) })
    other.on('error', () => {})
    await other.connect()
    closers.push(() => other.destroy())
    const second = Fastify()
    closers.push(() => second.close())
    const policies = [{ name: 'per-ip', limit: 100, window: 60 }]
    await second.register(rateLimit, { policies, store: { redis: other as RedisClient, timeoutMs: 5000 } })
    second.get('/', async () => 'ok')
    const before = await left(second)
    expect(before).toBeLessThan(99)
    expect(await left(made)).toBe(before - 1)
  },
  60_000,
)

it.runIf(hasMemcached)('the guide’s app counts over Memcached', async () => {
  const server = await MemcachedServer.start()
  closers.push(() => server.stop())
  const made = await paste(`const servers = '127.0.0.1:${server.port}'\n${app}`, memcached, 'undefined')
  await left(made)
  await left(made)
  expect(await server.items(server.client())).toBeGreaterThan(0)
})
