import type { AddressInfo } from 'node:net'
import rateLimit, { type StoreOptions } from '@portcullis/rate-limit'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { Client } from 'memjs'

// A server whose shared store fails while it is under load: `/local` counts by itself then, `/closed` refuses.
const [kind, port] = process.argv.slice(2)

function storeOf(): StoreOptions {
  if (kind === 'memcached') {
    return {
      memcached: Client.create(`127.0.0.1:${port}`, { retries: 1, timeout: 0.2, logger: { log: () => {} } }),
    }
  }
  const redis = new Redis({
    host: '127.0.0.1',
    port: Number(port),
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
  })
  redis.on('error', () => {})
  return { redis }
}

const app = Fastify()
await app.register(rateLimit, {
  policies: [{ name: 'local', limit: 1000, window: 3600, partitionBy: { header: 'x-caller' } }],
  store: { ...storeOf(), timeoutMs: 50 },
  nearing: 0,
})
app.get('/local', async () => 'ok')
const closed = {
  name: 'closed',
  limit: 1000,
  window: 3600,
  partitionBy: { header: 'x-caller' },
  onStoreError: 'closed',
}
app.get('/closed', { config: { security: { rateLimit: { policies: [closed as never] } } } }, async () => 'ok')
await app.listen({ port: 0, host: '127.0.0.1' })
process.send?.((app.server.address() as AddressInfo).port)
process.on('disconnect', () => process.exit())
