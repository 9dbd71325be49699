import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { defineEvents, defineErrors, defineRoom, emit, serverOptions } from '@portcullis/kernel'
import Fastify, { type FastifyInstance, LogController } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { app as example } from '../example.ts'
import audit from '../src/index.ts'
import { signal, type Trail, trail } from './records.ts'

const events = defineEvents({
  'waf.matched': { severity: 'warning', meaning: 'Test.' },
  'waf.broken': { severity: 'critical', meaning: 'Test.' },
  'waf.passed': { severity: 'info', meaning: 'Test.' },
})
const errors = defineErrors({
  PTC_WAF_MATCHED: { status: 403, sentence: 'Not allowed.', event: events['waf.matched'], meaning: 'Test.' },
})
/** A room that refuses whoever sends `x-attack`. */
const waf = defineRoom({
  concern: 'waf',
  optionsSchema: { type: 'object', additionalProperties: false },
  errors,
  events,
  setup: () => ({
    compile: () => ({
      onRequest: ({ headers }) =>
        headers['x-attack'] === undefined ? undefined : errors.PTC_WAF_MATCHED.with({ detail: { rule: 942100 } }),
    }),
  }),
})

let app: FastifyInstance
let records: Trail
beforeEach(() => {
  app = Fastify(serverOptions())
  records = trail()
})
afterEach(() => app.close())

const listen = (): Promise<string> => app.listen({ port: 0, host: '127.0.0.1' })

describe('access records', () => {
  it('are written once per request, with the route’s pattern and the path without its query', async () => {
    await app.register(audit, { logger: records.logger })
    app.get('/users/:id', async () => ({ id: 1 }))
    await fetch(`${await listen()}/users/7?access_token=s3cret`, { headers: { 'user-agent': 'test/1' } })
    await records.next('access')
    expect(records.lines()).toEqual([
      expect.objectContaining({
        level: 30,
        msg: 'request over',
        audit: 'access',
        method: 'GET',
        route: '/users/:id',
        path: '/users/7',
        status: 200,
        outcome: 'completed',
        remoteAddress: '127.0.0.1',
        subject: null,
        bytes: 8,
        userAgent: 'test/1',
        reqId: expect.any(String),
        durationMs: expect.any(Number),
      }),
    ])
  })

  it.each<[string, string, string, number]>([
    ['an unknown URL', 'GET', '/nowhere', 404],
    ['a HEAD', 'HEAD', '/', 200],
    ['a thrown error', 'GET', '/thrown', 500],
    ['a malformed URL', 'GET', '/%ff', 400],
    ['a stream', 'GET', '/stream', 200],
    ['a hijacked reply', 'GET', '/hijacked', 202],
  ])('tell of %s', async (_name, method, url, status) => {
    await app.register(audit, { logger: records.logger })
    app.get('/', async () => 'x')
    app.get('/thrown', async () => {
      throw new Error('x')
    })
    app.get('/stream', async (_request, reply) => reply.send(Readable.from(['a', 'b'])))
    app.get('/hijacked', async (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(202).end('x')
    })
    await fetch((await listen()) + url, { method })
    expect(await records.next('access')).toMatchObject({ status, outcome: 'completed', method })
    expect(records.lines('access')).toHaveLength(1)
  })

  it('tell of a client that left before an answer', async () => {
    await app.register(audit, { logger: records.logger })
    const handler = signal()
    const release = signal()
    app.get('/slow', async () => {
      handler.reach()
      await release.reached
      return 'x'
    })
    const client = request(`${await listen()}/slow`).on('error', () => {})
    client.end()
    await handler.reached
    client.destroy()
    expect(await records.next('access')).toMatchObject({
      outcome: 'aborted',
      status: null,
      route: '/slow',
      remoteAddress: '127.0.0.1',
    })
    release.reach()
  })

  it('tell of a client that left in the middle of a stream', async () => {
    await app.register(audit, { logger: records.logger })
    app.get('/endless', async (_request, reply) =>
      reply.send(
        Readable.from(
          (function* () {
            for (;;) yield 'x'.repeat(65_536)
          })(),
        ),
      ),
    )
    const client = request(`${await listen()}/endless`).on('error', () => {})
    client.end()
    const [answer] = (await once(client, 'response')) as [Readable]
    await once(answer, 'data')
    client.destroy()
    expect(await records.next('access')).toMatchObject({ outcome: 'aborted', status: 200 })
  })

  it('go to the app’s own logger, whatever level a route has', async () => {
    const lines: string[] = []
    const logging = Fastify({
      logger: { stream: { write: (line: string) => void lines.push(line) } },
      logController: new LogController({ disableRequestLogging: true }),
    })
    await logging.register(audit)
    logging.get('/', { logLevel: 'silent' }, async () => 'x')
    await logging.inject('/')
    expect(lines.filter((line) => line.includes('"audit":"access"'))).toHaveLength(1)
    await logging.close()
  })

  it('stay away while the logger’s level is above info, and decisions that denied do not', async () => {
    const loud = trail('warn')
    await app.register(audit, { logger: loud.logger })
    await app.register(waf)
    app.get('/', async () => 'x')
    await app.inject({ url: '/', headers: { 'x-attack': '1' } })
    expect(loud.lines().map((line) => line['audit'])).toEqual(['decision'])
    loud.logger.level = 'info'
    await app.inject('/')
    expect(loud.lines().map((line) => line['audit'])).toEqual(['decision', 'access'])
  })

  it('stay away from a route that says so, while its decisions are kept', async () => {
    await app.register(audit, { logger: records.logger })
    await app.register(waf)
    app.get('/health', { config: { security: { audit: { access: false } } } }, async () => 'x')
    await app.inject({ url: '/health', headers: { 'x-attack': '1' } })
    expect(records.lines().map((line) => line['audit'])).toEqual(['decision'])
  })
})

