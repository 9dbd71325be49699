import Fastify, { type FastifyInstance } from 'fastify'
import type { Comparison, Setup } from '../comparison.ts'

// Subjects import what they use when they start: no subject runs in a process that another's code has touched.

async function official({ publicKey, issuer, audience }: Setup, cache: number | false): Promise<FastifyInstance> {
  const { default: jwt } = await import('@fastify/jwt')
  const app = Fastify()
  await app.register(jwt, {
    secret: { public: publicKey },
    verify: {
      algorithms: ['ES256'],
      allowedIss: issuer,
      allowedAud: audience,
      // A cache larger than the number of tokens always hits: its best case.
      ...(cache === false ? {} : { cache }),
    },
  })
  app.addHook('onRequest', async (request) => {
    await request.jwtVerify()
  })
  return app
}

async function ours(options: (setup: Setup) => object, setup: Setup): Promise<FastifyInstance> {
  const { default: auth } = await import('@portcullis/auth')
  // Created after the import: routes are recorded from the first one on.
  const app = Fastify()
  await app.register(auth, options(setup))
  return app
}

const jwt = ({ publicKey, issuer, audience }: Setup) => ({ key: publicKey, issuer, audience, algorithms: ['ES256'] })

const comparison: Comparison = {
  title: 'ES256 bearer tokens of 1,000 callers, or their API keys',
  bare: 'bare Fastify',
  official: '@fastify/jwt with its cache',
  async keys(count) {
    const { createApiKey } = await import('@portcullis/auth')
    return Array.from({ length: count }, (_, index) => createApiKey({ subject: `user-${index}` }))
  },
  subjects: {
    'bare Fastify': () => Fastify(),
    '@fastify/jwt with its cache': (setup) => official(setup, 10_000),
    '@fastify/jwt': (setup) => official(setup, false),
    'ours, token': (setup) => ours((given) => ({ jwt: jwt(given) }), setup),
    'ours, token, revocation': (setup) => ours((given) => ({ jwt: jwt(given), revocation: {} }), setup),
    'ours, token uncached': (setup) => ours((given) => ({ jwt: { ...jwt(given), cacheSize: 0 } }), setup),
    'ours, API key': (setup) => ours(({ entries }) => ({ apiKeys: { keys: entries } }), setup),
  },
}
export default comparison
