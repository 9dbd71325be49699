import Fastify, { type FastifyInstance } from 'fastify'
import { bare, type Comparison, constant, type Setup } from '../comparison.ts'
import { verifyOfficially } from './auth.ts'

/** 100,000 a second: no request is ever refused. */
const QUOTA = { limit: 1_000_000, seconds: 10 }

// Subjects import what they use when they start: no subject runs in a process that another's code has touched.

async function official(setup: Setup, cache: number | false): Promise<FastifyInstance> {
  const { default: helmet } = await import('@fastify/helmet')
  const { default: cors } = await import('@fastify/cors')
  const { default: limit } = await import('@fastify/rate-limit')
  const app = Fastify()
  await app.register(helmet)
  await app.register(cors, { origin: [setup.origin], credentials: true })
  await app.register(limit, { max: QUOTA.limit, timeWindow: QUOTA.seconds * 1000 })
  return verifyOfficially(app, setup, cache)
}

async function ours(
  { publicKey, issuer, audience, origin }: Setup,
  algorithm: 'fixed-window' | 'token-bucket',
): Promise<FastifyInstance> {
  const { default: headers } = await import('@portcullis/headers')
  const { default: cors } = await import('@portcullis/cors')
  const { default: rateLimit } = await import('@portcullis/rate-limit')
  const { default: auth } = await import('@portcullis/auth')
  // Created after the import: routes are recorded from the first one on.
  const app = Fastify()
  await app.register(headers)
  await app.register(cors, { origins: [origin], credentials: true })
  await app.register(rateLimit, {
    policies: [{ name: 'per-ip', algorithm, limit: QUOTA.limit, window: QUOTA.seconds, partitionBy: 'ip' }],
  })
  await app.register(auth, { jwt: { key: publicKey, issuer, audience, algorithms: ['ES256'] } })
  return app
}

const comparison: Comparison = {
  title: 'security fields, CORS, rate limit and ES256 bearer tokens',
  bare: 'bare Fastify',
  official: 'official four',
  constantOf: 'ours',
  subjects: {
    'bare Fastify': bare,
    'bare + our constant fields': ({ constantFields }) => constant(constantFields),
    'official four': (setup) => official(setup, 10_000),
    'official four, jwt uncached': (setup) => official(setup, false),
    ours: (setup) => ours(setup, 'fixed-window'),
    'ours, token bucket': (setup) => ours(setup, 'token-bucket'),
  },
}
export default comparison