describe('decision records', () => {
  it('tell of a refusal: what, who, where, and why', async () => {
    await app.register(audit, { logger: records.logger })
    await app.register(waf)
    app.get('/users/:id', async () => 'x')
    const answer = await app.inject({ url: '/users/7', headers: { 'x-attack': '1' } })
    expect(answer.statusCode).toBe(403)
    expect(records.lines('decision')).toEqual([
      expect.objectContaining({
        level: 40,
        msg: 'security decision',
        event: 'waf.matched',
        owasp: 'malicious_attack_tool',
        outcome: 'denied',
        severity: 'warning',
        code: 'PTC_WAF_MATCHED',
        route: '/users/:id',
        path: '/users/7',
        remoteAddress: '127.0.0.1',
        detail: { rule: 942100 },
      }),
    ])
    const [access] = records.lines('access')
    expect(access).toMatchObject({ status: 403, reqId: records.lines('decision')[0]?.['reqId'] })
  })

  it('tell what would have been refused under reportOnly', async () => {
    await app.register(audit, { logger: records.logger })
    await app.register(waf, { reportOnly: true })
    app.get('/', async () => 'x')
    expect((await app.inject({ url: '/', headers: { 'x-attack': '1' } })).statusCode).toBe(200)
    expect(records.lines('decision')).toEqual([expect.objectContaining({ outcome: 'observed', level: 40 })])
  })

  it('are as loud as what happened', async () => {
    await app.register(audit, { logger: records.logger, access: false })
    app.get('/', async (request) => {
      emit(request, events['waf.passed'], { outcome: 'allowed' })
      emit(app, events['waf.broken'], { outcome: 'allowed' })
      return 'x'
    })
    await app.inject('/')
    expect(records.lines('decision').map((line) => [line['event'], line.level])).toEqual([
      ['waf.passed', 30],
      ['waf.broken', 50],
    ])
  })

  it('tell of requests that never became one', async () => {
    await app.register(audit, { logger: records.logger })
    await listen()
    const { port } = app.server.address() as { port: number }
    const socket = connect(port, '127.0.0.1')
    socket.end(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)
    socket.resume()
    await once(socket, 'close')
    expect(await records.next('decision')).toMatchObject({
      event: 'request.rejected',
      outcome: 'denied',
      detail: { status: 431, remoteAddress: '127.0.0.1' },
    })
  })

  it('are written once, by the nearest registration', async () => {
    const inner = trail()
    await app.register(audit, { logger: records.logger })
    await app.register(waf)
    await app.register(async (scope) => {
      await scope.register(audit, { logger: inner.logger })
      scope.get('/inner', async () => 'x')
    })
    await app.inject({ url: '/inner', headers: { 'x-attack': '1' } })
    expect(inner.lines('decision')).toHaveLength(1)
    expect(inner.lines('access')).toHaveLength(1)
    expect(records.lines()).toEqual([])
  })

  it('stay away under decisions: false, and from a route that says false', async () => {
    await app.register(audit, { logger: records.logger, decisions: false })
    await app.register(waf)
    app.get('/', async () => 'x')
    app.get('/off', { config: { security: { audit: false } } }, async () => 'x')
    for (const url of ['/', '/off']) await app.inject({ url, headers: { 'x-attack': '1' } })
    expect(records.lines().map((line) => [line['audit'], line['path']])).toEqual([['access', '/']])
  })
})

describe('an app without a logger', () => {
  it('boots, and nothing is written', async () => {
    await app.register(audit)
    await app.register(waf)
    app.get('/', async () => 'x')
    expect((await app.inject('/')).statusCode).toBe(200)
  })
})

describe('the example', () => {
  it('runs as the README shows it', async () => {
    example.log.level = 'silent'
    expect((await example.inject('/users/101')).json()).toEqual({ id: 101, username: 'masum' })
    expect((await example.inject('/health')).json()).toEqual({ ok: true })
    await example.close()
  })
})
