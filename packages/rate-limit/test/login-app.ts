import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import rateLimit, { type LoginGuardOptions, type RateLimitOptions } from '../src/index.ts'

/** An app whose `/login` knows two accounts, with the guard as it comes or as given. */
export interface LoginApp {
  readonly app: FastifyInstance
  /** Passwords that reached the handler. */
  readonly tried: string[]
  readonly events: SecurityEvent[]
  /** Answers of one address to one attempt. */
  attempt(account: unknown, password: string, address?: string): Promise<LightMyRequestResponse>
}

export const secret = 'the right password'
const accounts = ['alice@example.com', 'mallory@example.com']

/** How careless handlers look accounts up: spaces and case do not matter. */
const known = (email: unknown): boolean => accounts.includes(String(email).normalize('NFKC').trim().toLowerCase())

export async function loginApp(
  guard: Partial<LoginGuardOptions> | null = {},
  options: Partial<RateLimitOptions> = {},
): Promise<LoginApp> {
  const app = Fastify({ trustProxy: '127.0.0.1' })
  await app.register(rateLimit, { policies: [{ name: 'all', limit: 100_000, window: 60 }], ...options })
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => events.push(event))
  const tried: string[] = []
  const security = guard === null ? {} : { rateLimit: { loginGuard: { account: { body: 'email' }, ...guard } } }
  app.post<{ Body: { email: unknown; password: string } }>(
    '/login',
    { config: { security }, schema: { body: { type: 'object', required: ['password'] } } },
    async ({ body }, reply) => {
      tried.push(body.password)
      await new Promise(setImmediate)
      if (body.password === 'break') throw new Error('the database is away')
      if (known(body.email) && body.password === secret) return { ok: true }
      return reply.code(401).send({ ok: false })
    },
  )
  return {
    app,
    tried,
    events,
    attempt: (email, password, address = '192.0.2.1') =>
      app.inject({
        method: 'POST',
        url: '/login',
        headers: { 'x-forwarded-for': address },
        payload: { email, password },
      }),
  }
}

export const statuses = (answers: readonly { readonly statusCode: number }[]): Record<number, number> => {
  const counts: Record<number, number> = {}
  for (const { statusCode } of answers) counts[statusCode] = (counts[statusCode] ?? 0) + 1
  return counts
}
