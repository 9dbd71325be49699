import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createApiKey } from '@portcullis/auth'
import { developmentCertificates, plaintextAddress } from '@portcullis/https'
import security, { serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dial, exchange, lastAnswer, request, type WireAnswer } from './wire.ts'

/** Stands in every part of a request that an answer could repeat. */
const marker = 'zzmarkerzz'
const origin = 'https://app.example.com'
const { key, entry } = createApiKey({ subject: 'tester' })
const credential = { Origin: origin, 'X-Api-Key': key }

let folder: string
let ca: string
let app: FastifyInstance
let port: number
let plaintext: number

async function house(): Promise<FastifyInstance> {
  const certificates = await developmentCertificates(folder, { hosts: ['localhost', '127.0.0.1'] })
  ca = readFileSync(join(folder, 'ca.pem'), 'utf8')
  const made = Fastify(serverOptions({ https: { key: certificates.key, cert: certificates.cert } }))
  made.register(security, {
    https: { hosts: ['localhost'], plaintext: { port: 0, host: '127.0.0.1' } },
    cors: { origins: [origin], credentials: true },
    rateLimit: { policies: [{ name: 'per-ip', limit: 1000, window: 60 }] },
    auth: { apiKeys: { keys: [entry] } },
  })
  const any = { config: { security: { auth: {} } } }
  made.get('/ok', any, async () => ({ ok: true }))
  made.delete('/nothing', any, async (_request, reply) => reply.code(204).send())
  made.get('/scoped', { config: { security: { auth: { scopes: ['other' as never] } } } }, async () => 'x')
  made.get('/own-405', any, async (_request, reply) => reply.code(405).header('allow', 'POST').send({ mine: true }))
  made.get('/boom', any, async () => {
    throw new Error(`${marker} in an error`)
  })
  made.get('/stream', any, (_request, reply) => reply.type('text/plain').send(Readable.from(['a', 'b'])))
  made.get('/p/:name', any, async () => 'x')
  made.get('/slow', any, () => new Promise((resolve) => setTimeout(() => resolve('slow'), 400)))
  made.get(
    '/limited',
    { config: { security: { auth: {}, rateLimit: { policies: [{ name: 'one', limit: 1, window: 60 }] } } } },
    async () => 'x',
  )
  made.post(
    '/body',
    {
      ...any,
      bodyLimit: 100,
      schema: { body: { type: 'object', properties: { n: { type: 'integer' } }, additionalProperties: false } },
    },
    async () => 'x',
  )
  made.get('/hijacked', any, (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'text/plain' })
    reply.raw.end('raw')
  })
  await made.listen({ port: 0, host: '127.0.0.1' })
  return made
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  app = await house()
  port = (app.server.address() as AddressInfo).port
  plaintext = (plaintextAddress(app) as AddressInfo).port
})
afterAll(async () => {
  await app.close()
  rmSync(folder, { recursive: true, force: true })
})

const overTls = async (...bytes: string[]): Promise<WireAnswer> => lastAnswer(await exchange(dial(port, ca), ...bytes))
const json = { ...credential, 'Content-Type': 'application/json' }

/** What is not applicable, and why. */
type Reasons = Partial<Record<'cors' | 'problem', string>>
const OWN: Reasons = { problem: 'the answer is the handler’s' }
const NO_REQUEST: Reasons = { cors: 'no request exists whose Origin could be read' }

