import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { GatewayRoute } from '../src/index.ts'
import { document } from './openapi.ts'
import { send, stage, startBackend } from './stage.ts'

const routes: GatewayRoute[] = [
  { match: { method: ['GET', 'POST'], path: '/orders' }, upstream: 'user-service' },
  { match: { method: ['GET', 'DELETE'], path: '/orders/:id' }, upstream: 'user-service' },
]

type Answer = (response: ServerResponse, request: IncomingMessage) => void

const json =
  (body: unknown, status = 200): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

async function open(answer: Answer, options: object = { validateResponses: 'refuse' }) {
  const backend = await startBackend((request, response) => answer(response, request))
  return { ...(await stage(backend.port, { routes, options: { openapi: document, ...options } })), backend }
}

const order = { id: 1, quantity: 2 }

describe('an answer that the document describes', () => {
  it.each<[string, Answer, string]>([
    ['a list', json([order]), '/orders'],
    ['a status that the default describes', json({ error: 'Gone.' }, 410), '/orders'],
    ['nothing changed since', (response) => response.writeHead(304).end(), '/orders'],
    ['no body where none is described', (response) => response.writeHead(200).end(), '/orders/1'],
  ])('passes: %s', async (_what, answer, url) => {
    const { app, events } = await open(answer)
    expect((await app.inject(url)).statusCode).toBeLessThan(500)
    expect(events).toEqual([])
  })

  it('passes byte for byte, in pieces too', async () => {
    const body = ` [ {"id":1,\t"quantity":2.0, "note":"é"} ]`
    const { app } = await open((response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write(body.slice(0, 7))
      setImmediate(() => response.end(body.slice(7)))
    })
    expect((await app.inject('/orders')).body).toBe(body)
  })

  it('passes to HEAD and DELETE', async () => {
    const { app } = await open((response, { method }) => response.writeHead(method === 'DELETE' ? 204 : 200).end())
    expect((await app.inject({ method: 'HEAD', url: '/orders' })).statusCode).toBe(200)
    expect((await app.inject({ method: 'DELETE', url: '/orders/1' })).statusCode).toBe(204)
  })

  it('is asked for in plain bytes, and whole', async () => {
    const { app, backend } = await open(json([order]))
    await app.inject({ url: '/orders', headers: { 'accept-encoding': 'gzip', range: 'bytes=0-1', 'if-range': '"a"' } })
    expect(backend.hits[0]?.headers).not.toHaveProperty('accept-encoding')
    expect(backend.hits[0]?.headers).not.toHaveProperty('range')
    expect(backend.hits[0]?.headers).not.toHaveProperty('if-range')
  })
})

const wrong: readonly [what: string, answer: Answer, rule: string, url?: string][] = [
  ['a member that is none of it', json([{ ...order, password: 'x' }]), 'additionalProperties'],
  ['what the client alone writes', json([{ ...order, secret: 'x' }]), 'not-admitted'],
  ['what the service must say', json([{ quantity: 1 }]), 'required'],
  ['a status that nothing describes', json({}, 202), 'status-undescribed', '/orders/1'],
  [
    'another media type',
    (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    'media-type',
  ],
  ['no media type', (response) => response.writeHead(200).end('[]'), 'media-type'],
  ['no JSON', json('[{'), 'malformed'],
  ['a member twice', json('[{"id":1,"quantity":1,"quantity":2}]'), 'duplicate-member'],
  ['a body where none is described', json({}), 'unexpected', '/orders/1'],
  [
    'a coding that was not asked for',
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      response.end(gzipSync('[]'))
    },
    'content-encoding',
  ],
  ['more than is read', json([{ ...order, note: 'x'.repeat(150) }]), 'too-long'],
  [
    'more than is read, in pieces',
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write('['.padEnd(100))
      setImmediate(() => response.end(']'.padStart(100)))
    },
    'too-long',
  ],
]

describe('an answer that the document does not describe', () => {
  it.each(wrong)('is 502 with refuse: %s', async (_what, answer, rule, url = '/orders') => {
    const { app, events } = await open(answer, { validateResponses: 'refuse', responseLimit: 150 })
    const refused = await app.inject(url)
    expect(refused.json()).toEqual({
      error: 'The service behind this address did not answer properly.',
      code: 'PTC_GATEWAY_ANSWER_INVALID',
      status: 502,
      title: 'Bad Gateway',
    })
    expect(refused.headers).not.toHaveProperty('content-encoding')
    expect(events).toMatchObject([
      { type: 'gateway.answer-invalid', outcome: 'denied', detail: { upstream: 'user-service', rule } },
    ])
  })

  it.each(wrong)('passes with report, and is told of: %s', async (_what, answer, rule, url = '/orders') => {
    const bare = await open(answer, {})
    const { app, events } = await open(answer, { validateResponses: 'report', responseLimit: 150 })
    const [without, passed] = [await bare.app.inject(url), await app.inject(url)]
    expect([passed.statusCode, passed.body]).toEqual([without.statusCode, without.body])
    expect(events).toMatchObject([{ type: 'gateway.answer-invalid', outcome: 'observed', detail: { rule } }])
  })

  it('is told of without what it says', async () => {
    const { app, events } = await open(json([{ id: 1, quantity: 'zzMARKzz', zzMARKzz: 1 }]))
    await app.inject('/orders')
    expect(JSON.stringify(events.map(({ detail }) => detail))).not.toContain('MARK')
  })
})

describe('an answer that breaks off', () => {
  it('while it is held is 502, and none that is wrong', async () => {
    const { app, events } = await open((response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write('[')
      setImmediate(() => response.destroy())
    })
    expect((await app.inject('/orders')).json()).toMatchObject({ status: 502, code: 'PTC_GATEWAY_UPSTREAM_FAILED' })
    expect(events.map(({ type }) => type)).toEqual(['gateway.upstream-failed'])
  })

  it('for it took too long is 504', async () => {
    const backend = await startBackend((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write('[')
    })
    const options = { openapi: document, validateResponses: 'refuse' } as const
    const upstream = { timeouts: { total: 1 } }
    const { app } = await stage(backend.port, { routes, options, upstream })
    expect((await app.inject('/orders')).json()).toMatchObject({ status: 504, code: 'PTC_GATEWAY_UPSTREAM_TIMED_OUT' })
  })

  it('while it passes breaks off for the client too', async () => {
    const { listen } = await open(
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
        response.write('[')
        setImmediate(() => response.destroy())
      },
      { validateResponses: 'report' },
    )
    expect((await send(await listen(), { path: '/orders' })).whole).toBe(false)
  })
})

it('lets a route judge its answers by its own schemas', async () => {
  const backend = await startBackend((_request, response) => json({ id: 1, password: 'x' })(response, _request))
  const schema = { response: { '2xx': { type: 'object', additionalProperties: false, properties: { id: {} } } } }
  const route = { match: { path: '/me' }, upstream: 'user-service', schema }
  const { app } = await stage(backend.port, { routes: [route], options: { validateResponses: 'refuse' } })
  expect((await app.inject('/me')).statusCode).toBe(502)
})
