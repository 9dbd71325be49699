import Fastify, { type FastifyInstance } from 'fastify'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect, it } from 'vitest'
import { serverOptions } from '../src/index.ts'
import { errors, marking, refusing } from './rooms.ts'

const apps: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

/** What leaves for one request, byte by byte, but for the date. */
async function wire(app: FastifyInstance, method: string): Promise<string> {
  if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`${method} / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n`)
  return (await text(socket)).replace(/\r\ndate: [^\r]*/i, '')
}

it.each(['GET', 'HEAD', 'POST', 'BREW'])(
  'is the same bytes whether or not a hook of the user sees it: %s',
  async (method) => {
    const made = [false, true].map((watched) => {
      const app = Fastify()
      apps.push(app)
      if (watched) app.addHook('onSend', async () => undefined)
      app.register(
        refusing(
          'auth',
          errors.PTC_TEST_LIMITED.with({ sentence: 'Nö — später.', retryAfter: 3, fields: { 'x-a': '1' } }),
        ),
      )
      app.get('/', async () => 'x')
      return app
    })
    const [alone, watched] = [await wire(made[0]!, method), await wire(made[1]!, method)]
    expect(alone).toBe(watched)
    if (method !== 'BREW') expect(alone).toMatch(/^HTTP\/1\.1 429 [\s\S]*\r\ncontent-type: application\/json\r\n/)
  },
)

it('is a Buffer to a hook of the user', async () => {
  const app = Fastify()
  apps.push(app)
  const seen: unknown[] = []
  app.addHook('onSend', async (_request, _reply, payload) => void seen.push(Buffer.isBuffer(payload)))
  app.register(refusing('auth'))
  await app.inject('/')
  expect(seen).toEqual([true])
})

it('is formatted once for all refusals made of it', async () => {
  let formatted = 0
  const app = Fastify(
    serverOptions({
      formatProblem(problem) {
        formatted++
        return { says: problem.error }
      },
    }),
  )
  apps.push(app)
  const base = errors.PTC_TEST_LIMITED.with({ sentence: 'Later.', retryAfter: 9 })
  app.register(refusing('auth', base.with({ retryAfter: 9, detail: { who: 'a' } })))
  const bodies = [(await app.inject('/')).body, (await app.inject('/')).body]
  expect(bodies).toEqual(['{"says":"Later."}', '{"says":"Later."}'])
  expect(formatted).toBe(1)
})

it('that an error brings along is the answer, past its status and message', async () => {
  const app = Fastify()
  apps.push(app)
  await app.register(marking('headers'), {})
  const limited = errors.PTC_TEST_LIMITED.with({ retryAfter: 7 })
  for (const statusCode of [409, 500, undefined])
    app.get(`/${statusCode}`, () => {
      throw Object.assign(new Error('of the database'), { statusCode, refusal: limited })
    })
  app.get('/none', () => {
    throw Object.assign(new Error('mine'), { statusCode: 409, refusal: { code: 'PTC_FORGED' } })
  })
  for (const url of ['/409', '/500', '/undefined']) {
    const answer = await app.inject(url)
    expect([answer.statusCode, answer.headers['retry-after'], answer.json().code]).toEqual([429, '7', limited.code])
    expect(answer.body).not.toContain('of the database')
  }
  expect((await app.inject('/none')).json().message).toBe('mine')
})

it('that a handler returns as data is never a 200, and the log says what to write', async () => {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'error', stream: { write: (line: string) => void lines.push(line) } } })
  apps.push(app)
  app.register(marking('headers'))
  const schema = { response: { 200: { type: 'object', properties: { code: { type: 'string' } } } } }
  app.get('/refusal', async () => errors.PTC_TEST_REFUSED)
  app.get('/within', async () => ({ refusal: errors.PTC_TEST_REFUSED }))
  app.get('/serialized', { schema }, async () => errors.PTC_TEST_REFUSED)
  for (const url of ['/refusal', '/within', '/serialized']) {
    expect((await app.inject(url)).json()).toMatchObject({ status: 500, code: 'PTC_INTERNAL' })
    expect(lines.splice(0).join('')).toContain(
      'PTC_TEST_REFUSED as if it were data; write: return refuse(request, reply,',
    )
  }
})

it('that a handler throws as it is is the answer', async () => {
  const app = Fastify()
  apps.push(app)
  app.register(marking('headers'))
  app.get('/', async () => {
    // oxlint-disable-next-line typescript/only-throw-error
    throw errors.PTC_TEST_REFUSED
  })
  const answer = await app.inject('/')
  expect([answer.statusCode, answer.json()]).toMatchObject([
    errors.PTC_TEST_REFUSED.status,
    { code: 'PTC_TEST_REFUSED', error: errors.PTC_TEST_REFUSED.sentence },
  ])
})
