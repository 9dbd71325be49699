import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { GatewayServer } from '../src/index.ts'
import { type Service, start, startService, writeConfig } from './stage.ts'

const masum = { id: 101, username: 'masum', email: 'masum@example.com' }
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const file = (port: number): string => `
listen: { host: 127.0.0.1, port: 0 }
operation: { port: 0 }
drain: { delay: 0 }
logLevel: silent
auth:
  jwt: { issuer: https://id.example.com, audience: https://api.example.com, key: '\${file:issuer.pem}', algorithms: [ES256] }
cors: { origins: [https://app.example.com] }
rateLimit:
  policies: [{ name: per-user, limit: 100, window: 60, partitionBy: identity, sentence: later }]
gateway:
  internalToken: { issuer: gateway, key: '\${file:gateway.key}' }
  upstreams:
    user-service: { targets: ['http://user-service.local:${port}'], dangerouslyPlaintext: true }
  resolve: { user-service.local: 127.0.0.1 }
  routes:
    - match: { path: /users/profile }
      upstream: user-service
      rewrite: /api/profile
      policy: { auth: { scopes: ['profile:read'] } }
`

let service: Service
let gateway: GatewayServer

beforeEach(async () => {
  service = await startService((request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(request.url === '/api/profile' ? masum : {}))
  })
  const config = writeConfig(file(service.port))
  writeFileSync(join(config.folder, 'issuer.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  gateway = await start(config.file)
  // A window does not go on while a busy machine takes its time.
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => void vi.useRealTimers())

const tokenOf = (subject: string, key: KeyObject = privateKey): Promise<string> =>
  new SignJWT({ scope: 'profile:read' })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' })
    .setIssuer('https://id.example.com')
    .setAudience('https://api.example.com')
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(key)

const ask = (headers: Record<string, string>, method = 'GET'): Promise<Response> =>
  fetch(`http://127.0.0.1:${gateway.ports.public}/users/profile`, { method, headers })

it('GET /users/profile is authenticated, counted, its origin checked, and forwarded to /api/profile', async () => {
  const headers = { authorization: `Bearer ${await tokenOf('101')}`, origin: 'https://app.example.com' }
  const answer = await ask(headers)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual(masum)
  expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example.com')
  expect([answer.headers.get('x-ratelimit-limit'), answer.headers.get('x-ratelimit-remaining')]).toEqual(['100', '99'])
  expect(service.asked).toEqual(['GET /api/profile'])
})

it('the 101st request of a user at the start of a window is answered 429, Retry-After: 60, another user’s is not', async () => {
  const headers = { authorization: `Bearer ${await tokenOf('101')}` }
  for (let time = 0; time < 100; time++) expect((await ask(headers)).status).toBe(200)
  const answer = await ask(headers)
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '60'])
  expect(await answer.json()).toMatchObject({ error: 'Rate limit exceeded. Try again later.', status: 429 })
  expect((await ask({ authorization: `Bearer ${await tokenOf('102')}` })).status).toBe(200)
  expect(service.asked).toHaveLength(101)
})

it('without a token, with one of another issuer’s key, or of another origin, nothing is forwarded and no quota spent', async () => {
  const authorization = `Bearer ${await tokenOf('101')}`
  const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const invalid = { authorization: `Bearer ${await tokenOf('101', foreign)}` }
  const statuses = async (headers: Record<string, string>): Promise<number[]> => {
    const all = []
    for (let time = 0; time < 3; time++) all.push((await ask(headers)).status)
    return all
  }
  expect(await statuses({})).toEqual([401, 401, 401])
  expect(await statuses(invalid)).toEqual([401, 401, 401])
  expect(await statuses({ authorization, origin: 'https://evil.example' })).toEqual([403, 403, 403])
  expect(await statuses({ origin: 'https://evil.example' })).toEqual([403, 403, 403])
  expect(service.asked).toEqual([])
  expect((await ask({ authorization })).headers.get('x-ratelimit-remaining')).toBe('99')
})

it('a preflight carries no token, and is answered here', async () => {
  const answer = await ask(
    {
      origin: 'https://app.example.com',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization',
    },
    'OPTIONS',
  )
  expect([answer.status, answer.headers.get('access-control-allow-methods')]).toEqual([
    204,
    expect.stringContaining('GET'),
  ])
  expect(service.asked).toEqual([])
})
