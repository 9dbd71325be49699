import { gzipSync } from 'node:zlib'
import { describeSecurity } from '@portcullis/kernel'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { app as example } from '../example.ts'
import validation, { errors } from '../src/index.ts'
import { anything, bare, guarded, json, listen, note } from './apps.ts'

describe('@portcullis/validation', () => {
  it('lets a request through that its schema admits, whatever the phase', async () => {
    const app = await guarded()
    app.post('/notes', { schema: { body: note, querystring: anything } }, async (request) => request.body)
    const answer = await app.inject({ method: 'POST', url: '/notes?a=1', headers: json, payload: '{"text":"é"}' })
    expect([answer.statusCode, answer.json()]).toEqual([200, { text: 'é' }])
  })

  it('takes a part without a schema for closed and empty', async () => {
    const app = await guarded()
    app.post('/', async () => 'through')
    app.get('/of/:id', async () => 'through')
    app.get('/all/*', async () => 'through')
    const seen = listen(app)
    const post = (payload: string, url = '/') => app.inject({ method: 'POST', url, headers: json, payload })
    expect((await app.inject({ method: 'POST', url: '/' })).body).toBe('through')
    expect((await app.inject({ method: 'POST', url: '/?' })).body).toBe('through')
    expect((await post('{}')).json()).toMatchObject({ code: 'PTC_VALIDATION_UNDECLARED', status: 400 })
    expect((await app.inject({ method: 'POST', url: '/?a=1' })).statusCode).toBe(400)
    expect((await app.inject('/of/1')).statusCode).toBe(400)
    expect((await app.inject('/all/1')).statusCode).toBe(400)
    expect(seen.map(({ detail }) => detail['part'])).toEqual(['body', 'query', 'params', 'params'])
  })

  it('takes no colon of a path for a parameter that has two', async () => {
    const app = await guarded()
    app.get('/items::archive', async () => 'through')
    expect((await app.inject('/items:archive')).body).toBe('through')
  })

  it('holds for routes declared before it, in scopes created before it, and for HEAD', async () => {
    const app = bare()
    app.get('/before', async () => 'through')
    await app.register(async (scope) => {
      scope.get('/inside', async () => 'through')
    })
    await app.register(validation)
    for (const url of ['/before?a=1', '/inside?a=1']) {
      expect((await app.inject(url)).statusCode).toBe(400)
      expect((await app.inject({ method: 'HEAD', url })).statusCode).toBe(400)
    }
  })

  it.each([
    ['off for the route', { validation: false as const }],
    [
      'admitted',
      { validation: { dangerouslyAdmitUndeclared: ['body' as const, 'query' as const, 'params' as const] } },
    ],
  ])('lets parts without a schema pass where that is %s', async (_name, security) => {
    const app = await guarded()
    app.post('/of/:id', { config: { security } }, async (request) => request.body)
    const answer = await app.inject({ method: 'POST', url: '/of/1?a=1', headers: json, payload: '{"b":1}' })
    expect(answer.json()).toEqual({ b: 1 })
  })

  it('takes policies for routes of other plugins by prefix', async () => {
    const app = await guarded({ routes: [{ prefix: '/docs', policy: false }] })
    app.get('/docs/*', async () => 'through')
    expect((await app.inject('/docs/a//b?c=1')).body).toBe('through')
  })

  it('leaves its decision about the path to the others', async () => {
    const app = await guarded({ reportOnly: true })
    app.get('/*', async (request) => ({ fault: request.security.pathFault }))
    expect((await app.inject('/a%2fb')).json()).toEqual({ fault: 'encoded-slash' })
    expect((await app.inject('/a')).json()).toEqual({ fault: null })
  })

  it('judges the path as it was sent, whatever rewriteUrl made of it', async () => {
    const app = await guarded({}, { rewriteUrl: () => '/' })
    app.get('/', async () => 'through')
    expect((await app.inject('/a%2fb')).json()).toMatchObject({ code: errors.PTC_VALIDATION_PATH_REFUSED.code })
    expect((await app.inject('/a')).body).toBe('through')
  })

  it.each([
    ['a media type that is not listed', { 'content-type': 'text/plain' }, 'x', 'PTC_VALIDATION_MEDIA_TYPE', 415],
    [
      'a media type that is almost JSON',
      { 'content-type': 'application/json; x' },
      '{}',
      'PTC_VALIDATION_MEDIA_TYPE',
      415,
    ],
    ['no media type', {}, Buffer.from('{}'), 'PTC_VALIDATION_MEDIA_TYPE', 415],
    ['an encoding that is not listed', { ...json, 'content-encoding': 'gzip' }, 'x', 'PTC_VALIDATION_ENCODING', 415],
    ['what is too large', json, `"${'x'.repeat(200)}"`, 'PTC_VALIDATION_BODY_TOO_LARGE', 413],
    ['a member twice', json, '{"a":1,"a":2}', 'PTC_VALIDATION_JSON_REFUSED', 400],
    ['no JSON', json, '{', 'PTC_REQUEST_MALFORMED', 400],
  ])('answers a body with %s', async (_name, headers, payload, code, status) => {
    const app = await guarded({}, { bodyLimit: 100 })
    app.post('/', { schema: { body: {} } }, async () => 'through')
    const answer = await app.inject({ method: 'POST', url: '/', headers, payload })
    expect(answer.json()).toMatchObject({ code, status })
    expect(answer.statusCode).toBe(status)
  })

  it('says which encodings it takes', async () => {
    const app = await guarded({ contentEncodings: ['gzip', 'br'] })
    app.post('/', { schema: { body: {} } }, async () => 'through')
    const headers = { ...json, 'content-encoding': 'zstd' }
    const answer = await app.inject({ method: 'POST', url: '/', headers, payload: 'x' })
    expect([answer.statusCode, answer.headers['accept-encoding']]).toEqual([415, 'gzip, br'])
  })

  it('inflates bodies up to the limit of the route', async () => {
    const app = await guarded({ contentEncodings: ['gzip'] })
    app.post('/', { schema: { body: note }, bodyLimit: 100 }, async (request) => request.body)
    const send = (payload: Buffer) =>
      app.inject({ method: 'POST', url: '/', headers: { ...json, 'content-encoding': 'gzip' }, payload })
    expect((await send(gzipSync('{"text":"small"}'))).json()).toEqual({ text: 'small' })
    expect((await send(gzipSync(`{"text":"${'x'.repeat(100)}"}`))).statusCode).toBe(413)
    expect((await send(gzipSync('{"text":"a","text":"b"}'))).json()).toMatchObject({
      code: 'PTC_VALIDATION_JSON_REFUSED',
    })
    expect((await send(Buffer.from('no gzip'))).json()).toMatchObject({ code: 'PTC_VALIDATION_BODY_MALFORMED' })
  })

  it('hands the body on as it came to parsers and hooks of the app', async () => {
    const app = await guarded({ mediaTypes: ['application/json', 'text/plain'] })
    app.removeContentTypeParser('application/json')
    app.addContentTypeParser('application/json', async (_request: unknown, payload: AsyncIterable<Buffer>) => {
      const chunks: Buffer[] = []
      for await (const chunk of payload) chunks.push(chunk)
      return { raw: Buffer.concat(chunks).toString() }
    })
    app.post('/', { schema: { body: {} } }, async (request) => request.body)
    const send = (payload: string, type: string) =>
      app.inject({ method: 'POST', url: '/', headers: { 'content-type': type }, payload })
    expect((await send('{ "a" : 1 }', 'application/json')).json()).toEqual({ raw: '{ "a" : 1 }' })
    expect((await send('{ "a" : 1,"a":2 }', 'application/json')).statusCode).toBe(400)
    expect((await send('plain', 'text/plain')).body).toBe('plain')
  })

  it('takes the media types that the schema of a body lists', async () => {
    const app = await guarded()
    const content = { 'application/merge-patch+json': { schema: note } }
    app.addContentTypeParser(
      'application/merge-patch+json',
      { parseAs: 'string' },
      app.getDefaultJsonParser('error', 'error'),
    )
    app.patch('/', { schema: { body: { content } } }, async (request) => request.body)
    const send = (type: string) =>
      app.inject({ method: 'PATCH', url: '/', headers: { 'content-type': type }, payload: '{"text":"a"}' })
    expect((await send('application/merge-patch+json')).json()).toEqual({ text: 'a' })
    expect((await send('application/json')).statusCode).toBe(415)
  })

  it('under reportOnly tells what it would refuse, and lets it pass', async () => {
    const app = await guarded({ reportOnly: true })
    app.post('/*', async (request) => request.body)
    const seen = listen(app)
    const answer = await app.inject({ method: 'POST', url: '/a//b?c=1', headers: json, payload: '{"a":1,"a":2}' })
    expect(answer.json()).toEqual({ a: 2 })
    expect(seen.map(({ outcome }) => outcome)).toEqual(['observed', 'observed'])
  })

  it('under reportOnly looks into bodies too', async () => {
    const app = await guarded({ reportOnly: true })
    app.post('/', { schema: { body: {} } }, async (request) => request.body)
    const seen = listen(app)
    const answer = await app.inject({ method: 'POST', url: '/', headers: json, payload: '{"a":1,"a":2}' })
    expect(answer.json()).toEqual({ a: 2 })
    expect(seen).toMatchObject([{ outcome: 'observed', detail: { reason: 'duplicate-member' } }])
  })

  it('under reportOnly leaves schemas to the validator of the app', async () => {
    const app = await guarded({ reportOnly: true })
    app.post('/', { schema: { body: note } }, async (request) => request.body)
    const answer = await app.inject({ method: 'POST', url: '/', headers: json, payload: '{"text":1,"more":2}' })
    expect(answer.json()).toEqual({ text: '1' })
  })

  it.each(['/off', '/off/by-prefix', '/reports', '/reports/by-prefix'])(
    'leaves the schemas of %s to the app',
    async (url) => {
      const app = bare()
      const own = { '/off': false as const, '/reports': { reportOnly: true } }[url]
      const declare = (one: FastifyInstance, at: string): void => {
        const config = own === undefined ? {} : { security: { validation: own } }
        one.post(at, { schema: { body: note }, config }, async (request) => request.body)
      }
      declare(app, url)
      await app.register(validation, {
        routes: [
          { prefix: '/off', policy: false },
          { prefix: '/reports', policy: { reportOnly: true } },
        ],
      })
      declare(app, `${url}/later`)
      app.get('/off/any', async () => 'x')
      app.get('/reports/any', async () => 'x')
      for (const at of [url, `${url}/later`]) {
        const answer = await app.inject({ method: 'POST', url: at, headers: json, payload: '{"text":1,"more":2}' })
        expect(answer.json()).toEqual({ text: '1' })
      }
    },
  )

  it('judges bodies that no route serves, and leaves the 404 to the app', async () => {
    const app = await guarded()
    const send = (payload: string, type = 'application/json') =>
      app.inject({ method: 'POST', url: '/nowhere', headers: { 'content-type': type }, payload })
    expect((await send('{}')).statusCode).toBe(404)
    expect((await send('x', 'text/plain')).statusCode).toBe(404)
    expect((await send('['.repeat(100_000))).json()).toMatchObject({ code: 'PTC_VALIDATION_JSON_REFUSED' })
  })

  it('shows its policy per route', async () => {
    const app = await guarded()
    app.get('/', { config: { security: { validation: { empty: ['query'] } } } }, async () => 'ok')
    await app.ready()
    expect(describeSecurity(app).find(({ method }) => method === 'GET')?.policies['validation']).toMatchObject({
      empty: ['query'],
      json: { depth: 32 },
    })
  })

  it('has an example that boots and refuses', async () => {
    expect((await example.inject('/notes/1')).json()).toEqual({ title: 'read me' })
    expect((await example.inject('/notes/1?debug=1')).statusCode).toBe(400)
    const send = (payload: string) => example.inject({ method: 'POST', url: '/notes', headers: json, payload })
    expect((await send('{"title":"a"}')).statusCode).toBe(201)
    expect((await send('{"title":"a","title":"b"}')).statusCode).toBe(400)
    await example.close()
  })
})
