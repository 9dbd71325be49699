import { randomBytes } from 'node:crypto'
import csrf, { clearToken, rotateToken, sendToken } from '@portcullis/csrf'
import Fastify, { type FastifyInstance } from 'fastify'

export const app: FastifyInstance = Fastify()

await app.register(csrf, {
  origins: ['https://app.example.com'],
  secrets: [randomBytes(32)], // the same in every process; put the next one in front to rotate
  session: '__Host-session',
})

app.get('/csrf-token', sendToken)

// Nobody has a session here yet, and still no other page may sign the user in.
app.post('/login', { config: { security: { csrf: { token: 'always' } } } }, (request, reply) => {
  const session = randomBytes(32).toString('base64url')
  reply.header('set-cookie', `__Host-session=${session}; Path=/; Secure; HttpOnly; SameSite=Strict`)
  reply.send({ csrf_token: rotateToken(request, reply, session) })
})
app.post('/logout', (request, reply) => {
  clearToken(request, reply)
  reply.header('set-cookie', '__Host-session=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict')
  reply.send({ signedOut: true })
})

app.post('/transfers', { config: { security: { csrf: { jsonOnly: true } } } }, async () => ({ status: 'COMPLETED' }))

if (import.meta.main) await app.listen({ port: 3000 })
