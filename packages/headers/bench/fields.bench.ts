import { randomBytes } from 'node:crypto'
import helmet from '@fastify/helmet'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'
import { measure } from '../../../bench/measure.ts'
import headers from '../src/index.ts'
import { nonceSource } from '../src/nonce.ts'

const reply200 = (app: FastifyInstance) => async (): Promise<number> => (await app.inject('/')).statusCode

async function serving(prepare: (app: FastifyInstance) => unknown): Promise<FastifyInstance> {
  const app = Fastify()
  await prepare(app)
  app.get('/', (_request, reply) => reply.send({ id: 101, username: 'masum' }))
  await app.ready()
  return app
}

const bare = await serving(() => {})
const api = await serving((app) => app.register(headers))
const web = await serving((app) => app.register(headers, { profile: 'web' }))
const official = await serving((app) => app.register(helmet))
const nonces = await serving((app) => app.register(helmet, { enableCSPNonces: true }))

await measure(
  'one injected request, with all that injecting costs',
  {
    'bare Fastify': reply200(bare),
    'ours, api (6 fields)': reply200(api),
    'ours, web (13 fields and a nonce)': reply200(web),
    '@fastify/helmet (12 fields)': reply200(official),
    '@fastify/helmet with nonces': reply200(nonces),
  },
  { rounds: 15, milliseconds: 150 },
)

// A real reply to write on, kept from a request that was answered.
let kept: FastifyReply | undefined
const catching = await serving((app) => {
  app.addHook('onRequest', (_request, reply, done) => {
    kept = reply
    done()
  })
})
await catching.inject('/')
const reply = kept as FastifyReply
const fields = Object.fromEntries(
  Object.entries((await api.inject('/')).headers).filter(
    ([name]) => !['date', 'connection', 'content-length'].includes(name),
  ),
) as Record<string, string>
const names = Object.keys(fields)
const values = Object.values(fields)

await measure(`writing ${names.length} fields on one reply`, {
  'reply.header, precompiled names and values': () => {
    for (let i = 0; i < names.length; i++) reply.header(names[i] as string, values[i])
  },
  'reply.headers(object)': () => reply.headers(fields),
})

const next = nonceSource()
await measure('one nonce', {
  'from a pool': next,
  'asking the generator each time': () => randomBytes(16).toString('base64'),
})

for (const app of [bare, api, web, official, nonces, catching]) await app.close()
