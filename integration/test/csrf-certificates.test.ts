import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:http2'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import csrf from '@portcullis/csrf'
import { developmentCertificates } from '@portcullis/https'
import security, { serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificate } from '../../packages/https/test/authority.ts'

interface Pair {
  readonly key: string
  readonly cert: string
}

const options = { origins: ['https://app.example.com'] }
const apps: Record<string, FastifyInstance> = {}
let folder: string
let ca: string
let client: Pair
/** Of an authority that no server here knows. */
let pinned: Pair

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  const { key, cert } = await developmentCertificates(folder, { hosts: ['localhost'] })
  ca = readFileSync(join(folder, 'ca.pem'), 'utf8')
  const authority = await makeCertificate({ ca: true, name: 'Clients' })
  client = await makeCertificate({ by: authority, hosts: ['a.internal'], name: 'Client', purpose: '1.3.6.1.5.5.7.3.2' })
  const other = await makeCertificate({ ca: true, name: 'Others' })
  pinned = await makeCertificate({ by: other, hosts: ['b.internal'], name: 'Pinned', purpose: '1.3.6.1.5.5.7.3.2' })

  const housed = Fastify(
    serverOptions({ https: { key, cert, clientCertificates: { ca: authority.cert, required: false } } }),
  )
  await housed.register(security, { https: { hosts: ['localhost'] }, csrf: options })
  const tls = { key, cert, ca: authority.cert, requestCert: true, rejectUnauthorized: false }
  const bare = Fastify({ https: tls }) as unknown as FastifyInstance
  await bare.register(csrf, options)
  const second = Fastify({ http2: true, https: tls }) as unknown as FastifyInstance
  await second.register(csrf, options)
  Object.assign(apps, { 'the https room': housed, 'TLS alone': bare, 'HTTP/2 alone': second })
  for (const app of Object.values(apps)) {
    app.post('/', async () => 'changed')
    await app.listen({ port: 0, host: '127.0.0.1' })
  }
})
afterAll(async () => {
  await Promise.all(Object.values(apps).map((app) => app.close()))
  rmSync(folder, { recursive: true, force: true })
})

function post(at: string, pair: Pair | undefined, headers: Record<string, string>): Promise<string> {
  const { port } = (apps[at] as FastifyInstance).server.address() as AddressInfo
  const own = { ca, ...(pair && { key: pair.key, cert: pair.cert }) }
  return new Promise((resolve, reject) => {
    let body = ''
    const ended = (): void => resolve(body === 'changed' ? body : (JSON.parse(body) as { code: string }).code)
    if (at === 'HTTP/2 alone') {
      const session = connect(`https://localhost:${port}`, { ...own })
      session.on('error', reject)
      const stream = session.request({ ':method': 'POST', ':path': '/', ...headers })
      stream.on('data', (chunk: Buffer) => (body += chunk.toString()))
      stream.on('end', () => session.close(ended))
      return
    }
    request({ port, host: 'localhost', path: '/', method: 'POST', agent: false, headers, ...own }, (answer) => {
      answer.on('data', (chunk: Buffer) => (body += chunk.toString()))
      answer.on('end', ended)
    })
      .on('error', reject)
      .end()
  })
}

describe.each(['the https room', 'TLS alone', 'HTTP/2 alone'])('a client certificate, seen by %s,', (at) => {
  it('needs a token where nothing says who asks, for browsers send it on their own', async () => {
    expect(await post(at, client, {})).toBe('PTC_CSRF_TOKEN_REQUIRED')
    expect(await post(at, undefined, {})).toBe('changed')
  })

  it('moves nothing for a foreign page, and does for ours', async () => {
    const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
    expect(await post(at, client, foreign)).toBe('PTC_CSRF_CROSS_SITE')
    expect(await post(at, client, { origin: 'https://app.example.com' })).toBe('changed')
  })

  it('beside a bearer token is still one that the browser sends', async () => {
    expect(await post(at, client, { authorization: 'Bearer x' })).toBe('PTC_CSRF_TOKEN_REQUIRED')
    expect(await post(at, undefined, { authorization: 'Bearer x' })).toBe('changed')
  })
})

// The https room refuses those that it cannot verify.
it.each(['TLS alone', 'HTTP/2 alone'])(
  'a client certificate that the app itself verifies, seen by %s, is one that the browser sends',
  async (at) => {
    expect(await post(at, pinned, {})).toBe('PTC_CSRF_TOKEN_REQUIRED')
    expect(await post(at, pinned, { origin: 'https://app.example.com' })).toBe('changed')
  },
)
