import { createApiKey } from '@portcullis/auth'
import security, { serverOptions } from '@portcullis/security'
import Fastify from 'fastify'

// Shown to its owner once; the server keeps the entry.
export const { key, entry } = createApiKey({ subject: 'billing', scopes: ['orders:read'] })

export const app = Fastify(serverOptions({ trustProxy: ['10.0.0.0/8'] }))

await app.register(security, {
  https: { hosts: ['api.example.com'] },
  cors: { origins: ['https://app.example.com'], credentials: true },
  rateLimit: { policies: [{ name: 'per-ip', limit: 100, window: 60 }] },
  auth: { apiKeys: { keys: [entry] } },
})

const ordersPolicy = {
  auth: { scopes: ['orders:read'] },
  rateLimit: { policies: [{ name: 'orders', limit: 5, window: 60, partitionBy: 'identity' as const }] },
}
app.get('/orders', { config: { security: ordersPolicy } }, async ({ security: { identity } }) => ({
  of: identity?.subject,
}))
app.get('/health', { config: { security: { auth: false, https: false } } }, async () => ({ up: true }))

if (import.meta.main) await app.listen({ port: 3000 })
