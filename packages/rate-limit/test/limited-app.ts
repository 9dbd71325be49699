import { defineRoom, onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import rateLimit, { type PolicyOptions, type RateLimitOptions } from '../src/index.ts'

/** Whoever says who he is in `x-user` is believed. */
export const auth = defineRoom<Record<never, never>>({
  concern: 'auth',
  optionsSchema: { type: 'object', additionalProperties: false, properties: {} },
  setup: () => ({
    compile: () => ({
      onRequest(request) {
        const subject = request.headers['x-user']
        if (typeof subject === 'string')
          request.security.identity = { subject, scheme: 'jwt', scopes: [], credentialId: null, claims: {} }
      },
    }),
  }),
})

/** An app that limits, what it logged at error level, and its events. */
export interface LimitedApp {
  readonly app: FastifyInstance
  readonly lines: { msg: string; policy?: string }[]
  readonly events: SecurityEvent[]
  /** The statuses of requests, one after the other. */
  statuses(...requests: (InjectOptions | string)[]): Promise<number[]>
}

/** Opens one with `/` for GET, HEAD, POST, PUT, and `/other` for GET. */
export async function limitedApp(
  policies: readonly PolicyOptions[],
  more: Partial<RateLimitOptions> = {},
): Promise<LimitedApp> {
  const lines: LimitedApp['lines'] = []
  const stream = { write: (line: string) => void lines.push(JSON.parse(line) as LimitedApp['lines'][number]) }
  const app = Fastify({ trustProxy: '127.0.0.1', logger: { level: 'error', stream } })
  await app.register(rateLimit, { policies, ...more })
  await app.register(auth)
  app.route({ method: ['GET', 'POST', 'PUT'], url: '/', handler: async () => 'ok' })
  app.get('/other', async () => 'other')
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => events.push(event))
  return {
    app,
    lines,
    events,
    async statuses(...requests) {
      const found = []
      for (const request of requests) {
        const options = typeof request === 'string' ? { url: request } : { url: '/', ...request }
        found.push((await app.inject(options)).statusCode)
      }
      return found
    },
  }
}
