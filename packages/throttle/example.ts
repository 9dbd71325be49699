import throttle from '@portcullis/throttle'
import Fastify, { type FastifyInstance } from 'fastify'

export const app: FastifyInstance = Fastify()

await app.register(throttle, { shed: {}, concurrency: { limit: 100 } })

// Ten a second for each client; the eleventh waits, and leaves with a 200 all the same.
app.get('/export', { config: { security: { throttle: { rate: { limit: 10 } } } } }, async () => ({ rows: [] }))

app.get('/health', { config: { security: { throttle: false } } }, async () => ({ ok: true }))

if (import.meta.main) await app.listen({ port: 3000 })
