import Fastify, { type FastifyInstance } from 'fastify'
import { expect, it } from 'vitest'
import { describeSecurity, emit, onSecurityEvent } from '../src/index.ts'
import { events, marking, policy, refusing } from './rooms.ts'

it("bubble from the route's scope to the root, past siblings", async () => {
  const heard: string[] = []
  const app = Fastify()
  const listen = (name: string, at: FastifyInstance) => onSecurityEvent(at, ({ type }) => heard.push(`${name} ${type}`))
  listen('root', app)
  app.register(async (one) => {
    listen('one', one)
    one.register(refusing('auth'))
    one.get('/one', async () => 'x')
  })
  app.register(async (two) => void listen('two', two))
  await app.inject('/one')
  expect(heard).toEqual(['one auth.failed', 'root auth.failed'])
})

it('stop when the listener is taken away, and survive a listener that throws', async () => {
  const heard: unknown[] = []
  const app = Fastify()
  onSecurityEvent(app, () => {
    throw new Error('listener')
  })
  const stop = onSecurityEvent(app, ({ detail, request }) => heard.push([detail, request]))
  emit(app, events['auth.failed'], { outcome: 'denied', detail: { a: 1 } })
  stop()
  emit(app, events['auth.failed'], { outcome: 'denied' })
  expect(heard).toEqual([[{ a: 1 }, undefined]])
})

it('describes every route as data, without secrets', async () => {
  const app = Fastify()
  app.register(marking('headers'), { value: 'v' })
  app.register(refusing('auth'))
  app.get('/open', policy({ auth: false }), async () => 'x')
  app.get('/closed', policy({ headers: { list: ['a'] } }), async () => 'x')
  await app.ready()
  const described = describeSecurity(app).filter(({ method }) => method === 'GET')
  expect(described).toEqual([
    {
      method: 'GET',
      url: '/open',
      chain: ['headers'],
      policies: { headers: { enabled: true, reportOnly: false, value: 'v' } },
    },
    {
      method: 'GET',
      url: '/closed',
      chain: ['headers', 'auth'],
      policies: {
        headers: { enabled: true, reportOnly: false, value: 'v', list: ['a'] },
        auth: { enabled: true, reportOnly: false },
      },
    },
  ])
})
