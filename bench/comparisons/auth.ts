import Fastify, { type FastifyInstance } from 'fastify'
import type { ApiKeyEntry, AuthOptions } from '@portcullis/auth'
import { bare, type Comparison, registered, type Setup } from '../comparison.ts'

/**
 * Has the official plugin verify the token of every request.
 * @param cache how many verified tokens it remembers; more than there are always hit: its best case
 */
export async function verifyOfficially(
  app: FastifyInstance,
  { publicKey, issuer, audience }: Setup,
  cache: number | false,
): Promise<FastifyInstance> {
  const { default: jwt } = await import('@fastify/jwt')
  await app.register(jwt, {
    secret: { public: publicKey },
    verify: {
      algorithms: ['ES256'],
      allowedIss: issuer,
      allowedAud: audience,
      ...(cache === false ? {} : { cache }),
    },
  })
  app.addHook('onRequest', async (request) => {
    await request.jwtVerify()
  })
  return app
}

const ours = (options: AuthOptions): Promise<FastifyInstance> => registered(() => import('@portcullis/auth'), options)

const jwt = ({ publicKey, issuer, audience }: Setup) =>
  ({ key: publicKey, issuer, audience, algorithms: ['ES256'] }) satisfies AuthOptions['jwt']

const comparison: Comparison = {
  title: 'ES256 bearer tokens of 1,000 callers, or their API keys',
  bare: 'bare Fastify',
  official: '@fastify/jwt with its cache',
  async keys(count) {
    const { createApiKey } = await import('@portcullis/auth')
    return Array.from({ length: count }, (_, index) => createApiKey({ subject: `user-${index}` }))
  },
  subjects: {
    'bare Fastify': bare,
    '@fastify/jwt with its cache': (setup) => verifyOfficially(Fastify(), setup, 10_000),
    '@fastify/jwt': (setup) => verifyOfficially(Fastify(), setup, false),
    'ours, token': (setup) => ours({ jwt: jwt(setup) }),
    'ours, token, revocation': (setup) => ours({ jwt: jwt(setup), revocation: {} }),
    'ours, token uncached': (setup) => ours({ jwt: { ...jwt(setup), cacheSize: 0 } }),
    'ours, API key': ({ entries }) => ours({ apiKeys: { keys: entries as ApiKeyEntry[] } }),
  },
}
export default comparison
