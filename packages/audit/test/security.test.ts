import { connect } from 'node:net'
import { once } from 'node:events'
import { serverOptions } from '@portcullis/kernel'
import fc from 'fast-check'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import audit from '../src/index.ts'
import { signal, type Trail, trail } from './records.ts'

let theirs: FastifyInstance
let ours: FastifyInstance
let theirTrail: Trail
let ourTrail: Trail
beforeEach(async () => {
  theirTrail = trail()
  ourTrail = trail()
  theirs = Fastify({ loggerInstance: theirTrail.logger }) as unknown as FastifyInstance
  ours = Fastify(serverOptions())
  await ours.register(audit, { logger: ourTrail.logger })
})
afterEach(async () => {
  await theirs.close()
  await ours.close()
})

/** Sends bytes as they are, and waits for the end of the connection. */
async function speak(app: FastifyInstance, bytes: string): Promise<void> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect((app.server.address() as { port: number }).port, '127.0.0.1')
  socket.end(bytes, 'latin1')
  socket.resume()
  await once(socket, 'close')
}

describe('attacks', () => {
  it('a token in a query is read from the log', async () => {
    for (const app of [theirs, ours]) {
      app.get('/', async () => 'x')
      await app.inject('/?access_token=s3cret-t0ken')
    }
    expect([theirTrail.lines().length, ourTrail.lines().length]).toEqual([2, 1])
    expect(theirTrail.text()).toContain('s3cret-t0ken')
    expect(ourTrail.text()).not.toContain('s3cret-t0ken')
  })

  it('a reset token in a path is read from the log', async () => {
    for (const app of [theirs, ours]) {
      app.get('/reset/:token', async () => 'x')
      await app.inject('/reset/s3cret-t0ken')
    }
    expect(theirTrail.text()).toContain('s3cret-t0ken')
    expect(ourTrail.lines('access')[0]).toMatchObject({ path: '/reset/:token' })
    expect(ourTrail.text()).not.toContain('s3cret-t0ken')
  })

  it('a password in an absolute request target is read from the log', async () => {
    for (const app of [theirs, ours]) {
      app.get('/', async () => 'x')
      await speak(
        app,
        'GET http://masum:s3cret@api.example/ HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n',
      )
    }
    await ourTrail.next('access')
    expect(theirTrail.text()).toContain('s3cret')
    expect(ourTrail.text()).not.toContain('s3cret')
  })

  it('a user agent with terminal controls rewrites the screen of whoever reads the log', async () => {
    // U+009B begins a control sequence; Node admits it in a field, and JSON does not escape it.
    for (const app of [theirs, ours]) {
      app.addHook('onRequest', async (request) => {
        request.log.info(`agent ${request.headers['user-agent']}`)
      })
      await speak(app, 'GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: \u009b2J\u009b31mforged\r\nConnection: close\r\n\r\n')
    }
    expect(theirTrail.text()).toContain('\u009b')
    expect(await ourTrail.next('access')).toMatchObject({ userAgent: '\\u009b2J\\u009b31mforged' })
    expect(ourTrail.text()).not.toContain('\u009b')
  })

  it('a user agent with a line break forges a second record', async () => {
    const forged = 'x\r\n{"level":30,"audit":"access","status":200}\u001b[1A'
    for (const app of [theirs, ours]) {
      app.addHook('onRequest', async (request) => {
        request.log.info(`agent ${request.headers['user-agent']}`)
      })
      app.get('/', async () => 'x')
      await app.inject({ url: '/', headers: { 'user-agent': forged } })
    }
    expect(
      theirTrail
        .lines()
        .map((line) => line.msg)
        .join('\n'),
    ).toContain('\r\n{"level":30')
    expect(ourTrail.lines('access')).toHaveLength(1)
    expect(ourTrail.lines('access')[0]?.['userAgent']).toBe(
      'x\\u000d\\u000a{"level":30,"audit":"access","status":200}\\u001b[1A',
    )
  })

  it('a long URL and a long user agent fill the disk', async () => {
    const long = 'x'.repeat(14_000)
    for (const app of [theirs, ours]) await app.inject({ url: `/${long}`, headers: { 'user-agent': long } })
    expect(theirTrail.text().length).toBeGreaterThan(14_000)
    expect(ourTrail.text().length).toBeLessThan(2_500)
  })

  it('a client that leaves before the answer leaves no trace', async () => {
    for (const [app, kept] of [
      [theirs, theirTrail],
      [ours, ourTrail],
    ] as const) {
      const handler = signal()
      const left = signal()
      app.get('/slow', async (_request, reply) => {
        reply.raw.once('close', () => left.reach())
        handler.reach()
        await left.reached
        return 'too late'
      })
      await app.listen({ port: 0, host: '127.0.0.1' })
      const socket = connect((app.server.address() as { port: number }).port, '127.0.0.1').on('error', () => {})
      socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
      await handler.reached
      socket.destroy()
      await left.reached
      if (app === ours) await kept.next('access')
    }
    expect(theirTrail.lines().filter((line) => line['res'] !== undefined || line.msg.includes('abort'))).toEqual([])
    expect(ourTrail.lines('access')).toEqual([expect.objectContaining({ outcome: 'aborted' })])
  })

  it('a secret is read from the log, wherever a client put it', async () => {
    // Alphabet without what a URL or a field forbids; long enough not to be there by chance.
    const secret = fc.stringMatching(/^[A-Za-z0-9]{20,40}$/)
    const places = fc.constantFrom(
      'authorization',
      'proxy-authorization',
      'cookie',
      'x-api-key',
      'referer',
      'x-csrf-token',
      'origin',
      'x-forwarded-for',
      'query',
      'body',
      'matrix',
      'param',
    )
    ours.post('/reset/:token', async () => 'x')
    ours.post('/login', async () => {
      throw new Error('wrong password')
    })
    await ours.ready()
    await fc.assert(
      fc.asyncProperty(secret, places, async (value, place) => {
        let url = '/login'
        const headers: Record<string, string> = {}
        if (place === 'query') url = `/login?password=${value}`
        else if (place === 'matrix') url = `/login;jsessionid=${value}`
        else if (place === 'param') url = `/reset/${value}`
        else if (place !== 'body') headers[place] = place === 'authorization' ? `Bearer ${value}` : value
        await ours.inject({ method: 'POST', url, headers, payload: { password: place === 'body' ? value : 'x' } })
        expect(ourTrail.text()).not.toContain(value)
      }),
      { numRuns: 150 },
    )
    expect(ourTrail.lines('access')).toHaveLength(150)
  })
})
