import type { FastifyInstance } from 'fastify'
import type { Comparison, Setup } from '../comparison.ts'

/** So high that no request is ever refused. */
const QUOTA = 1_000_000_000

// Subjects import what they use when they start: no subject runs in a process that another's code has touched.

async function official(app: FastifyInstance, setup: Setup, cache: number | false): Promise<void> {
  const { default: helmet } = await import('@fastify/helmet')
  const { default: cors } = await import('@fastify/cors')
  const { default: limit } = await import('@fastify/rate-limit')
  const { default: jwt } = await import('@fastify/jwt')
  await app.register(helmet)
  await app.register(cors, { origin: [setup.origin], credentials: true })
  await app.register(limit, { max: QUOTA, timeWindow: 60_000 })
  await app.register(jwt, {
    secret: { public: setup.publicKey },
    verify: {
      algorithms: ['ES256'],
      allowedIss: setup.issuer,
      allowedAud: setup.audience,
      // A cache larger than the number of tokens always hits: its best case.
      ...(cache === false ? {} : { cache }),
    },
  })
  app.addHook('onRequest', async (request) => {
    await request.jwtVerify()
  })
}

async function ours(app: FastifyInstance, { publicKey, issuer, audience, origin }: Setup): Promise<void> {
  const { default: headers } = await import('@portcullis/headers')
  const { default: cors } = await import('@portcullis/cors')
  const { default: rateLimit } = await import('@portcullis/rate-limit')
  const { default: auth } = await import('@portcullis/auth')
  await app.register(headers)
  await app.register(cors, { origins: [origin], credentials: true })
  await app.register(rateLimit, { policies: [{ name: 'per-ip', limit: QUOTA, window: 60, partitionBy: 'ip' }] })
  await app.register(auth, { jwt: { key: publicKey, issuer, audience, algorithms: ['ES256'] } })
}

const comparison: Comparison = {
  title: 'security fields, CORS, rate limit and ES256 bearer tokens',
  bare: 'bare Fastify',
  official: 'official four',
  constantOf: 'ours',
  subjects: {
    'bare Fastify': () => undefined,
    'bare + our constant fields': (app, { constantFields }) => {
      app.addHook('onRequest', (_request, reply, done) => {
        for (const [name, value] of constantFields) reply.header(name, value)
        done()
      })
    },
    'official four': (app, setup) => official(app, setup, 10_000),
    'official four, jwt uncached': (app, setup) => official(app, setup, false),
    ours,
  },
}
export default comparison
