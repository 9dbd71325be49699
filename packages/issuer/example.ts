import Fastify from 'fastify'
import issuer, { hashPassword, refresh, refuse, signIn, signOut, verifyPassword } from '@portcullis/issuer'

const accounts = new Map<string, { id: string; passwordHash: string }>()

export const app = Fastify()
await app.register(issuer, { issuer: 'https://id.example.com', audience: 'https://api.example.com' })

type Credentials = { email: string; password: string }
const text = { type: 'string', maxLength: 254 }
const credentials = { type: 'object', required: ['email', 'password'], properties: { email: text, password: text } }
const token = { type: 'object', required: ['refreshToken'], properties: { refreshToken: text } }
app.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'))

app.post<{ Body: Credentials }>('/register', { schema: { body: credentials } }, async (request, reply) => {
  const { email, password } = request.body
  const hashed = await hashPassword(request, password, [email])
  if ('refusal' in hashed) return refuse(request, reply, hashed.refusal)
  if (!accounts.has(email)) accounts.set(email, { id: `user-${accounts.size + 1}`, ...hashed })
  return reply.code(202).send({ next: 'We have sent you a message.' })
})

app.post<{ Body: Credentials }>('/login', { schema: { body: credentials } }, async (request, reply) => {
  const { email, password } = request.body
  const verified = await verifyPassword(request, password, accounts.get(email))
  if ('refusal' in verified) return refuse(request, reply, verified.refusal)
  const { account, rehashed } = verified
  if (rehashed !== null) accounts.set(email, { ...account, passwordHash: rehashed })
  const grant = await signIn(request, { subject: account.id, scopes: ['profile:read'] })
  return 'refusal' in grant ? refuse(request, reply, grant.refusal) : grant
})

app.post<{ Body: { refreshToken: string } }>('/refresh', { schema: { body: token } }, async (request, reply) => {
  const grant = await refresh(request, request.body.refreshToken)
  return 'refusal' in grant ? refuse(request, reply, grant.refusal) : grant
})

app.post<{ Body: { refreshToken: string } }>('/logout', { schema: { body: token } }, async (request, reply) => {
  const done = await signOut(request, request.body)
  return 'refusal' in done ? refuse(request, reply, done.refusal) : reply.code(204).send()
})

if (import.meta.main) await app.listen({ port: 3000 })
