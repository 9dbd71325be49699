import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { policy, refusing } from './rooms.ts'

const preflight = { origin: 'https://evil.example', 'access-control-request-method': 'POST' }

describe('a caller cannot choose the chain of another route', () => {
  it('by fields of a preflight on a request that is none', async () => {
    const app = Fastify()
    app.register(refusing('auth'))
    app.route({ method: ['GET', 'OPTIONS'], url: '/admin', handler: async () => 'secret' })
    app.post('/admin', policy({ auth: false }), async () => 'public')
    expect((await app.inject({ url: '/admin', headers: preflight })).statusCode).toBe(401)
  })

  it('by a preflight to a route of its own that serves OPTIONS', async () => {
    const app = Fastify()
    app.register(refusing('auth'))
    app.options('/admin', async () => 'secret')
    app.post('/admin', policy({ auth: false }), async () => 'public')
    expect((await app.inject({ method: 'OPTIONS', url: '/admin', headers: preflight })).statusCode).toBe(401)
  })

  it('by a preflight through a catch-all', async () => {
    const app = Fastify()
    app.register(refusing('auth'))
    app.all('/*', async () => 'secret')
    app.post('/login', { ...policy({ auth: false }), exposeHeadRoute: false }, async () => 'public').delete('/x', async () => 1)
    expect((await app.inject({ url: '/login', headers: preflight })).statusCode).toBe(401)
  })

  it('by a preflight to a not-found handler that serves content', async () => {
    const app = Fastify()
    app.register(refusing('auth'))
    app.setNotFoundHandler(async () => 'secret')
    app.post('/login', policy({ auth: false }), async () => 'public')
    expect((await app.inject({ method: 'OPTIONS', url: '/login', headers: preflight })).statusCode).toBe(401)
  })
})
