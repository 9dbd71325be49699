import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { developmentCertificates, tlsServerOptions } from '@portcullis/https'
import { serverOptions as kernelServerOptions } from '@portcullis/kernel'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { app as example, key as exampleKey } from '../example.ts'
import security, { describeSecurity, onSecurityEvent, serverOptions, type SecurityOptions } from '../src/index.ts'

const cors = { origins: ['https://app.example.com'] }
const auth = { apiKeys: { find: () => null } }

async function concernsOf(options: SecurityOptions): Promise<readonly string[] | undefined> {
  const app = Fastify(serverOptions())
  app.register(security, options)
  app.get('/', async () => 'x')
  await app.ready()
  return describeSecurity(app)[0]?.chain
}

describe('rooms', () => {
  it('are headers and audit when nothing is said', async () => {
    expect(await concernsOf({})).toEqual(['audit', 'headers'])
  })

  it('are the named ones beside them, in the order of the table whatever the order of the keys', async () => {
    expect(await concernsOf({ auth, cors })).toEqual(['audit', 'headers', 'cors', 'auth'])
  })

  it('are off with false', async () => {
    expect(await concernsOf({ headers: false, audit: false, cors: false, auth })).toEqual(['auth'])
  })

  it('cannot be registered a second time beside it', async () => {
    const { default: headers } = await import('@portcullis/headers')
    const app = Fastify(serverOptions())
    await app.register(security)
    await expect(app.register(headers)).rejects.toMatchObject({ code: 'PTC_ROOM_DUPLICATE' })
  })
})

describe('reportOnly', () => {
  it('lets everything pass and tells what would have been refused', async () => {
    const told: string[] = []
    const app = Fastify(serverOptions())
    onSecurityEvent(app, ({ type, outcome }) => told.push(`${type} ${outcome}`))
    app.register(security, {
      auth,
      rateLimit: { policies: [{ name: 'one', limit: 1, window: 60 }] },
      cors: { ...cors, refuseForeignOrigins: true },
      reportOnly: true,
    })
    app.get('/', { config: { security: { auth: {} } } }, async () => 'through')
    for (let i = 0; i < 2; i++) {
      expect((await app.inject({ url: '/', headers: { origin: 'https://evil.example' } })).body).toBe('through')
    }
    expect(told).toEqual(
      expect.arrayContaining(['auth.challenged observed', 'rate-limit.exceeded observed', 'cors.rejected observed']),
    )
    expect(told.join()).not.toContain('denied')
  })

  it('gives way to a room that says otherwise', async () => {
    const app = Fastify(serverOptions())
    app.register(security, { auth: { ...auth, reportOnly: false }, reportOnly: true })
    app.get('/', { config: { security: { auth: {} } } }, async () => 'through')
    expect((await app.inject('/')).statusCode).toBe(401)
  })
})

it('refuses with every mistake of every room, each under its key', async () => {
  const app = Fastify(serverOptions())
  const options = { cors: { origins: ['https://app.example.com/'] }, auth: {}, limits: {}, headers: true } as never
  const error = await Promise.resolve(app.register(security, options)).then(
    () => undefined,
    (thrown: unknown) => thrown as { code: string; mistakes: { path: string }[] },
  )
  expect(error?.code).toBe('PTC_OPTIONS_INVALID')
  expect(error?.mistakes.map(({ path }) => path).toSorted()).toEqual(['auth', 'cors.origins[0]', 'headers', 'limits'])
})

it('has an example that boots and protects', async () => {
  const secure = { 'x-forwarded-proto': 'https' }
  expect((await example.inject({ url: '/orders', headers: secure, remoteAddress: '10.0.0.1' })).statusCode).toBe(401)
  const served = await example.inject({
    url: '/orders',
    headers: { ...secure, 'x-api-key': exampleKey },
    remoteAddress: '10.0.0.1',
  })
  expect([served.statusCode, served.json(), served.headers['strict-transport-security']]).toEqual([
    200,
    { of: 'billing' },
    'max-age=31536000; includeSubDomains',
  ])
  expect((await example.inject('/health')).statusCode).toBe(200)
  expect((await example.inject({ method: 'POST', url: '/orders' })).statusCode).toBe(403)
})

describe('TLS', () => {
  it('is given by its arguments, or as tlsServerOptions() made it, which the kernel alone takes too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-security-'))
    const { key, cert } = await developmentCertificates(folder, { hosts: ['localhost'] })
    rmSync(folder, { recursive: true })
    const made = tlsServerOptions({ key, cert, policy: 'modern' })
    const { https } = serverOptions({ https: made }) as { https: object }
    expect(https).toEqual((kernelServerOptions({ https: made }) as { https: object }).https)
    const { SNICallback: _, ...rest } = https as { SNICallback: unknown }
    expect((serverOptions({ https: { key, cert, policy: 'modern' } }) as { https: object }).https).toMatchObject(rest)
  })
})
