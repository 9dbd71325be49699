import fastifyJwt from '@fastify/jwt'
import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import auth, { type AuthOptions, createApiKey, type JwtOptions } from '../src/index.ts'
import { audience, es256, issuer } from './forge.ts'

export const jwt = {
  key: es256.publicKey,
  algorithms: ['ES256' as const],
  issuer,
  audience,
} satisfies JwtOptions
const created = createApiKey({ id: 'k0k0k0k0k0k0', subject: 'billing', scopes: ['invoices:read'] })
export const apiKey = created.key
export const apiKeys = { keys: [created.entry] }

export interface Guarded {
  readonly app: FastifyInstance
  readonly events: SecurityEvent[]
  /** Lines of the log. */
  readonly lines: Record<string, unknown>[]
}

/** An app with our room and a route of each kind. */
export async function guarded(options: AuthOptions): Promise<Guarded> {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) }
  const app = Fastify({ logger: { level: 'warn', stream } })
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => void events.push(event))
  await app.register(auth, options)
  app.get('/open', { config: { security: { auth: false } } }, async () => ({ open: true }))
  app.get('/any', { config: { security: { auth: {} } } }, async ({ security }) => ({ identity: security.identity }))
  app.get('/profile', { config: { security: { auth: { scopes: ['profile:read'] } } } }, async () => ({ ok: true }))
  app.get('/closed', async () => ({ ok: true }))
  await app.ready()
  return { app, events, lines }
}

/** A server as the documentation of @fastify/jwt writes it, with the hardening options it has. */
export async function official(secret: object | string, verify: object = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(fastifyJwt, { secret: secret as string, verify })
  app.get('/any', async (request) => {
    await request.jwtVerify()
    return { user: request.user }
  })
  await app.ready()
  return app
}

/** GET with an Authorization field. */
export function get(app: FastifyInstance, url: string, authorization?: string, headers: Record<string, string> = {}) {
  return app.inject({ url, headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) } })
}
