import cors, { reconfigure, type CorsOptions } from '@portcullis/cors'
import { describeSecurity, onSecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'

const one = 'https://one.example.com'
const two = 'https://two.example.com'
const open: FastifyInstance[] = []

afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

async function make(options: CorsOptions, routes: (app: FastifyInstance) => void = () => {}): Promise<FastifyInstance> {
  const app = Fastify()
  open.push(app)
  await app.register(cors, options)
  app.get('/users', async () => '')
  routes(app)
  await app.ready()
  return app
}

/** The CORS fields of an answer. */
async function fields(app: FastifyInstance, origin: string, url = '/users'): Promise<Record<string, unknown>> {
  const { headers } = await app.inject({ url, headers: { origin } })
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')))
}

async function preflight(app: FastifyInstance, origin: string, method = 'GET', url = '/users'): Promise<number> {
  const headers = { origin, 'access-control-request-method': method }
  return (await app.inject({ method: 'OPTIONS', url, headers })).statusCode
}

describe('reconfigure', () => {
  it('changes requests, preflights and unknown URLs at once', async () => {
    const app = await make({ origins: [one] })
    await reconfigure(app, { origins: [two], credentials: true, exposedHeaders: ['X-Total'], maxAge: 5 })
    expect(await fields(app, one)).toEqual({})
    expect(await fields(app, two)).toEqual({
      'access-control-allow-origin': two,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'X-Total',
    })
    expect(await fields(app, one, '/nowhere')).toEqual({})
    expect(await fields(app, two, '/nowhere')).toMatchObject({ 'access-control-allow-origin': two })
    expect([await preflight(app, one), await preflight(app, two)]).toEqual([403, 204])
    expect([await preflight(app, one, 'PUT', '/no'), await preflight(app, two, 'PUT', '/no')]).toEqual([403, 204])
    expect(describeSecurity(app)[0]?.policies).toMatchObject({ cors: { origins: [two], maxAge: 5 } })
  })

  it('lays what routes say over the new options, even where it said the same as the old ones', async () => {
    const app = await make({ origins: [one], credentials: false }, (server) => {
      server.get('/own', { config: { security: { cors: { credentials: false } } } }, async () => '')
      server.get('/else', { config: { security: { cors: { origins: ['https://else.example.com'] } } } }, async () => '')
      server.get('/off', { config: { security: { cors: false } } }, async () => '')
    })
    await reconfigure(app, { origins: [two], credentials: true })
    expect(await fields(app, two, '/own')).toEqual({ 'access-control-allow-origin': two })
    expect(await fields(app, two, '/else')).toEqual({})
    expect(await fields(app, 'https://else.example.com', '/else')).toEqual({
      'access-control-allow-origin': 'https://else.example.com',
      'access-control-allow-credentials': 'true',
    })
    expect(await fields(app, two, '/off')).toEqual({})
  })

  it.each([
    ['in the options', { origins: [`${two}/`] }, /origins\[0\]\s+ends with a slash/],
    ['that a route makes of them', { origins: [two], credentials: true }, /GET \/open cors\.credentials\s+needs exact/],
  ])('throws a mistake %s, and leaves all as it was', async (_, options, message) => {
    const app = await make({ origins: [one] }, (server) => {
      server.get('/open', { config: { security: { cors: { origins: ['*'] } } } }, async () => '')
    })
    const failed = reconfigure(app, options)
    await expect(failed).rejects.toThrow(message)
    await expect(failed).rejects.toMatchObject({ code: 'PTC_OPTIONS_INVALID', mistakes: [{ fix: expect.any(Array) }] })
    expect(await fields(app, one)).toEqual({ 'access-control-allow-origin': one })
    expect(await fields(app, two)).toEqual({})
    expect(await fields(app, two, '/open')).toEqual({ 'access-control-allow-origin': '*' })
  })

  it('lets a request under way end as it began', async () => {
    const app = await make({ origins: [one] }, (server) => {
      server.get('/slow', async (_, reply) => {
        await reconfigure(server, { origins: ['*'] })
        return reply.header('vary', 'Accept').send('')
      })
    })
    const { headers } = await app.inject({ url: '/slow', headers: { origin: one } })
    expect(headers).toMatchObject({ 'access-control-allow-origin': one, vary: 'Accept, Origin' })
    expect(await fields(app, two, '/users')).toEqual({ 'access-control-allow-origin': '*' })
  })

  it('takes calls in their order', async () => {
    const app = await make({ origins: [one] })
    const wrong = reconfigure(app, { origins: ['null'] })
    const calls = [{ origins: [two] }, { origins: [two], maxAge: 9 }, { origins: [one], maxAge: 7 }]
    await Promise.all([expect(wrong).rejects.toThrow(), ...calls.map(async (options) => reconfigure(app, options))])
    expect(await fields(app, two)).toEqual({})
    expect(await fields(app, one)).toEqual({ 'access-control-allow-origin': one })
  })

  it('changes the scope that it names, and no other', async () => {
    let inner: FastifyInstance | undefined
    const app = await make({ origins: [one] }, (server) => {
      server.register(async (scope) => {
        inner = scope
        await scope.register(cors, { origins: [one] })
        scope.get('/inner', async () => '')
      })
    })
    await reconfigure(inner as FastifyInstance, { origins: [two] })
    expect(await fields(app, two, '/inner')).toMatchObject({ 'access-control-allow-origin': two })
    expect(await fields(app, two)).toEqual({})
    await reconfigure(app, { origins: ['*'] })
    expect(await fields(app, one, '/inner')).toEqual({})
  })

  it('turns the room off and on again', async () => {
    const app = await make({ origins: [one] })
    await reconfigure(app, { origins: [one], enabled: false })
    expect(await fields(app, one)).toEqual({})
    await reconfigure(app, { origins: [two] })
    expect(await fields(app, two)).toEqual({ 'access-control-allow-origin': two })
  })

  it('turns reportOnly off', async () => {
    const app = await make({ origins: [one], refuseForeignOrigins: true, reportOnly: true })
    const outcomes: string[] = []
    onSecurityEvent(app, ({ outcome }) => outcomes.push(outcome))
    const status = async (): Promise<number> =>
      (await app.inject({ url: '/users', headers: { origin: two } })).statusCode
    expect(await status()).toBe(200)
    await reconfigure(app, { origins: [one], refuseForeignOrigins: true })
    expect(await status()).toBe(403)
    expect(outcomes).toEqual(['observed', 'denied'])
  })

  it('counts before the app is ready too', async () => {
    const app = Fastify()
    open.push(app)
    await app.register(cors, { origins: [one] })
    app.get('/users', async () => '')
    await reconfigure(app, { origins: [two] })
    await app.ready()
    expect(await fields(app, two)).toEqual({ 'access-control-allow-origin': two })
  })

  it('refuses an instance that has not registered the room', async () => {
    let inner: FastifyInstance | undefined
    await make({ origins: [one] }, (server) => void server.register(async (scope) => void (inner = scope)))
    await expect(reconfigure(inner as FastifyInstance, { origins: [two] })).rejects.toMatchObject({
      code: 'PTC_ROOM_NOT_RECONFIGURABLE',
    })
  })
})
