import { once } from 'node:events'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import { Readable } from 'node:stream'
import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { app as example } from '../example.ts'
import xss, { attachment, hijack, type XssOptions } from '../src/index.ts'

const opened: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()))
})

const html = '<b>markup</b>'
const meant = { config: { security: { xss: { html: true } } } }

async function guarded(options: XssOptions = {}): Promise<FastifyInstance> {
  const app = Fastify()
  opened.push(app)
  await app.register(xss, options)
  app.get('/json', async () => ({ html }))
  app.get('/text', async () => html)
  app.get('/bytes', async () => Buffer.from(html))
  app.get('/stream', (_request, reply) => reply.send(Readable.from([html])))
  app.get('/web-stream', (_request, reply) => reply.send(new Response(html).body))
  app.get('/response', async () => new Response(html, { headers: { 'content-type': 'text/html' } }))
  app.get('/untyped-response', async () => new Response(new TextEncoder().encode(html)))
  app.get('/html', (_request, reply) => reply.type('text/html').send(html))
  app.get('/meant', meant, (_request, reply) => reply.type('text/html').send(html))
  app.get('/meant-response', meant, async () => new Response(html, { headers: { 'content-type': 'text/html' } }))
  app.get('/off', { config: { security: { xss: false } } }, (_request, reply) => reply.type('text/html').send(html))
  app.get('/empty', (_request, reply) => reply.code(204).send())
  app.get('/docs/page', (_request, reply) => reply.type('text/html').send(html))
  return app
}

const outcome = async (app: FastifyInstance, url: string): Promise<unknown[]> => {
  const { statusCode, headers } = await app.inject(url)
  return [statusCode, headers['content-type'], headers['x-content-type-options']]
}

describe('@portcullis/xss', () => {
  it.each([
    ['/json', 200, 'application/json; charset=utf-8'],
    ['/text', 200, 'text/plain; charset=utf-8'],
    ['/bytes', 200, 'application/octet-stream'],
    ['/stream', 200, 'application/octet-stream'],
    ['/web-stream', 200, 'application/octet-stream'],
    ['/untyped-response', 200, 'application/octet-stream'],
    ['/html', 500, 'application/json'],
    ['/response', 500, 'application/json'],
    ['/meant', 200, 'text/html; charset=utf-8'],
    ['/meant-response', 200, 'text/html; charset=utf-8'],
    ['/nowhere', 404, 'application/json'],
  ])('answers %s with %i and %s', async (url, status, type) => {
    expect(await outcome(await guarded(), url)).toEqual([status, type, 'nosniff'])
  })

  it('adds nothing to an answer without a body', async () => {
    expect(await outcome(await guarded(), '/empty')).toEqual([204, undefined, undefined])
  })

  it('leaves a route alone that is off', async () => {
    expect(await outcome(await guarded(), '/off')).toEqual([200, 'text/html', undefined])
  })

  it('heeds policies by prefix', async () => {
    const app = await guarded({ routes: [{ prefix: '/docs', policy: { html: true } }] })
    expect(await outcome(app, '/docs/page')).toEqual([200, 'text/html; charset=utf-8', 'nosniff'])
    expect(await outcome(app, '/html')).toEqual([500, 'application/json', 'nosniff'])
  })

  it('answers a problem without a word of the payload, and raises an event that names the document', async () => {
    const app = await guarded()
    const seen: SecurityEvent[] = []
    onSecurityEvent(app, (event) => void seen.push(event))
    const answer = await app.inject('/html')
    expect(answer.json()).toEqual({
      error: 'The answer could not be sent.',
      code: 'PTC_XSS_TYPE_UNDECLARED',
      status: 500,
      title: 'Internal Server Error',
    })
    expect(seen).toMatchObject([
      { type: 'xss.refused', outcome: 'denied', detail: { reason: 'undeclared', kind: 'html' } },
    ])
  })

  it('refuses answers without a type under strict, and ends their stream', async () => {
    const app = await guarded({ strict: true })
    const stream = Readable.from([html])
    app.get('/own', (_request, reply) => reply.send(stream))
    expect((await app.inject('/own')).json()).toMatchObject({ code: 'PTC_XSS_TYPE_MISSING', status: 500 })
    expect(stream.destroyed).toBe(true)
    expect((await app.inject('/bytes')).statusCode).toBe(200)
  })

  it('lets everything through under reportOnly with its type written out, and raises the event as observed', async () => {
    const app = await guarded({ reportOnly: true, strict: true })
    const seen: SecurityEvent[] = []
    onSecurityEvent(app, (event) => void seen.push(event))
    app.get('/page', (_request, reply) => reply.type('text/html').send(html))
    app.get('/own', (_request, reply) => reply.send(Readable.from([html])))
    for (const [url, type] of [
      ['/page', 'text/html; charset=utf-8'],
      ['/own', 'application/octet-stream'],
    ] as const) {
      const { body, headers } = await app.inject(url)
      expect([body, headers['content-type']]).toEqual([html, type])
    }
    expect(seen).toMatchObject([
      { type: 'xss.refused', outcome: 'observed', detail: { reason: 'undeclared' } },
      { type: 'xss.refused', outcome: 'observed', detail: { reason: 'untyped' } },
    ])
  })

  it('writes nosniff whatever a handler has written there', async () => {
    const app = await guarded()
    app.get('/own', (_request, reply) => reply.header('x-content-type-options', 'sniff').send({ own: true }))
    expect((await app.inject('/own')).headers['x-content-type-options']).toBe('nosniff')
  })
})

