import { Writable } from 'node:stream'
import Fastify, { type FastifyInstance, LogController } from 'fastify'
import { pino } from 'pino'
import { measure } from '../../../bench/measure.ts'
import audit from '../src/index.ts'
import { accessRecord, secretRoutes } from '../src/record.ts'

const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
const logger = () => pino({}, nowhere)
const quiet = () => new LogController({ disableRequestLogging: true })

async function serving(app: FastifyInstance, ...registrations: unknown[]): Promise<() => Promise<number>> {
  for (const register of registrations) await (register as () => unknown)()
  app.get('/users/:id', (_request, reply) => reply.send({ id: 101, username: 'masum' }))
  await app.ready()
  return async () => (await app.inject({ url: '/users/101?a=b', headers: { 'user-agent': 'bench/1' } })).statusCode
}

const bare = Fastify()
const logging = Fastify({ loggerInstance: logger() }) as unknown as FastifyInstance
const audited = Fastify({ loggerInstance: logger(), logController: quiet() }) as unknown as FastifyInstance
const silent = Fastify()

await measure(
  'one injected request, with all that injecting costs',
  {
    'bare Fastify, no logger': await serving(bare),
    "Fastify's own request logging (2 lines)": await serving(logging),
    'ours (1 access record)': await serving(audited, () => audited.register(audit)),
    'ours, app without a logger': await serving(silent, () => silent.register(audit)),
  },
  { rounds: 15, milliseconds: 150 },
)

const subject = {
  id: '7d5ba2c1',
  method: 'GET',
  raw: { url: '/users/101?a=b' },
  routeOptions: { url: '/users/:id' },
  headers: { 'user-agent': 'bench/1' },
  security: {
    arrival: { at: 0, remoteAddress: '192.0.2.1' },
    identity: { subject: '101', scheme: 'jwt', credentialId: 'a' },
  },
}
const settings = { isSecret: secretRoutes(['token']), userAgent: true }
const answer = { status: 200, length: '42', aborted: false }
const log = logger()
await measure('one access record', {
  made: () => accessRecord(subject, answer, 1, settings),
  'made and written by pino': () => log.info(accessRecord(subject, answer, 1, settings), 'request over'),
})

for (const app of [bare, logging, audited, silent]) await app.close()
