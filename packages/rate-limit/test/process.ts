import Fastify from 'fastify'
import { Redis } from 'ioredis'
import rateLimit from '../src/index.ts'

// One of several processes: told "go", it asks its app fifty times at once and tells how many were admitted.
const redis = new Redis({ port: Number(process.argv[2]), host: '127.0.0.1' })
const app = Fastify()
await app.register(rateLimit, {
  policies: [{ name: 'q', limit: 10, window: 600 }],
  store: { redis, timeoutMs: 10_000 },
})
app.get('/', async () => 'ok')
await app.ready()
await redis.ping()
process.send?.('ready')
process.once('message', () => {
  void Promise.all(Array.from({ length: 50 }, async () => (await app.inject('/')).statusCode)).then((statuses) => {
    process.send?.(statuses.filter((status) => status === 200).length)
    redis.disconnect()
    process.disconnect()
  })
})