describe('attachment', () => {
  it('offers a file for saving, under a type that nothing runs, sandboxed', async () => {
    const app = await guarded()
    const file = { name: 'näme "1".svg', type: 'image/svg+xml' }
    app.get('/file', (_request, reply) => attachment(reply, file).send(Readable.from(['<svg/>'])))
    const { headers } = await app.inject('/file')
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="n_me _1_.svg"; filename*=UTF-8''n%C3%A4me%20_1_.svg`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringMatching(/^sandbox; default-src 'none'/),
    })
  })
})

describe('hijack', () => {
  it.each([
    [{}, undefined, 'application/octet-stream'],
    [{}, 'text/event-stream', 'text/event-stream; charset=utf-8'],
    [{}, 'text/html', 'application/octet-stream'],
    [{ html: true }, 'text/html', 'text/html; charset=utf-8'],
  ])('with %j makes of %s %s, however the head is written', async (allowed, type, expected) => {
    const app = Fastify()
    opened.push(app)
    const fields = type === undefined ? {} : { 'Content-Type': type }
    app.get('/object', (_request, reply) => void hijack(reply, allowed).writeHead(200, fields).end(html))
    app.get('/reason', (_request, reply) => void hijack(reply, allowed).writeHead(200, 'Fine', fields).end(html))
    app.get('/no-reason', (_request, reply) => {
      const raw = hijack(reply, allowed) as unknown as { writeHead(...given: unknown[]): { end(body: string): void } }
      raw.writeHead(200, undefined, fields).end(html)
    })
    app.get('/flat', (_request, reply) => {
      hijack(reply, allowed).writeHead(200, Object.entries(fields).flat()).end(html)
    })
    app.get('/implicit', (_request, reply) => {
      const raw = hijack(reply, allowed)
      for (const [name, value] of Object.entries(fields)) raw.setHeader(name, value)
      raw.write(html)
      raw.end()
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    for (const url of ['/object', '/reason', '/no-reason', '/flat', '/implicit']) {
      const { headers } = await fetch(app.listeningOrigin + url)
      expect([url, headers.get('content-type'), headers.get('x-content-type-options')]).toEqual([
        url,
        expected,
        'nosniff',
      ])
    }
  })

  it('guards the head over HTTP/2 too', async () => {
    const app = Fastify({ http2: true })
    app.get('/', (_request, reply) => {
      const raw = hijack(reply)
      raw.setHeader('content-type', 'text/html')
      raw.write(html)
      raw.end()
    })
    app.get('/head', (_request, reply) => {
      hijack(reply).writeHead(200, { 'Content-Type': 'text/html' }).end(html)
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const session = connect(app.listeningOrigin)
    for (const path of ['/', '/head']) {
      const stream = session.request({ ':path': path })
      const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
      stream.resume()
      expect([path, headers['content-type'], headers['x-content-type-options']]).toEqual([
        path,
        'application/octet-stream',
        'nosniff',
      ])
    }
    session.destroy()
    await app.close()
  })

  it('keeps several fields of one name, and adds nothing to an answer without a body', async () => {
    const app = Fastify()
    opened.push(app)
    app.get('/', (_request, reply) => {
      hijack(reply).writeHead(204, ['set-cookie', 'a=1', 'Set-Cookie', 'b=2', 'x-one', '1']).end()
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { headers } = await fetch(app.listeningOrigin)
    expect(headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect([headers.get('x-one'), headers.get('content-type')]).toEqual(['1', null])
  })
})

describe('the example', () => {
  it('boots, sanitises what it shows and escapes what it writes', async () => {
    opened.push(example)
    const title = `"><script>alert(1)</script>`
    const body = '<b onclick="alert(1)">Hi</b><script>alert(1)</script>'
    await example.inject({ method: 'POST', url: '/posts', payload: { title, body } })
    expect((await example.inject('/posts')).json()).toEqual([{ title, body: '<b>Hi</b>' }])
    const page = await example.inject('/page')
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(page.body).not.toContain('<script>')
    expect((await example.inject('/files/a.html')).headers['content-disposition']).toBe('attachment; filename="a.html"')
  })
})
