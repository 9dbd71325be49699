import Fastify, { type FastifyInstance } from 'fastify'
import { measure } from '../../../bench/measure.ts'
import https from '../src/index.ts'
import { compilePolicy } from '../src/policy.ts'

// A trusted proxy says whether the client spoke TLS, so that injected requests can take both ways.
const trustProxy = ['127.0.0.1']
const rounds = { rounds: 41, milliseconds: 40 }
const secure = { url: '/', headers: { 'x-forwarded-proto': 'https' } }
const plain = { url: '/', headers: { 'x-forwarded-proto': 'http' } }

async function app(prepare: (app: FastifyInstance) => unknown): Promise<FastifyInstance> {
  const made = Fastify({ trustProxy })
  await prepare(made)
  made.get('/', async () => ({ ok: true }))
  await made.ready()
  return made
}

const bare = await app(() => {})
const handWritten = await app((one) => {
  one.addHook('onRequest', (request, reply, done) => {
    if (request.protocol === 'https') {
      reply.header('strict-transport-security', 'max-age=31536000; includeSubDomains')
      return done()
    }
    void reply.redirect(`https://${request.host}${request.url}`, 301)
  })
})
const ours = await app((one) => one.register(https, { hosts: ['api.example.com'] }))

await measure(
  'a request over TLS, injected',
  {
    'bare Fastify': () => bare.inject(secure),
    'hand-written hook': () => handWritten.inject(secure),
    '@portcullis/https': () => ours.inject(secure),
  },
  rounds,
)
await measure(
  'a request over plaintext, injected',
  {
    'hand-written hook': () => handWritten.inject(plain),
    '@portcullis/https': () => ours.inject(plain),
  },
  rounds,
)

const policy = compilePolicy({
  hosts: ['api.example.com', 'localhost:8443'],
  credentialFields: ['authorization', 'cookie', 'x-api-key'],
})
const request = { method: 'GET', host: 'localhost:8080', target: '/orders?page=2', fields: {} }
const leaking = { ...request, fields: { authorization: `Bearer ${'x'.repeat(400)}` } }
await measure('one decision over plaintext', {
  redirect: () => policy.decide(request),
  'refuse a POST': () => policy.decide({ ...request, method: 'POST' }),
  'hash an exposed bearer token': () => policy.decide(leaking),
})
