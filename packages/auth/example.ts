import { generateKeyPairSync } from 'node:crypto'
import auth, { createApiKey } from '@portcullis/auth'
import Fastify from 'fastify'

// In production the issuer has the private key, and the public one comes from your configuration.
export const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

// Shown to its owner once; the server keeps the entry, which has only its hash.
export const { key, entry } = createApiKey({ prefix: 'shop', subject: 'billing' })

export const app = Fastify()
await app.register(auth, {
  jwt: { key: publicKey, algorithms: ['ES256'], issuer: 'https://id.example.com', audience: 'https://api.example.com' },
  apiKeys: { prefix: 'shop', keys: [entry] },
})

// Anybody.
app.get('/health', { config: { security: { auth: false } } }, async () => ({ ok: true }))

// Any identity, by either credential.
app.get('/me', { config: { security: { auth: {} } } }, async ({ security }) => ({ id: security.identity?.subject }))

// A token with this scope; no API key.
app.get(
  '/users/profile',
  { config: { security: { auth: { scopes: ['profile:read'], anyOf: ['jwt'] } } } },
  async () => ({
    username: 'masum',
  }),
)

if (import.meta.main) await app.listen({ port: 3000 })
