import audit from '@portcullis/audit'
import Fastify, { LogController } from 'fastify'

// One record per request comes from audit: Fastify's own two lines, which hold the query, are not needed.
export const app = Fastify({ logger: true, logController: new LogController({ disableRequestLogging: true }) })

await app.register(audit)

app.get('/users/:id', async () => ({ id: 101, username: 'masum' }))

// A health check every second is no news; decisions about it still are.
app.get('/health', { config: { security: { audit: { access: false } } } }, async () => ({ ok: true }))

if (import.meta.main) await app.listen({ port: 3000 })
