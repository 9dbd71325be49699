import { generateKeyPairSync } from 'node:crypto'
import Fastify from 'fastify'
import gateway from '@portcullis/gateway'

// The private key stays here; the service verifies `Authorization: Bearer …` with the public one.
export const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

export const app = Fastify()
await app.register(gateway, {
  upstreams: {
    'user-service': {
      targets: ['https://user-service.local:7001', 'https://user-service.local:7002'],
      health: { path: '/health' },
    },
  },
  resolve: { 'user-service.local': '127.0.0.1' },
  internalToken: { issuer: 'gateway', key: privateKey },
  routes: [
    { match: { path: '/users/profile' }, upstream: 'user-service', rewrite: '/api/profile' },
    { match: { method: ['GET', 'POST'], path: '/posts/:id/comments' }, upstream: 'user-service', bodyLimit: 10_000 },
  ],
  // With @portcullis/auth registered, leave this out: the gateway then refuses to start without it.
  dangerouslyWithoutAuth: true,
})

if (import.meta.main) await app.listen({ port: 3000 })
