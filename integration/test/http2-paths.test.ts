import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import type { AddressInfo, LookupFunction } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { developmentCertificates } from '@portcullis/https'
import security, { serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { admitted, credential, houseOptions, origin } from './secured-app.ts'

/** Stands in every part of a request that an answer could repeat. */
const marker = 'zzmarkerzz'
const mine = { ...credential, origin }
const json = { ...mine, 'content-type': 'application/json' }
const oneRequest = { security: { auth: {}, rateLimit: { policies: [{ name: 'one', limit: 1, window: 60 }] } } }

let folder: string
let app: FastifyInstance
let session: ClientHttp2Session

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  const { key, cert } = await developmentCertificates(folder, { hosts: ['localhost'] })
  app = Fastify(serverOptions({ http2: true, https: { key, cert } })) as unknown as FastifyInstance
  app.register(security, { ...houseOptions, https: { hosts: ['localhost'] }, headers: { profile: 'web' } })
  app.get('/ok', admitted, async () => ({ ok: true }))
  app.delete('/nothing', admitted, async (_request, reply) => reply.code(204).send())
  app.get('/scoped', { config: { security: { auth: { scopes: ['other' as never] } } } }, async () => 'x')
  app.get('/own-405', admitted, async (_request, reply) => reply.code(405).send({ mine: true }))
  app.get('/boom', admitted, async () => {
    throw new Error(`${marker} in an error`)
  })
  app.get('/stream', admitted, (_request, reply) => reply.type('text/plain').send(Readable.from(['a', 'b'])))
  app.get('/broken-stream', admitted, (_request, reply) =>
    reply.send(Readable.from(Array.from({ length: 1 }, () => Promise.reject(new Error(marker))))),
  )
  app.get('/moved', admitted, (_request, reply) => reply.redirect('/ok'))
  app.get('/p/:name', admitted, async () => 'x')
  app.get('/limited', { config: oneRequest }, async () => 'x')
  const body = { type: 'object', properties: { n: { type: 'integer' } }, additionalProperties: false }
  app.post('/body', { ...admitted, bodyLimit: 100, schema: { body } }, async () => 'x')
  app.get('/hijacked', admitted, (_request, reply) => {
    reply.hijack()
    reply.raw.end('raw')
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const lookup = ((_name, { all }, done) =>
    all === true ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)) as LookupFunction
  const { port } = app.server.address() as AddressInfo
  session = connect(`https://localhost:${port}`, { ca: readFileSync(join(folder, 'ca.pem')), lookup } as object)
})
afterAll(async () => {
  session?.destroy()
  await app?.close()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(line: string, fields: Record<string, string> = mine, body = '') {
  const [method, path] = line.split(' ') as [string, string]
  const stream = session.request({ ':method': method, ':path': path, ...fields }, { endStream: body === '' })
  if (body !== '') stream.end(body)
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const ended = once(stream, 'close')
  const [answer] = (await once(stream, 'response')) as [Record<string, unknown>]
  await ended
  return { answer, text }
}

const fields = {
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'content-security-policy': expect.stringMatching(/^default-src 'none';/) as string,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'origin-agent-cluster': '?1',
  'permissions-policy': expect.stringContaining('camera=()') as string,
  'referrer-policy': 'no-referrer',
  'x-permitted-cross-domain-policies': 'none',
  'x-dns-prefetch-control': 'off',
  'cache-control': 'no-store',
  'access-control-allow-origin': origin,
  vary: expect.stringContaining('Origin') as string,
}

const asked = { origin, 'access-control-request-method': 'GET' }
const problem = true

it.each<
  [name: string, status: number, line: string, problem?: boolean, fields?: Record<string, string>, body?: string]
>([
  ['an answer', 200, `GET /ok?q=${marker}`],
  ['an empty answer', 204, 'DELETE /nothing'],
  ['a redirect', 302, 'GET /moved'],
  ['a stream', 200, 'GET /stream'],
  ['a stream that breaks at once', 500, 'GET /broken-stream', problem],
  ['a hijacked reply', 200, 'GET /hijacked'],
  ['HEAD', 200, 'HEAD /ok'],
  ['a refused HEAD', 401, 'HEAD /ok', false, { origin }],
  ['a preflight', 204, 'OPTIONS /ok', false, asked],
  ['an OPTIONS that is none', 404, `OPTIONS /ok?q=${marker}`, problem],
  ['a body against its schema', 400, 'POST /body', problem, json, `{"${marker}":1}`],
  ['a body that is no JSON', 400, 'POST /body', problem, json, `{"${marker}`],
  ['a body that is too large', 413, 'POST /body', problem, json, `{"n":"${marker.repeat(20)}"}`],
  ['a body of no known type', 415, 'POST /body', problem, { ...mine, 'content-type': `text/${marker}` }, marker],
  ['a missing credential', 401, `GET /ok?q=${marker}`, problem, { origin }],
  ['a missing scope', 403, `GET /scoped?q=${marker}`, problem],
  ['an unknown URL', 404, `GET /${marker}`, problem],
  ['the handler’s own 405', 405, 'GET /own-405'],
  ['a quota', 200, 'GET /limited'],
  ['a spent quota', 429, `GET /limited?q=${marker}`, problem],
  ['a failure', 500, 'GET /boom', problem],
  ['a malformed URL', 400, `GET /%zz${marker}`, problem],
  ['a parameter that is too long', 414, `GET /p/${marker.repeat(50)}`, problem],
])('over HTTP/2, %s carries every field of both rooms and of HSTS', async (...row) => {
  const [, status, line, isProblem = false, given, body] = row
  const { answer, text } = await ask(line, given, body)
  expect(answer).toMatchObject({ ':status': status, ...fields })
  expect(text + JSON.stringify(answer)).not.toContain(marker)
  if (isProblem) expect(JSON.parse(text)).toMatchObject({ status, code: expect.stringMatching(/^PTC_/) as string })
})

it('over HTTP/2, a foreign page gets no CORS field', async () => {
  const { answer } = await ask('OPTIONS /ok', { ...asked, origin: 'https://evil.example' })
  expect(answer[':status']).toBe(403)
  expect(Object.keys(answer).filter((name) => name.startsWith('access-control'))).toEqual([])
})
