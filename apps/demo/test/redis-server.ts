import { hasRedis, RedisServer } from '@portcullis/testing/redis'
import { afterAll } from 'vitest'

/** A Redis server for whoever asks, stopped after all tests. */
export function startRedis(): { url(skip: (note: string) => never): Promise<string> } {
  const servers: RedisServer[] = []
  afterAll(async () => {
    for (const server of servers) await server.stop()
  })
  return {
    async url(skip) {
      if (!hasRedis) skip('redis-server is not installed')
      const server = await RedisServer.start()
      servers.push(server)
      return server.url
    },
  }
}
