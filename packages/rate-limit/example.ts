import rateLimit from '@portcullis/rate-limit'
import Fastify from 'fastify'

export const app = Fastify()

await app.register(rateLimit, {
  policies: [{ name: 'per-ip', limit: 100, window: 60, partitionBy: 'ip' }],
})

app.get('/', async () => ({ hello: 'world' }))

// Five attempts a minute and address; the wait is told only as "later".
app.post(
  '/login',
  {
    config: { security: { rateLimit: { policies: [{ name: 'login', limit: 5, window: 60, sentence: 'later' }] } } },
  },
  async () => ({ ok: true }),
)

// Sixty a minute, evenly, at most ten at once.
app.get(
  '/search',
  {
    config: {
      security: {
        rateLimit: { policies: [{ name: 'search', algorithm: 'token-bucket', limit: 60, window: 60, burst: 10 }] },
      },
    },
  },
  async () => [],
)

if (import.meta.main) await app.listen({ port: 3000 })