const paths: [name: string, status: number, ask: () => Promise<WireAnswer>, reasons: Reasons][] = [
  ['200', 200, () => overTls(request(`GET /ok?q=${marker}`, credential)), OWN],
  ['204', 204, () => overTls(request('DELETE /nothing', credential)), OWN],
  [
    '301 from plaintext',
    301,
    async () => lastAnswer(await exchange(dial(plaintext), request('GET /ok', { Origin: origin, Host: marker }))),
    {
      cors: 'answered before CORS: browsers block plaintext reads from a secure page',
      problem: 'a redirect is no problem',
    },
  ],
  [
    '403 from plaintext',
    403,
    async () => lastAnswer(await exchange(dial(plaintext), request(`GET /ok?q=${marker}`, credential))),
    { cors: 'answered before CORS: browsers block plaintext reads from a secure page' },
  ],
  ['400 by the schema', 400, () => overTls(request('POST /body', json, `{"${marker}":1}`)), {}],
  ['400 no JSON', 400, () => overTls(request('POST /body', json, `{"${marker}`)), {}],
  [
    '401',
    401,
    () => overTls(request(`GET /ok?q=${marker}`, { Origin: origin, Authorization: `Bearer ${marker}` })),
    {},
  ],
  ['403', 403, () => overTls(request(`GET /scoped?q=${marker}`, credential)), {}],
  ['404', 404, () => overTls(request(`GET /${marker}`, credential)), {}],
  ['405 of a handler', 405, () => overTls(request(`GET /own-405?q=${marker}`, credential)), OWN],
  ['413', 413, () => overTls(request('POST /body', json, `{"n":"${marker.repeat(20)}"}`)), {}],
  ['415', 415, () => overTls(request('POST /body', { ...credential, 'Content-Type': `text/${marker}` }, marker)), {}],
  ['417', 417, () => overTls(request('GET /ok', { ...credential, Expect: marker })), {}],
  [
    '429',
    429,
    async () => {
      await overTls(request('GET /limited', credential))
      return overTls(request(`GET /limited?q=${marker}`, credential))
    },
    {},
  ],
  ['500', 500, () => overTls(request(`GET /boom?q=${marker}`, credential)), {}],
  ['503 while closing', 503, closing, {}],
  ['stream', 200, () => overTls(request(`GET /stream?q=${marker}`, credential)), OWN],
  ['HEAD', 200, () => overTls(request(`HEAD /ok?q=${marker}`, credential)), { problem: 'HEAD has no body' }],
  [
    'HEAD refused',
    401,
    () => overTls(request(`HEAD /ok?q=${marker}`, { Origin: origin })),
    { problem: 'HEAD has no body' },
  ],
  [
    'OPTIONS preflight',
    204,
    () => overTls(request(`OPTIONS /ok?q=${marker}`, { Origin: origin, 'Access-Control-Request-Method': 'GET' })),
    { problem: 'a granted preflight is no problem' },
  ],
  ['OPTIONS plain', 404, () => overTls(request(`OPTIONS /ok?q=${marker}`, credential)), {}],
  ['bad URL', 400, () => overTls(request(`GET /%zz${marker}`, credential)), {}],
  ['414', 414, () => overTls(request(`GET /p/${marker.repeat(50)}`, credential)), {}],
  ['431', 431, () => overTls(request('GET /ok', { ...credential, 'X-A': marker.repeat(5_000) })), NO_REQUEST],
  ['missing Host', 400, () => overTls(`GET /${marker} HTTP/1.1\r\nConnection: close\r\nOrigin: ${origin}\r\n\r\n`), {}],
  ['parser error', 400, () => overTls(`${marker}\r\n\r\n`), NO_REQUEST],
  ['hijacked reply', 200, () => overTls(request(`GET /hijacked?q=${marker}`, credential)), OWN],
]

async function closing(): Promise<WireAnswer> {
  const own = await house()
  const socket = dial((own.server.address() as AddressInfo).port, ca)
  const answers = exchange(socket, request('GET /slow', { ...credential, Connection: 'keep-alive' }))
  setTimeout(() => void own.close(), 150)
  setTimeout(() => socket.write(request(`GET /${marker}`, credential)), 250)
  return lastAnswer(await answers)
}

function securityFields({ fields }: WireAnswer): string {
  const missing = ['x-content-type-options', 'content-security-policy', 'cache-control'].filter(
    (name) => fields[name] === undefined,
  )
  return missing.length === 0 ? 'holds' : `lacks ${missing.join(', ')}`
}

function corsFields({ fields }: WireAnswer): string {
  return fields['access-control-allow-origin'] === origin && fields['vary']?.toLowerCase().includes('origin') === true
    ? 'holds'
    : 'lacks them'
}

function problemBody({ fields, body, status }: WireAnswer): string {
  if (fields['content-type'] !== 'application/json') return `is ${fields['content-type']}`
  const problem = JSON.parse(body) as Record<string, unknown>
  return problem['status'] === status &&
    String(problem['code']).startsWith('PTC_') &&
    typeof problem['error'] === 'string'
    ? 'holds'
    : body
}

const row = (cells: string[]): string => `| ${cells.join(' | ')} |`

it('every response path carries the security fields, the CORS fields, no echo, and a problem where there is one', async () => {
  const rows: string[] = []
  for (const [name, status, ask, reasons] of paths) {
    const answer = await ask()
    expect(answer.status, `${name}: ${answer.text.slice(0, 300)}`).toBe(status)
    const cell = (what: 'cors' | 'problem', held: string): string =>
      reasons[what] === undefined ? held : `n/a: ${reasons[what]}`
    rows.push(
      row([
        name,
        securityFields(answer),
        cell('cors', corsFields(answer)),
        answer.text.includes(marker) ? 'echoes' : 'holds',
        cell('problem', reasons.problem === undefined ? problemBody(answer) : ''),
      ]),
    )
  }
  const table = [
    '# What every response path carries',
    '',
    'Written by `integration/test/response-paths.test.ts`, over TLS and raw sockets.',
    '',
    row(['response', 'security fields', 'CORS fields', 'no echo', 'problem body']),
    row(['---', '---', '---', '---', '---']),
    ...rows,
    '',
  ].join('\n')
  expect(table).not.toMatch(/lacks|echoes/)
  await expect(table).toMatchFileSnapshot('../../docs/response-paths.md')
})
