import validation from '@portcullis/validation'
import Fastify, { type FastifyInstance } from 'fastify'

export const app: FastifyInstance = Fastify()

await app.register(validation)

const body = {
  type: 'object',
  additionalProperties: false,
  required: ['title'],
  properties: { title: { type: 'string', minLength: 1, maxLength: 80 } },
} as const
const params = {
  type: 'object',
  additionalProperties: false,
  properties: { id: { type: 'string', pattern: '^[0-9]{1,9}$', maxLength: 9 } },
} as const
const none = { validation: { empty: ['query' as const] } }

app.get('/notes/:id', { schema: { params }, config: { security: none } }, async () => ({ title: 'read me' }))
app.post('/notes', { schema: { body }, config: { security: none } }, async (_request, reply) => {
  reply.code(201)
  return { ok: true }
})

if (import.meta.main) await app.listen({ port: 3000 })
