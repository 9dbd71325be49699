import rateLimit, { type PolicyOptions, type RedisClient } from '@portcullis/rate-limit'
import Fastify from 'fastify'
import { Cluster, Redis } from 'ioredis'

/** What one of several processes asks of its app at once. */
export interface Burst {
  /** Comes back with the answer. */
  readonly id: number
  readonly prefix: string
  readonly policy: PolicyOptions
  readonly requests: number
  /** Requests are spread over so many callers. */
  readonly callers: number
}

/** What came of it. */
export interface BurstAnswer {
  readonly id: number
  readonly admitted: number
  readonly refused: number
  readonly others: number
}

const [kind, ...ports] = process.argv.slice(2)
const nodes = ports.map((port) => ({ host: '127.0.0.1', port: Number(port) }))
const client = kind === 'cluster' ? new Cluster(nodes) : new Redis(nodes[0] as { host: string; port: number })
client.on('error', () => {})
await client.ping()
process.send?.('ready')

process.on('message', ({ id, prefix, policy, requests, callers }: Burst) => {
  void (async () => {
    const app = Fastify()
    await app.register(rateLimit, {
      policies: [{ ...policy, partitionBy: { header: 'x-caller' } }],
      store: { redis: client as RedisClient, prefix, timeoutMs: 10_000 },
      nearing: 0,
    })
    app.get('/', async () => 'ok')
    await app.ready()
    const statuses = await Promise.all(
      Array.from({ length: requests }, async (_, i) => {
        const headers = { 'x-caller': `caller-${i % callers}` }
        return (await app.inject({ url: '/', headers })).statusCode
      }),
    )
    await app.close()
    const admitted = statuses.filter((status) => status === 200).length
    const refused = statuses.filter((status) => status === 429).length
    process.send?.({ id, admitted, refused, others: requests - admitted - refused } satisfies BurstAnswer)
  })()
})
process.on('disconnect', () => process.exit())
