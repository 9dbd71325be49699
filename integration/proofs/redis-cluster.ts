import { setTimeout as pause } from 'node:timers/promises'
import rateLimit, { type RedisClient } from '@portcullis/rate-limit'
import Fastify from 'fastify'
import { Cluster } from 'ioredis'
import type { Figure, Size } from '../proof.ts'
import { LimitedProcesses } from '../test/limited-processes.ts'
import { RedisCluster } from '@portcullis/testing/redis-cluster'

/** The store's deadline of the app whose master is killed. */
const DEADLINE = 200

/** Limits over three masters: exact while one hands over to its replica, by the declared policy when one dies. */
export async function prove(size: Size): Promise<Figure[]> {
  const full = size === 'full'
  const cluster = await RedisCluster.start()
  const figures: Figure[] = []
  try {
    for (const count of full ? [1, 2, 4] : [2]) {
      const processes = await LimitedProcesses.start(count, 'cluster', cluster.ports)
      try {
        const policy = { name: 'q', limit: 5, window: 31_536_000, algorithm: 'token-bucket' } as const
        const callers = full ? 100 : 20
        const requests = callers * 20
        const bursts = [processes.burst({ prefix: `${count}:`, policy, requests: requests / 2, callers })]
        if (count === (full ? 4 : 2)) await cluster.failOver()
        bursts.push(processes.burst({ prefix: `${count}:`, policy, requests: requests / 2, callers }))
        const answers = await Promise.all(bursts)
        const admitted = answers.reduce((sum, one) => sum + one.admitted, 0)
        const others = answers.reduce((sum, one) => sum + one.others, 0)
        figures.push({
          name: `cluster: admitted of ${requests} by ${callers} callers over ${count} processes`,
          figure: others === 0 ? String(admitted) : `${admitted}, and ${others} neither 200 nor 429`,
          bound: String(callers * policy.limit),
          ok: admitted === callers * policy.limit && others === 0,
        })
      } finally {
        processes.stop()
      }
    }
    figures.push(...(await killed(cluster, full)))
  } finally {
    await cluster.stop()
  }
  return figures
}

/** A master dies: who lives there is counted in the process until its replica has taken over. */
async function killed(cluster: RedisCluster, full: boolean): Promise<Figure[]> {
  const nodes = cluster.ports.map((port) => ({ host: '127.0.0.1', port }))
  const client = new Cluster(nodes, { clusterRetryStrategy: () => 100, slotsRefreshTimeout: 500 })
  client.on('error', () => {})
  const app = Fastify()
  await app.register(rateLimit, {
    policies: [
      { name: 'caller', limit: 100, window: 3600, partitionBy: { header: 'x-caller' } },
      { name: 'all', limit: 1_000_000, window: 3600, partitionBy: 'global' },
    ],
    store: { redis: client as RedisClient, timeoutMs: DEADLINE },
    nearing: 0,
  })
  app.get('/', async () => 'ok')
  await client.ping()
  let number = 0
  let slowest = 0
  const wrong = new Map<number, number>()
  const ask = async (): Promise<void> => {
    const start = performance.now()
    const { statusCode } = await app.inject({ url: '/', headers: { 'x-caller': `k${number++}` } })
    slowest = Math.max(slowest, performance.now() - start)
    if (statusCode !== 200) wrong.set(statusCode, (wrong.get(statusCode) ?? 0) + 1)
  }
  const load = async (milliseconds: number): Promise<void> => {
    const end = performance.now() + milliseconds
    while (performance.now() < end) {
      await Promise.all(Array.from({ length: 8 }, ask))
      await pause(5)
    }
  }
  await load(500)
  slowest = 0
  cluster.kill()
  await load(full ? 8000 : 3000)
  await app.close()
  client.disconnect()
  const slack = full ? 500 : 10_000
  return [
    {
      name: `cluster, a master killed: of ${number} answers not 200`,
      figure: wrong.size === 0 ? '0' : [...wrong].map((one) => one.join(' × ')).join(', '),
      bound: '0',
      ok: wrong.size === 0,
    },
    {
      name: 'cluster, a master killed: slowest answer, ms',
      figure: slowest.toFixed(0),
      bound: `<= ${DEADLINE + slack}`,
      ok: slowest <= DEADLINE + slack,
    },
  ]
}
