import security from '@portcullis/security'
import Fastify from 'fastify'
import type { Redis } from 'ioredis'

/** Counts attempts to sign in to an account, whoever makes them and from wherever. */
export interface LoginAttempts {
  /** Counts one attempt. @returns 0 if it may go on, else the seconds to wait. */
  take(username: string): Promise<number>
  close(): Promise<void>
}

/**
 * Five attempts a minute for each account.
 * The rate-limit room counts before the body is read, and the account stands in the body. So the room counts on a
 * private instance that never listens: the handler asks it, with the account in a field, once the body is validated.
 */
export async function createLoginAttempts(redis?: Redis): Promise<LoginAttempts> {
  const counter = Fastify()
  await counter.register(security, {
    headers: false,
    audit: false,
    rateLimit: {
      policies: [
        {
          name: 'login-per-account',
          limit: 5,
          window: 60,
          partitionBy: (request) => String(request.headers['account']),
        },
      ],
      ...(redis === undefined ? {} : { store: { redis } }),
    },
  })
  counter.get('/', (_request, reply) => reply.code(204).send())
  await counter.ready()
  return {
    async take(username) {
      const { statusCode, headers } = await counter.inject({
        url: '/',
        headers: { account: encodeURIComponent(username) },
      })
      if (statusCode === 204) return 0
      return Number(headers['retry-after'] ?? 60)
    },
    close: () => counter.close(),
  }
}
