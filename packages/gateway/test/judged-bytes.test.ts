import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import Fastify, { type FastifyInstance } from 'fastify'
import gateway, { type GatewayRoute } from '../src/index.ts'
import { optionsFor } from './stage.ts'
import { type Recorder, speak, startRecorder } from './wire.ts'

const openapi = {
  openapi: '3.1.1',
  paths: {
    '/a/{id}': {
      post: {
        parameters: [
          { name: 'id', in: 'path', required: true, schema: { type: 'string', maxLength: 5 } },
          { name: 'q', in: 'query', schema: { type: 'array', items: { type: 'string', maxLength: 3 } } },
          {
            name: 'f',
            in: 'query',
            style: 'deepObject',
            schema: { type: 'object', properties: { n: { type: 'integer' } } },
          },
        ],
        requestBody: {
          required: true,
          content: {
            'application/json': {
              schema: {
                type: 'object',
                additionalProperties: false,
                properties: { n: { type: 'integer', maximum: 9 }, s: {} },
              },
            },
          },
        },
        responses: {},
      },
    },
  },
}

describe('what is judged', () => {
  let backend: Recorder
  let app: FastifyInstance
  let port: number

  beforeAll(async () => {
    backend = await startRecorder()
    app = Fastify()
    const targets = [`http://user-service.local:${backend.port}`]
    const routes: GatewayRoute[] = [
      { match: { method: 'POST', path: '/a/:id' }, upstream: 'user-service', rewrite: '/b/:id' },
    ]
    const upstream = { targets, dangerouslyPlaintext: true }
    await app.register(gateway, await optionsFor(0, { routes, upstream, options: { openapi } }))
    await app.listen({ port: 0, host: '127.0.0.1' })
    ;({ port } = app.server.address() as { port: number })
  })
  afterAll(async () => {
    await app.close()
    await backend.close()
  })

  /** Sends bytes; what arrived. */
  async function send(
    target: string,
    fields: string,
    body: string,
  ): Promise<{ status: number | undefined; came: string[] }> {
    backend.arrivals.length = 0
    const { statuses } = await speak(
      port,
      `POST ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n${body}`,
    )
    expect(backend.strays).toEqual([])
    return { status: statuses[0], came: backend.arrivals.map((one) => `${one.target} ${one.body}`) }
  }
  const JSON_TYPE = 'Content-Type: application/json\r\n'
  const sized = (body: string): string => `${JSON_TYPE}Content-Length: ${body.length}\r\n`

  it.each([
    ['spaces and escapes', '/a/x', '{ "n":\t1 , "s":"\\u0061\\/\\ud83d\\ude00" }\r\n'],
    ['numbers in other spellings', '/a/x', '{"n":0.9e1,"s":[-0,1E+2,0.10]}'],
    ['bytes beyond ASCII', '/a/x', '{"s":"\xc3\xa4"}'],
    ['a query in other spellings', '/a/%78?q=%61&%71=b+c&f%5bn%5D=7&&q=', '{}'],
  ])('arrives as it came, with %s', async (_what, target, body) => {
    const expected = [`${target.replace('/a/', '/b/')} ${body}`]
    expect(await send(target, sized(body), body)).toEqual({ status: 200, came: expected })
    const chunks = `${(1).toString(16)}\r\n${body.slice(0, 1)}\r\n${(body.length - 1).toString(16)}\r\n${body.slice(1)}\r\n0\r\n\r\n`
    const chunked = await send(target, `${JSON_TYPE}Transfer-Encoding: chunked\r\n`, chunks)
    expect(chunked).toEqual({ status: 200, came: expected })
  })

  it.each([
    ['a second document behind it', '{}{"n":10}'],
    ['a NUL behind it', '{}\0'],
    ['a byte order mark', '\xef\xbb\xbf{}'],
    ['UTF-16', '\xff\xfe{\0}\0'],
    ['overlong UTF-8', '{"s":"\xc0\xaf"}'],
    ['surrogates in UTF-8', '{"s":"\xed\xa0\x80"}'],
    ['half a character', '{"s":"\xc3"}'],
    ['a comment', '{}//'],
    ['a comma too many', '{"n":1,}'],
    ['single quotes', "{'n':1}"],
    ['a member that is no text', '{n:1}'],
    ['no number', '{"n":NaN}'],
    ['a number with a plus', '{"n":+1}'],
    ['a number with a zero before it', '{"n":01}'],
    ['hexadecimals', '{"n":0x1}'],
    ['a raw line break in a text', '{"s":"\n"}'],
    ['a prototype', '{"__proto__":{"n":10}}'],
    ['a prototype in other letters', '{"\\u005f_proto__":1}'],
    ['a member twice, deep inside', '{"s":[{"a":{"b":1,"\\u0062":2}}]}'],
    ['a number beyond its bound, in another spelling', '{"n":1e1}'],
    ['a number without end', '{"n":1e999}'],
    ['depth', `{"s":${'['.repeat(200)}${']'.repeat(200)}}`],
    ['nothing but spaces', '  '],
  ])('does not arrive with %s', async (_what, body) => {
    expect(await send('/a/x', sized(body), body)).toEqual({ status: 400, came: [] })
  })

  it.each([
    ['application/json; charset=utf-16'],
    ['application/json; charset=utf-8; charset=utf-16'],
    ['application/json; charset="utf-7"'],
    ['application/json;'],
    ['application/json, text/plain'],
    ['application/jsonx'],
    ['application /json'],
    ['text/plain'],
    ['application/json\r\nContent-Encoding: gzip'],
    ['application/json\r\nContent-Encoding: identity, gzip'],
    ['text/plain\r\nContent-Type: application/json'],
  ])('does not arrive under %j', async (type) => {
    expect(await send('/a/x', `Content-Type: ${type}\r\nContent-Length: 2\r\n`, '{}')).toEqual({
      status: 415,
      came: [],
    })
  })

  it('is the only thing that arrives, whatever was sent', async () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '"n"',
      ':',
      ',',
      '1',
      '10',
      '[',
      ']',
      '"s"',
      'null',
      ' ',
      '\\',
      '"',
      '-',
      'e1',
      '\xc3',
      '\0',
    )
    const bodies = fc.array(pieces, { maxLength: 9 }).map((all) => all.join(''))
    const queries = fc
      .array(fc.constantFrom('q', 'f[n]', '=', '&', '1', 'abcd', '%26', '%3D', '+', 'f', '[', ']', '%5b', ',', '%00'), {
        maxLength: 7,
      })
      .map((all) => all.join(''))
    await fc.assert(
      fc.asyncProperty(fc.oneof(bodies, fc.constant('{"n":1}')), queries, async (body, query) => {
        const { status, came } = await send(`/a/x?${query}`, sized(body), body)
        expect(came).toEqual(status === 200 ? [`/b/x?${query} ${body}`] : [])
        expect([200, 400]).toContain(status)
        if (status !== 200) return
        const { n } = JSON.parse(Buffer.from(body, 'latin1').toString()) as { n?: number }
        expect((n ?? 0) <= 9).toBe(true)
        const read = new URLSearchParams(query)
        expect([...read.keys()].filter((name) => name !== 'q' && !/^f\[[^[\]]*\]$/.test(name))).toEqual([])
        expect(read.getAll('q').filter((one) => one.length > 3)).toEqual([])
      }),
      { numRuns: 400 },
    )
  })
})
