import official from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { PolicyOptions } from '@portcullis/rate-limit'
import { bare, type Comparison, constant, registered, type Setup } from '../comparison.ts'

/** So much that no request is ever refused, where that is not the subject. */
const LIMIT = 1_000_000
const HOUR = 3600
const CALLERS = 10_000

const keyOf = ({ headers }: FastifyRequest): string => headers['x-api-key'] as string

/** Registrations of @fastify/rate-limit with the fields that it writes; room for all callers. */
async function theirs(...limits: readonly number[]): Promise<FastifyInstance> {
  const app = Fastify()
  for (const [place, max] of limits.entries()) {
    await app.register(official, {
      max,
      timeWindow: HOUR * 1000 * (place + 1),
      cache: 2 * CALLERS,
      keyGenerator: keyOf,
    })
  }
  return app
}

/** A second registration could be ignored: each of three must be able to refuse. */
async function threeOfTheirs(): Promise<FastifyInstance> {
  for (let strict = 0; strict < 3; strict++) {
    const app = await theirs(...[0, 1, 2].map((place) => (place === strict ? 1 : LIMIT)))
    app.get('/', async () => 'ok')
    const ask = { url: '/', headers: { 'x-api-key': 'one' } }
    const statuses = [(await app.inject(ask)).statusCode, (await app.inject(ask)).statusCode]
    if (String(statuses) !== '200,429') throw new Error(`registration ${strict} of three does not count`)
    await app.close()
  }
  return theirs(LIMIT, LIMIT, LIMIT)
}

const ours =
  (...policies: readonly Omit<PolicyOptions, 'partitionBy'>[]) =>
  (): Promise<FastifyInstance> =>
    registered(() => import('@portcullis/rate-limit'), {
      policies: policies.map((one) => ({ ...one, partitionBy: keyOf })),
    })

async function flexible(): Promise<FastifyInstance> {
  const { RateLimiterMemory } = await import('rate-limiter-flexible')
  const limiter = new RateLimiterMemory({ points: LIMIT, duration: HOUR })
  const app = Fastify()
  // The fields of its documentation's example.
  app.addHook('onRequest', async (request, reply) => {
    const { remainingPoints, msBeforeNext } = await limiter.consume(keyOf(request))
    reply.header('x-ratelimit-limit', LIMIT)
    reply.header('x-ratelimit-remaining', remainingPoints)
    reply.header('x-ratelimit-reset', Math.ceil((Date.now() + msBeforeNext) / 1000))
  })
  return app
}

const five: Setup['constantFields'] = [
  ['x-ratelimit-limit', '1000000'],
  ['x-ratelimit-remaining', '999998'],
  ['x-ratelimit-reset', '1780000000'],
  ['ratelimit', '"q";r=999998;t=3600'],
  ['ratelimit-policy', '"q";q=1000000;w=3600'],
]

const wide = { name: 'q', limit: LIMIT, window: HOUR }

const comparison: Comparison = {
  title: 'a quota for each of 10,000 API keys',
  bare: 'bare Fastify',
  official: '@fastify/rate-limit',
  apiKeys: CALLERS,
  refusing: ['@fastify/rate-limit, refused', 'ours, refused', 'ours, fixed window, refused', 'constant 429'],
  subjects: {
    'bare Fastify': bare,
    'bare + five constant fields': () => constant(five),
    '@fastify/rate-limit': () => theirs(LIMIT),
    'rate-limiter-flexible': flexible,
    'ours, token bucket': ours({ ...wide, algorithm: 'token-bucket' }),
    'ours, fixed window': ours(wide),
    'three of @fastify/rate-limit': threeOfTheirs,
    'ours, three policies': ours(
      { ...wide, name: 'a' },
      { ...wide, name: 'b', window: 2 * HOUR },
      { ...wide, name: 'c', algorithm: 'token-bucket' },
    ),
    '@fastify/rate-limit, refused': () => theirs(1),
    'ours, refused': ours({ name: 'q', algorithm: 'token-bucket', limit: 1, window: HOUR }),
    'ours, fixed window, refused': ours({ name: 'q', limit: 1, window: HOUR }),
    'constant 429': () => {
      const app = constant([...five, ['retry-after', '3600'], ['cache-control', 'no-store']])
      const body =
        '{"error":"Rate limit exceeded. Try again in 3600 seconds.","code":"PTC_RATE_LIMIT_EXCEEDED","status":429,"title":"Too Many Requests","retryAfter":3600}'
      app.addHook('onRequest', (_request, reply) => {
        reply
          .code(429)
          .header('content-type', 'application/json')
          .serializer((text) => text as string)
          .send(body)
      })
      return app
    },
  },
}
export default comparison
