import type { RouteSecurity } from 'fastify'
import Fastify from 'fastify'
import rateLimit, { type RateLimitOptions } from '../src/index.ts'

const app = Fastify()
await app.register(rateLimit, { policies: [{ name: 'a', limit: 1, window: 1, partitionBy: (request) => request.ip }] })

app.get(
  '/',
  { config: { security: { rateLimit: { policies: [{ name: 'a', limit: 1, window: 1 }] } } } },
  async () => '',
)
app.get('/open', { config: { security: { rateLimit: false } } }, async () => '')

// @ts-expect-error a limit is a number
const _limit: RateLimitOptions = { policies: [{ name: 'a', limit: '1', window: 1 }] }
// @ts-expect-error policies are required
const _none: RateLimitOptions = {}
// @ts-expect-error no such partition
const _partition: RateLimitOptions = { policies: [{ name: 'a', limit: 1, window: 1, partitionBy: 'user' }] }
// @ts-expect-error misspelt
const _route = { rateLimit: { polices: [] } } satisfies RouteSecurity
