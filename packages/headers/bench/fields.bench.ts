import { randomBytes } from 'node:crypto'
import helmet from '@fastify/helmet'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { measure } from '../../../bench/measure.ts'
import { compileFields, helmetFields, writer } from '../src/fields.ts'
import headers from '../src/index.ts'
import { nonceSource } from '../src/nonce.ts'

/** A request that is being answered, and never will be: what is written on its reply stays unsent. */
async function held(app: FastifyInstance): Promise<{ request: FastifyRequest; reply: FastifyReply }> {
  return new Promise((resolve) => {
    app.get('/held', (request, reply) => {
      reply.hijack()
      resolve({ request, reply })
    })
    void app.inject('/held')
  })
}

const next = nonceSource()

/** What an answer of a profile carries, and the nonce that it was given. */
async function sentBy(profile: 'api' | 'web'): Promise<{ sent: Record<string, string>; nonce: string }> {
  const app = Fastify()
  await app.register(headers, { profile })
  app.get('/', (request, reply) => reply.send(request.security.cspNonce))
  const answer = await app.inject('/')
  const sent = { ...helmetFields(answer.headers) }
  for (const name of ['cache-control', 'permissions-policy']) {
    if (answer.headers[name] !== undefined) sent[name] = String(answer.headers[name])
  }
  await app.close()
  return { sent, nonce: profile === 'web' ? answer.body : 'none' }
}

/** The fields of a profile, as the room writes them. */
async function ours(profile: 'api' | 'web'): Promise<() => unknown> {
  const { sent, nonce } = await sentBy(profile)
  // The nonce of this one answer becomes the gap again.
  const write = writer(compileFields(sent, nonce), next)
  const { request, reply } = await held(Fastify())
  const target = Object.assign(request, { security: {} as { cspNonce?: string } })
  return () => write(target, reply)
}

/** The fields themselves: names and values at hand, nothing decided. */
async function alone(profile: 'api' | 'web'): Promise<() => unknown> {
  const { sent } = await sentBy(profile)
  const names = Object.keys(sent)
  const values = Object.values(sent)
  const { reply } = await held(Fastify())
  return () => {
    for (let i = 0; i < names.length; i++) reply.header(names[i] as string, values[i])
  }
}

/** The same for @fastify/helmet: its decorator is what its hook calls on each request. */
async function theirs(options: object): Promise<() => unknown> {
  const app = Fastify()
  await app.register(helmet, { global: false })
  const { reply } = await held(app)
  return () => reply.helmet(options)
}

const withNonce = (): object => ({
  contentSecurityPolicy: { directives: { scriptSrc: ["'self'", `'nonce-${randomBytes(16).toString('hex')}'`] } },
})
const constant = await theirs({})
const app = Fastify()
await app.register(helmet, { global: false })
const { reply } = await held(app)

await measure('the fields of one answer', {
  'ours, api (6 fields)': await ours('api'),
  'the same fields, decided by nobody': await alone('api'),
  'ours, web (12 fields and a nonce)': await ours('web'),
  '@fastify/helmet (12 fields)': constant,
  '@fastify/helmet with nonces': () => reply.helmet(withNonce() as never),
})

const fields = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}
const names = Object.keys(fields)
const values = Object.values(fields)
await measure('four fields on one reply', {
  'reply.header, names and values at hand': () => {
    for (let i = 0; i < names.length; i++) reply.header(names[i] as string, values[i])
  },
  'reply.headers(object)': () => reply.headers(fields),
})

await measure('one nonce', {
  'from a pool': next,
  'asking the generator each time': () => randomBytes(16).toString('base64'),
})
