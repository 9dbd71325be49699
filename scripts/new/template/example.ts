import __camel__ from '@portcullis/__concern__'
import Fastify, { type FastifyInstance } from 'fastify'

export const app: FastifyInstance = Fastify()

await app.register(__camel__, { fields: ['x-original-url', 'x-rewrite-url'] })

app.get('/', async () => ({ hello: 'world' }))
app.get('/strict', { config: { security: { __camel__: { fields: ['x-forwarded-prefix'] } } } }, async () => ({ ok: true }))

if (import.meta.main) await app.listen({ port: 3000 })
