import { generateKeyPairSync } from 'node:crypto'
import Fastify from 'fastify'
import gateway from '@portcullis/gateway'

// The private key stays here; the service verifies `Authorization: Bearer …` with the public one.
export const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

export const app = Fastify()
await app.register(gateway, {
  services: {
    'user-service': { origin: 'https://user-service.local:7001', timeouts: { headers: 5 } },
  },
  resolve: { 'user-service.local': '127.0.0.1' },
  internalToken: { issuer: 'gateway', key: privateKey },
  routes: [
    { methods: ['GET'], path: '/users/profile', service: 'user-service', rewrite: '/api/profile' },
    { methods: ['GET', 'POST'], path: '/posts/:id/comments', service: 'user-service', bodyLimit: 10_000 },
  ],
  // With @portcullis/auth registered, leave this out: the gateway then refuses to start without it.
  dangerouslyWithoutAuth: true,
})

if (import.meta.main) await app.listen({ port: 3000 })
