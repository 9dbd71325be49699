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

const _all: RateLimitOptions = {
  policies: [
    {
      name: 'a',
      algorithm: 'sliding-window',
      limit: (request) => (request.headers['x-plan'] === 'pro' ? 100 : 10),
      cost: ({ method }) => (method === 'GET' ? 0 : 1),
      window: 60,
      partitionBy: ['ip', { header: 'x-tenant' }, { body: 'email' }, () => null],
      per: ['route', 'method'],
      methods: ['GET', 'POST'],
      reportOnly: true,
    },
  ],
  allow: ['10.0.0.0/8'],
  deny: [],
  nearing: 0.1,
  reset: 'delta',
}
// @ts-expect-error computed so, but called token-bucket
const _gcra: RateLimitOptions = { policies: [{ name: 'a', algorithm: 'gcra', limit: 1, window: 1 }] }
// @ts-expect-error a limit must be there at once
const _late: RateLimitOptions = { policies: [{ name: 'a', limit: async () => 1, window: 1 }] }
// @ts-expect-error methods are written in capitals
const _method: RateLimitOptions = { policies: [{ name: 'a', limit: 1, window: 1, methods: ['get'] }] }
// @ts-expect-error a limit is a number
const _limit: RateLimitOptions = { policies: [{ name: 'a', limit: '1', window: 1 }] }
// @ts-expect-error policies are required
const _none: RateLimitOptions = {}
// @ts-expect-error no such partition
const _partition: RateLimitOptions = { policies: [{ name: 'a', limit: 1, window: 1, partitionBy: 'user' }] }
// @ts-expect-error misspelt
const _route = { rateLimit: { polices: [] } } satisfies RouteSecurity
