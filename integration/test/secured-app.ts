import { createApiKey } from '@portcullis/auth'
import security, { serverOptions, type SecurityOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'

/** The one API key of these tests, and what a client sends with it. */
export const { key: apiKey, entry: apiKeyEntry } = createApiKey({ subject: 'tester', scopes: ['all'] })
export const credential: Readonly<Record<string, string>> = { 'x-api-key': apiKey }
export const origin = 'https://app.example.com'

/** A whole house but for TLS and gateway, with room for a test's own ideas. */
export const houseOptions: SecurityOptions = {
  cors: { origins: [origin], credentials: true },
  rateLimit: { policies: [{ name: 'per-ip', limit: 10_000, window: 60, partitionBy: 'ip' }] },
  auth: {
    apiKeys: { keys: [apiKeyEntry] },
  },
}

/** An app with `serverOptions()` and the house; routes and plugins are the test's. */
export function securedApp(options: SecurityOptions = houseOptions): FastifyInstance {
  const app = Fastify(serverOptions())
  app.register(security, options)
  return app
}

/** `config.security` of a route that any identity may use, and of one that is open. */
export const admitted = { config: { security: { auth: {} } } } as const
export const open = { config: { security: { auth: false } } } as const
