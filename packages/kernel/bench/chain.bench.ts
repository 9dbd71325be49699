import Fastify, { type FastifyInstance } from 'fastify'
import { measure } from '../../../bench/measure.ts'
import type { Steps } from '../src/index.ts'

/** Concerns with a place in onRequest. */
const eight = ['audit', 'headers', 'https', 'cors', 'validation', 'throttle', 'rate-limit', 'auth'] as const

/** A route that answers synchronously, so that one call of `app.routing` is one whole request. */
async function answering(prepare: (app: FastifyInstance) => void): Promise<() => unknown> {
  const app = Fastify()
  prepare(app)
  app.get('/', (_request, reply) => {
    reply.send('x')
  })
  await app.ready()
  return () => {
    const response = { ...blank }
    app.routing(request as never, response as never)
    if (!response.writableEnded) throw new Error('no answer')
    return response
  }
}

/** The least that Fastify asks of Node's objects: no socket, no stream, the same for all subjects. */
const request = {
  method: 'GET',
  url: '/',
  headers: { host: 'api.example.com', accept: '*/*' },
  rawHeaders: ['Host', 'api.example.com', 'User-Agent', 'x', 'Accept', '*/*', 'Connection', 'keep-alive'],
  httpVersionMajor: 1,
  httpVersionMinor: 1,
  socket: {},
  on: () => undefined,
}
const blank = {
  statusCode: 200,
  headersSent: false,
  writableEnded: false,
  getHeader: () => undefined,
  hasHeader: () => false,
  setHeader: () => undefined,
  removeHeader: () => undefined,
  on: () => undefined,
  once: () => undefined,
  writeHead() {
    this.headersSent = true
  },
  end() {
    this.writableEnded = true
  },
}

// Apps that are made before the kernel is imported have nothing of it.
const bare = await answering(() => undefined)
const hooks = await answering((app) => {
  for (const _ of eight) app.addHook('onRequest', (_request, _reply, done) => done())
})
const phases = await answering((app) => {
  app.addHook('onRequest', (_request, _reply, done) => done())
  app.addHook('preParsing', (_request, _reply, payload, done) => done(null, payload))
  app.addHook('preValidation', (_request, _reply, done) => done())
  app.addHook('preHandler', (_request, _reply, done) => done())
  app.addHook('onSend', (_request, _reply, _payload, done) => done())
})
const sends = await answering((app) => {
  app.addHook('onRequest', (_request, reply, _done) => {
    reply.code(401).send({ error: 'Sign in.', code: 'PTC_AUTH_REFUSED', status: 401, title: 'Unauthorized' })
  })
})
const fails = await answering((app) => {
  app.addHook('onRequest', (_request, _reply, done) => done(Object.assign(new Error('Sign in.'), { statusCode: 401 })))
})

const { defineErrors, defineEvents, defineRoom } = await import('../src/index.ts')
const events = defineEvents({ 'auth.failed': { severity: 'warning', meaning: 'A caller was refused.' } })
const errors = defineErrors({
  PTC_AUTH_REFUSED: { status: 401, sentence: 'Sign in.', event: events['auth.failed'], meaning: 'Always.' },
})

const room = (concern: string, steps: Steps) =>
  defineRoom({
    concern,
    optionsSchema: { type: 'object', additionalProperties: false },
    setup: () => ({ compile: () => steps }),
  })

await measure('a request through Fastify, without its socket', {
  'bare Fastify': bare,
  'eight empty hooks': hooks,
  'an empty hook in each of the five phases': phases,
  'the kernel, no room': await answering(() => undefined),
  'one empty room': await answering((app) => void app.register(room('auth', { onRequest: () => undefined }))),
  'eight empty rooms': await answering((app) => {
    for (const concern of eight) app.register(room(concern, { onRequest: () => undefined }))
  }),
})

await measure('a refusal', {
  'a hook that sends an object': sends,
  'a hook that gives an Error': fails,
  'a room that returns a constant': await answering((app) => {
    app.register(room('auth', { onRequest: () => errors.PTC_AUTH_REFUSED }))
  }),
  'a room that returns a detailed one': await answering((app) => {
    app.register(
      room('auth', { onRequest: () => errors.PTC_AUTH_REFUSED.with({ detail: { reason: 'x' }, retryAfter: 3 }) }),
    )
  }),
})
