import { createClient } from '@redis/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blankCharge } from '../src/decision.ts'
import { parsePolicy } from '../src/policy.ts'
import { isRedisClient, type RedisClient } from '../src/stores/redis-client.ts'
import { RedisStore } from '../src/stores/redis-store.ts'
import { hasRedis, RedisServer } from '@portcullis/testing/redis'

const quota = parsePolicy({ name: 'q', limit: 3, window: 60 })

describe.runIf(hasRedis)('a client', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await RedisServer.start()
  })
  afterAll(async () => {
    await server.stop()
  })

  const clients = {
    ioredis: async (): Promise<{ client: RedisClient; close: () => unknown }> => {
      const client = server.client()
      return { client, close: () => client.disconnect() }
    },
    'node-redis': async (): Promise<{ client: RedisClient; close: () => unknown }> => {
      const client = createClient({ socket: { port: server.port, host: '127.0.0.1', reconnectStrategy: 20 } })
      client.on('error', () => {})
      await client.connect()
      return { client, close: () => client.destroy() }
    },
  }

  describe.each(Object.entries(clients))('of %s', (name, connect) => {
    const opened = (client: RedisClient, outages: string[]): RedisStore =>
      new RedisStore({
        client,
        prefix: `${name}:`,
        timeoutMs: 250,
        clock: () => Math.floor(performance.now()),
        onOutage: (reason) => outages.push(reason),
      })

    it('is taken for one, decides, and goes on when the server has forgotten its scripts', async () => {
      const { client, close } = await connect()
      expect(isRedisClient(client)).toBe(true)
      const outages: string[] = []
      const store = opened(client, outages)
      const take = async (): Promise<number> =>
        (await store.decide([{ ...blankCharge(quota), subject: 'x' }]))![0]!.standing.before
      try {
        expect(await take()).toBe(3)
        await server.client().script('FLUSH')
        expect([await take(), await take(), await take()]).toEqual([2, 1, 0])
        expect(outages).toEqual([])
      } finally {
        close()
      }
    })

    it('whose connection is lost is asked again when it is back', async () => {
      const { client, close } = await connect()
      const outages: string[] = []
      const store = opened(client, outages)
      const charges = [{ ...blankCharge(quota), subject: 'y' }]
      try {
        expect(await store.decide(charges)).not.toBeNull()
        await server.kill()
        expect(await store.decide(charges)).toBeNull()
        await server.revive()
        let decision = null
        while (decision === null) {
          await new Promise(setImmediate)
          decision = await store.decide(charges)
        }
        expect(decision[0]!.standing.before).toBe(3)
        expect(outages).toHaveLength(1)
      } finally {
        close()
      }
    })
  })

  it.each([[{}], [{ evalsha: () => {} }], [{ eval: () => {} }], [{ evalSha: 'x', eval: () => {} }]])(
    'is not what has not its commands: %j',
    (value) => {
      expect(isRedisClient(value)).toBe(false)
    },
  )
})
