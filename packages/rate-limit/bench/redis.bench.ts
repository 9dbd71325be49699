/**
 * Decisions over Redis, 64 in flight, 10,000 callers: what one costs in CPU time, of this process and of the server
 * together, beside @fastify/rate-limit with the same client. The subjects take turns; `--rounds N --decisions N`.
 */
import { parseArgs } from 'node:util'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyRequest } from 'fastify'
import { parsePolicy, type Quota } from '../src/policy.ts'
import { RedisStore } from '../src/stores/redis-store.ts'
import { RedisServer } from '@portcullis/testing/redis'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, decisions: { type: 'string', default: '30000' } },
})
const decisions = Number(values.decisions)
const FLYING = 64
const CALLERS = 10_000

const server = await RedisServer.start()
const admin = server.client()

const official = Fastify()
await official.register(rateLimit, { global: false, redis: server.client() })
await official.ready()
const limit = official.createRateLimit({
  max: 1_000_000,
  timeWindow: 60_000,
  keyGenerator: (request) => (request as unknown as { name: string }).name,
})

const store = new RedisStore({
  client: server.client(),
  prefix: 'ptc:rl:',
  timeoutMs: 10_000,
  clock: () => Math.floor(performance.now()),
  onOutage: (reason) => {
    throw new Error(reason)
  },
})
const ask = (quotas: readonly Quota[]) => (subject: string) =>
  store.decide(quotas.map((quota) => ({ quota, subject, cost: 1, limit: quota.limit as number })))
const policy = { name: 'q', limit: 1_000_000, window: 60 }

const subjects: Record<string, (name: string) => unknown> = {
  '@fastify/rate-limit, fixed window': (name) =>
    limit({ name, routeOptions: { config: {} } } as unknown as FastifyRequest),
  'fixed window': ask([parsePolicy(policy)]),
  'token bucket': ask([parsePolicy({ ...policy, algorithm: 'token-bucket' })]),
  'sliding window': ask([parsePolicy({ ...policy, algorithm: 'sliding-window' })]),
  'three policies': ask([
    parsePolicy(policy),
    parsePolicy({ ...policy, name: 'r', algorithm: 'token-bucket' }),
    parsePolicy({ ...policy, name: 's', window: 3600 }),
  ]),
}

const serverCpu = async (): Promise<number> => {
  const info = await admin.info('cpu')
  const of = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1])
  return (of('used_cpu_user') + of('used_cpu_sys')) * 1e6
}

/** µs of CPU a decision: ours, the server's. */
async function round(decide: (name: string) => unknown): Promise<[number, number]> {
  let next = 0
  const before = await serverCpu()
  const start = process.cpuUsage()
  await Promise.all(
    Array.from({ length: FLYING }, async () => {
      while (next < decisions) await decide(`caller-${(next++ * 7919) % CALLERS}`)
    }),
  )
  const { user, system } = process.cpuUsage(start)
  const after = await serverCpu()
  return [(user + system) / decisions, (after - before) / decisions]
}

const entries = Object.entries(subjects)
const seen = new Map(entries.map(([name]) => [name, [] as [number, number][]]))
for (const [, decide] of entries) await round(decide)
for (let i = 0; i < Number(values.rounds); i++) {
  for (const [name, decide] of i % 2 === 0 ? entries : entries.toReversed()) seen.get(name)!.push(await round(decide))
}
console.log(
  `\n${decisions} decisions over Redis, ${FLYING} in flight: µs of CPU each, cheapest of ${values.rounds} rounds`,
)
let first = 0
for (const [name, rounds] of seen) {
  const [client, redis] = rounds.toSorted(([a, b], [c, d]) => a + b - c - d)[0]!
  const sum = client + redis
  first ||= sum
  console.log(
    `  ${name.padEnd(34)} client ${client.toFixed(1).padStart(5)}  server ${redis.toFixed(1).padStart(5)}  together ${sum.toFixed(1).padStart(5)}  decisions per CPU second ×${(first / sum).toFixed(2)}`,
  )
}
await official.close()
await server.stop()
process.exit()
