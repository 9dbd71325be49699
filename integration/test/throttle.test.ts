import type { AddressInfo } from 'node:net'
import websocket from '@fastify/websocket'
import security, { onSecurityEvent, serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'

const apps: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

const caller = { subject: 'known' }
const known = { authorization: `Basic ${Buffer.from('known:secret').toString('base64')}` }

async function house(verify: () => Promise<typeof caller | null>): Promise<FastifyInstance> {
  const app = Fastify(serverOptions())
  apps.push(app)
  await app.register(security, {
    audit: false,
    throttle: {},
    auth: { basic: { verify } },
  })
  return app
}

it('keeps strangers out of the pacing queue: they get 401 at once, and whoever is known does not wait for them', async () => {
  const app = await house(async () => caller)
  const paced = { auth: {}, throttle: { rate: { limit: 1, window: 60, partitionBy: 'global' as const } } }
  app.get('/', { config: { security: paced } }, async () => 'ok')
  const waiting: string[] = []
  onSecurityEvent(app, ({ type }) => void waiting.push(type))
  const strangers = await Promise.all(Array.from({ length: 50 }, () => app.inject('/')))
  expect(new Set(strangers.map(({ statusCode }) => statusCode))).toEqual(new Set([401]))
  expect((await app.inject({ url: '/', headers: known })).statusCode).toBe(200)
  expect(waiting).not.toContain('throttle.delayed')
})

it('takes no place for a client that left while it was authenticated', async () => {
  let admit = (): void => {}
  let asked = 0
  const app = await house(() => {
    asked++
    return new Promise((resolve) => (admit = () => resolve(caller)))
  })
  const one = { auth: {}, throttle: { concurrency: { limit: 1, partitionBy: 'identity' as const } } }
  let reached = 0
  app.get('/', { config: { security: one } }, async () => {
    reached++
    return 'ok'
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const closed = new Promise((resolve) =>
    app.server.once('request', (_request, response) => response.once('close', resolve)),
  )
  const leaver = new AbortController()
  const left = fetch(`http://127.0.0.1:${port}/`, { headers: known, signal: leaver.signal }).catch(() => null)
  while (asked < 1) await new Promise((resolve) => setImmediate(resolve))
  leaver.abort()
  await left
  await closed
  admit()
  const next = fetch(`http://127.0.0.1:${port}/`, { headers: known })
  while (asked < 2) await new Promise((resolve) => setImmediate(resolve))
  admit()
  expect((await next).status).toBe(200)
  expect(reached).toBe(1)
})

it('holds a place for as long as a WebSocket is open, and gives it back when it closes', async () => {
  const app = Fastify(serverOptions())
  apps.push(app)
  await app.register(security, { audit: false, throttle: { concurrency: { limit: 1 } } })
  await app.register(websocket)
  app.get('/socket', { websocket: true }, (socket) => socket.send('open'))
  app.get('/', async () => 'ok')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`)
  await new Promise((resolve) => socket.once('message', resolve))
  const told: string[] = []
  onSecurityEvent(app, ({ type }) => void told.push(type))
  const waiting = app.inject('/')
  while (told.length === 0) await new Promise((resolve) => setImmediate(resolve))
  expect(told).toEqual(['throttle.delayed'])
  socket.close()
  expect((await waiting).statusCode).toBe(200)
})
