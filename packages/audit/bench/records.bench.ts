import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { pino } from 'pino'
import { measure } from '../../../bench/measure.ts'
import audit from '../src/index.ts'
import { accessRecord, decisionRecord, secretRoutes } from '../src/record.ts'

const logger = pino({}, { write: () => {} })
const app = Fastify({ loggerInstance: logger }) as unknown as FastifyInstance
await app.register(audit)

/** A request that is being answered for as long as the benchmark runs. */
const { request, reply } = await new Promise<{ request: FastifyRequest; reply: FastifyReply }>((resolve) => {
  app.get('/users/:id', (request, reply) => {
    reply.hijack()
    resolve({ request, reply })
  })
  void app.inject({ url: '/users/101?a=b', headers: { 'user-agent': 'bench/1' } })
})

const settings = { isSecret: secretRoutes(['token']), userAgent: true }
const answer = { status: 200, length: '42', aborted: false }
const access = () => accessRecord(request, answer, performance.now(), settings)

await measure('the log of one request', {
  "Fastify's own two lines": () => {
    const log = logger.child({ reqId: request.id }, { serializers: { req: requestOf, res: replyOf } })
    log.info({ req: request }, 'incoming request')
    log.info({ res: reply, responseTime: 1.5 }, 'request completed')
  },
  'ours: the access record': () => logger.info(access(), 'request over'),
  'ours, made but not written': access,
})

const detail = { policy: 'per-ip', key: '5f2b' }
const event = { type: 'rate-limit.exceeded', outcome: 'denied', severity: 'warning', request, detail } as const
await measure('one decision', {
  'made and written': () => logger.warn(decisionRecord(event, settings.isSecret), 'security decision'),
  made: () => decisionRecord(event, settings.isSecret),
})

/** What Fastify's serializers read. */
function requestOf(request: FastifyRequest): object {
  const { method, url, host, ip, socket } = request
  return { method, url, host, remoteAddress: ip, remotePort: socket.remotePort }
}
function replyOf({ statusCode }: FastifyReply): object {
  return { statusCode }
}
