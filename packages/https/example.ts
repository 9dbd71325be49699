import https, { developmentCertificates, tlsServerOptions } from '@portcullis/https'
import Fastify from 'fastify'

const { key, cert } = await developmentCertificates('.portcullis', { hosts: ['localhost', '127.0.0.1'] })

export const app = Fastify({ https: tlsServerOptions({ key, cert }) })

await app.register(https, { hosts: ['localhost:8443'], plaintext: { port: 8080 } })

app.get('/orders', async () => [{ id: 1, total: 1999 }])
app.post('/orders', async () => ({ id: 2 }))

// A load balancer asks this one over plaintext.
app.get('/health', { config: { security: { https: false } } }, async () => ({ up: true }))

if (import.meta.main) await app.listen({ port: 8443 })
