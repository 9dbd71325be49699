import { gzipSync } from 'node:zlib'
import { serverOptions } from '@portcullis/kernel'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import validation from '../src/index.ts'
import { anything, bare, json, portOf, wire } from './apps.ts'

/** The same app, bare and with the room. */
async function both(
  declare: (app: FastifyInstance) => void,
  options = {},
): Promise<readonly [FastifyInstance, FastifyInstance]> {
  const [open, closed] = [bare(), bare()]
  await closed.register(validation, options)
  for (const app of [open, closed]) declare(app)
  return [open, closed]
}

const takesAnything = (app: FastifyInstance): void => {
  app.post('/', { schema: { body: anything } }, async (request) => ({ got: request.body }))
}
const post = (app: FastifyInstance, payload: string | Buffer, headers: Record<string, string> = json) =>
  app.inject({ method: 'POST', url: '/', headers, payload })

describe('a JSON body', () => {
  it.each([
    ['of a depth that recursive code cannot follow', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['of 80,000 members', `{${Array.from({ length: 80_000 }, (_, i) => `"k${i}":0`).join()}}`],
    ['with a member twice, which two parsers read differently', '{"role":"user","role":"admin"}'],
    ['with a number that becomes another one', '{"id":9007199254740993}'],
    ['with bytes that are not UTF-8', Buffer.from('7b2261223a22ff227d', 'hex')],
    ['with half a surrogate pair', '{"a":"\\ud800"}'],
  ])('%s reaches the handler of a bare Fastify, and is refused before it is parsed here', async (_name, payload) => {
    let reached = 0
    const [open, closed] = await both((app) => {
      app.post('/', { schema: { body: anything } }, async () => {
        reached++
        return 'through'
      })
    })
    expect((await post(open, payload)).statusCode).toBe(200)
    expect(reached).toBe(1)
    expect((await post(closed, payload)).json()).toMatchObject({ code: 'PTC_VALIDATION_JSON_REFUSED' })
    expect(reached).toBe(1)
  })

  it('names a prototype past an app that ignores such names, and is refused here', async () => {
    const open = bare({ onProtoPoisoning: 'ignore' })
    const closed = bare({ onProtoPoisoning: 'ignore' })
    await closed.register(validation)
    for (const app of [open, closed])
      app.post('/', { schema: { body: anything } }, async (request) => {
        const copy = Object.assign({}, request.body as object)
        return { admin: (copy as { admin?: boolean }).admin === true }
      })
    expect((await post(open, '{"__proto__":{"admin":true}}')).json()).toEqual({ admin: true })
    expect((await post(closed, '{"__proto__":{"admin":true}}')).statusCode).toBe(400)
    expect((await post(closed, '{"\\u005f_proto__":{"admin":true}}')).statusCode).toBe(400)
  })
})

describe('a list without duplicates', () => {
  it.each([
    ['{"list":[{},{"valueOf":1}]}', 200],
    ['{"list":[{"toString":1},{"toString":1}]}', 400],
  ])('of %s is a 500 of a bare Fastify, and %d here', async (payload, status) => {
    const item = { type: 'object', additionalProperties: true, maxProperties: 9 }
    const list = { type: 'array', uniqueItems: true, maxItems: 9, items: item }
    const body = { type: 'object', additionalProperties: false, properties: { list } }
    const [open, closed] = await both((app) => void app.post('/', { schema: { body } }, async () => 'ok'))
    expect([(await post(open, payload)).statusCode, (await post(closed, payload)).statusCode]).toEqual([500, status])
  })
})

describe('a body that no schema describes', () => {
  it('reaches the handler of a bare Fastify, and is refused unread here', async () => {
    const [open, closed] = await both((app) => {
      app.post('/', async (request) => request.body)
    })
    expect((await post(open, '{"admin":true}')).json()).toEqual({ admin: true })
    expect((await post(closed, '{"admin":true}')).json()).toMatchObject({ code: 'PTC_VALIDATION_UNDECLARED' })
  })
})

describe('a query', () => {
  it('that no schema describes reaches the handler of a bare Fastify, and is refused here', async () => {
    const [open, closed] = await both((app) => {
      app.get('/', async (request) => request.query)
    })
    expect((await open.inject('/?debug=1')).json()).toEqual({ debug: '1' })
    expect((await closed.inject('/?debug=1')).statusCode).toBe(400)
  })

  it('that names a parameter twice turns a string into a list on a bare Fastify, and is refused here', async () => {
    const declare = (app: FastifyInstance): void => {
      const schema = {
        querystring: { type: 'object', properties: { name: {}, tags: { type: 'array', items: { type: 'string' } } } },
      }
      app.get('/', { schema }, async (request) => request.query)
    }
    const [open, closed] = await both(declare)
    expect((await open.inject('/?name=a&name=b')).json()).toEqual({ name: ['a', 'b'] })
    expect((await closed.inject('/?name=a&name=b')).json()).toMatchObject({ code: 'PTC_VALIDATION_QUERY_REFUSED' })
    expect((await closed.inject('/?name=a&tags=b&tags=c')).json()).toEqual({ name: 'a', tags: ['b', 'c'] })
  })

  it.each(['__proto__', '%5f_proto__', 'constructor', 'prototype', 'a[__proto__]', 'a.constructor.b', '__proto__.x'])(
    'that names %s is refused here',
    async (name) => {
      const [open, closed] = await both((app) => {
        app.get('/', { schema: { querystring: anything } }, async () => 'through')
      })
      expect((await open.inject(`/?${name}=1`)).body).toBe('through')
      expect((await closed.inject(`/?${name}=1`)).json()).toMatchObject({ code: 'PTC_VALIDATION_QUERY_REFUSED' })
    },
  )

  it.each(['%ff', '%c0%af', '%zz', '%'])(
    'that is no UTF-8 (%s) is read as it stands by a bare Fastify, and refused here',
    async (text) => {
      const [open, closed] = await both((app) => {
        app.get('/', { schema: { querystring: anything } }, async (request) => request.query)
      })
      expect((await open.inject(`/?a=${text}`)).json()).toEqual({ a: text })
      expect((await closed.inject(`/?a=${text}`)).json()).toMatchObject({ code: 'PTC_VALIDATION_QUERY_REFUSED' })
    },
  )

  it.each([
    ['a fragment', '/#debug=1', {}],
    ['a parameter of the path', '/;debug=1', { routerOptions: { useSemicolonDelimiter: true } as object }],
  ])('that stands in %s reaches the handler of a bare Fastify, and is refused here', async (_name, target, server) => {
    const [open, closed] = [bare(server), bare(server)]
    await closed.register(validation, { admitInPath: ['semicolon'] })
    const answers: string[] = []
    for (const app of [open, closed]) {
      app.get('/', async (request) => request.query)
      const { socket, answer } = await wire(await portOf(app))
      socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
      answers.push(await answer())
    }
    expect(answers[0]).toContain('{"debug":"1"}')
    expect(answers[1]).toMatch(/^HTTP\/1\.1 400 /)
  })
})

describe('a path', () => {
  it.each([
    ['%2e%2e%2fetc%2fpasswd', '../etc/passwd'],
    ['a%2f..%2fb', 'a/../b'],
    ['a%00.png', 'a\0.png'],
    ['..%5cwindows', '..\\windows'],
    ['a//b', 'a//b'],
    ['a;x=y', 'a;x=y'],
    ['%252e%252e', '%2e%2e'],
    ['a/../b', 'a/../b'],
  ])('of %s reaches a wildcard handler of a bare Fastify as %j, and is refused here', async (sent, read) => {
    const [open, closed] = await both((app) => {
      app.get('/files/*', { schema: { params: anything } }, async (request) => request.params)
    })
    const url = { url: `/files/${sent}` }
    // `inject` would tidy such targets up: they go over a socket.
    const get = async (app: FastifyInstance) => {
      const { socket, answer } = await wire(await portOf(app))
      socket.write(`GET ${url.url} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
      return answer()
    }
    expect(await get(open)).toContain(JSON.stringify({ '*': read }))
    const refused = await get(closed)
    expect(refused).toMatch(/^HTTP\/1\.1 400 /)
    expect(refused).toContain('PTC_VALIDATION_PATH_REFUSED')
    expect(refused).not.toContain(sent)
  })
})

describe('a media type', () => {
  it.each(['application/json; charset=utf-16', 'application/json; charset=utf-7', 'application/json; a=b; a=c'])(
    'written as %j is JSON to a bare Fastify, and refused here',
    async (type) => {
      const [open, closed] = await both(takesAnything)
      const results = [
        await post(open, '{"a":1}', { 'content-type': type }),
        await post(closed, '{"a":1}', { 'content-type': type }),
      ]
      expect(results.map(({ statusCode }) => statusCode)).toEqual([200, 415])
    },
  )
})

describe('a body that is described per media type', () => {
  it.each(['Application/JSON', 'application/json; charset=utf-8'])(
    'under %s is checked by nobody on a bare Fastify, and taken by nobody here',
    async (type) => {
      const content = { [type]: { schema: { type: 'object', additionalProperties: false, properties: {} } } }
      const [open, closed] = await both((app) => {
        app.post('/', { schema: { body: { content } } }, async (request) => request.body)
      })
      expect((await post(open, '{"admin":true}', { 'content-type': type })).json()).toEqual({ admin: true })
      expect((await post(closed, '{"admin":true}', { 'content-type': type })).statusCode).toBe(415)
    },
  )
})

describe('a compressed body', () => {
  it('of a kilobyte that inflates to a megabyte is cut at the limit', async () => {
    const app = bare()
    await app.register(validation, { contentEncodings: ['gzip', 'br', 'deflate'] })
    app.post('/', { schema: { body: anything }, bodyLimit: 100_000 }, async () => 'through')
    const bomb = gzipSync(Buffer.alloc(50_000_000, ' '))
    expect(bomb.length).toBeLessThan(100_000)
    expect((await post(app, bomb, { ...json, 'content-encoding': 'gzip' })).statusCode).toBe(413)
    expect((await post(app, bomb, { ...json, 'content-encoding': 'gzip, gzip' })).statusCode).toBe(415)
  })
})

describe('a body that comes a byte at a time', () => {
  it.each([
    ['a JSON body', 'application/json'],
    ['a body that the handler reads itself', 'application/octet-stream'],
  ])('is cut with 408: %s', async (_name, type) => {
    const app = bare(serverOptions())
    await app.register(validation, {
      bodyRate: { bytesPerSecond: 1000, grace: 1 },
      mediaTypes: ['application/json', 'application/octet-stream'],
    })
    app.addContentTypeParser('application/octet-stream', async (_request: unknown, payload: AsyncIterable<Buffer>) => {
      let bytes = 0
      for await (const chunk of payload) bytes += chunk.length
      return { bytes }
    })
    app.post('/', { schema: { body: {} } }, async () => 'through')
    const { socket, answer } = await wire(await portOf(app))
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: 10000\r\n\r\n{`)
    const drip = setInterval(() => socket.write(' '), 100)
    const text = await answer().finally(() => clearInterval(drip))
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
    expect(text).toContain('PTC_VALIDATION_BODY_TOO_SLOW')
  })
})

describe('refusals', () => {
  it('end the connection when the body was not read', async () => {
    const app = bare(serverOptions())
    await app.register(validation)
    app.post('/', async () => 'through')
    app.get('/', async () => 'smuggled')
    const { socket, answer } = await wire(await portOf(app))
    const inner = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
    socket.write(
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
    )
    socket.write(inner)
    const text = await answer()
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
    expect(text).not.toContain('smuggled')
  })

  it('of a body that was read leave the connection in order for the next request', async () => {
    const app = bare(serverOptions())
    await app.register(validation)
    app.post('/', { schema: { body: anything } }, async (request) => ({
      members: Object.keys(request.body as object).length,
    }))
    const { socket, answer } = await wire(await portOf(app))
    const send = (body: string, last = false) =>
      socket.write(
        `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n` +
          `${last ? 'Connection: close\r\n' : ''}\r\n${body}`,
      )
    const filler = 'x'.repeat(200_000)
    send(`{"a":"${filler}","a":1}`)
    send('{"a":1}')
    send(`{"a":"${filler}","b":1}`)
    send('{"a":1,"a":2}')
    send('{"a":1,"b":2,"c":3}', true)
    const text = await answer()
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
      '400',
      '200',
      '200',
      '400',
      '200',
    ])
    expect([...text.matchAll(/"members":(\d)/g)].map(([, count]) => count)).toEqual(['1', '2', '3'])
  })
})
