import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, request, type RequestOptions, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect, type ConnectionOptions } from 'node:tls'
import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import https, {
  certificateStatus,
  plaintextAddress,
  tlsServerOptions,
  type HttpsOptions,
  type TlsOptions,
} from '../src/index.ts'
import { makeCertificate, type Made } from './authority.ts'
import { ask, folder } from './tls.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

const root = await makeCertificate({ ca: true })
const named = (...hosts: string[]): Promise<Made> => makeCertificate({ by: root, hosts })
const [first, second] = [await named('localhost', '127.0.0.1', '::1'), await named('localhost', '127.0.0.1', '::1')]

/** The serial number that a client gets, or the alert that it gets instead. */
function serialOf(port: number, options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', servername: 'localhost', port, ca: root.cert, ...options })
    socket.once('error', ({ message }) => resolve(/alert ([a-z0-9 ]+)/.exec(message)?.[1] ?? message))
    socket.once('secureConnect', () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? 'none')
      socket.destroy()
    })
  })
}
/** The status of an answer over TLS. */
function statusOf(port: number, options: RequestOptions = {}): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const given = { host: '127.0.0.1', servername: 'localhost', port, ca: root.cert, agent: false as const, ...options }
    request(given, (response) => response.resume().on('end', () => resolve(response.statusCode)))
      .on('error', reject)
      .end()
  })
}
const serial = ({ issuer }: Made): string => issuer.serialNumber.toUpperCase()

async function listen(
  tls: TlsOptions,
  around: ServerOptions = {},
  given: Partial<HttpsOptions> = {},
  host = '127.0.0.1',
) {
  const logged: string[] = []
  const stream = {
    write(line: string): void {
      const { msg } = JSON.parse(line) as { msg: string }
      if (/certificate/i.test(msg)) logged.push(msg)
    },
  }
  const app = Fastify({
    https: { ...tlsServerOptions(tls), ...around },
    logger: { level: 'warn', stream },
  }) as unknown as FastifyInstance
  open.push(app)
  await app.register(https, { hosts: ['localhost'], ...given })
  app.get('/', async () => 'ok')
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => events.push(event))
  await app.listen({ port: 0, host })
  const told = (type: string) =>
    expect.poll(() => events.map((event) => event.type), { timeout: 10_000 }).toContain(`https.${type}`)
  return { app, events, logged, told, port: (app.server.address() as AddressInfo).port }
}

function files(pair: Made) {
  const dir = folder()
  const keyFile = join(dir, 'server.key')
  const certFile = join(dir, 'server.pem')
  writeFileSync(keyFile, pair.key, { mode: 0o600 })
  writeFileSync(certFile, pair.cert)
  return { dir, keyFile, certFile }
}

describe('files that change', () => {
  it('by being written over are served', async () => {
    const { keyFile, certFile } = files(first)
    const { port, told } = await listen({ keyFile, certFile })
    expect(await serialOf(port)).toBe(serial(first))
    writeFileSync(keyFile, second.key)
    writeFileSync(certFile, second.cert)
    await told('certificate-replaced')
    expect(await serialOf(port)).toBe(serial(second))
  })

  it('by being renamed over are served', async () => {
    const { dir, keyFile, certFile } = files(first)
    const { port, told } = await listen({ keyFile, certFile })
    writeFileSync(join(dir, 'new'), second.key)
    renameSync(join(dir, 'new'), keyFile)
    writeFileSync(join(dir, 'new'), second.cert)
    renameSync(join(dir, 'new'), certFile)
    await told('certificate-replaced')
    expect(await serialOf(port)).toBe(serial(second))
  })

  it('by a switch of the link ..data, as Kubernetes mounts a secret, are served', async () => {
    const dir = folder()
    const version = (name: string, pair: Made): void => {
      mkdirSync(join(dir, name))
      writeFileSync(join(dir, name, 'tls.key'), pair.key)
      writeFileSync(join(dir, name, 'tls.crt'), pair.cert)
      symlinkSync(name, join(dir, '..data_tmp'))
      renameSync(join(dir, '..data_tmp'), join(dir, '..data'))
    }
    version('..2026_1', first)
    symlinkSync('..data/tls.key', join(dir, 'tls.key'))
    symlinkSync('..data/tls.crt', join(dir, 'tls.crt'))
    const { port, told } = await listen({ keyFile: join(dir, 'tls.key'), certFile: join(dir, 'tls.crt') })
    version('..2026_2', second)
    await told('certificate-replaced')
    expect(await serialOf(port)).toBe(serial(second))
  })

  it('to a bad pair are not served, and the old one goes on', async () => {
    const { keyFile, certFile } = files(first)
    const { app, port, told, events, logged } = await listen({ keyFile, certFile })
    const bad = await makeCertificate({ by: root, to: Date.now() - 1000, from: Date.now() - 100_000 })
    writeFileSync(keyFile, bad.key)
    writeFileSync(certFile, bad.cert)
    await told('certificate-rejected')
    expect(await serialOf(port)).toBe(serial(first))
    expect(events).toMatchObject([
      { severity: 'critical', outcome: 'denied', detail: { source: 'files', rules: ['expired'], servedFor: null } },
    ])
    expect(logged).toContain('certificate rejected')
    expect(certificateStatus(app)[0]?.lastError?.reason).toMatch(/^the certificate expired on/)
  })

  it('are served on every address of localhost', async () => {
    const { keyFile, certFile } = files(first)
    const { app, told } = await listen({ keyFile, certFile }, {}, {}, 'localhost')
    writeFileSync(keyFile, second.key)
    writeFileSync(certFile, second.cert)
    await told('certificate-replaced')
    for (const { port, address } of app.addresses() as AddressInfo[]) {
      expect(await serialOf(port, { host: address })).toBe(serial(second))
    }
  })
})

describe('a swap', () => {
  const client = { key: first.key, cert: first.cert }
  const authority = { ca: root.cert, requestCert: true, rejectUnauthorized: true }
  const old = { ...client, maxVersion: 'TLSv1.2' as const }

  /** A server whose certificate is swapped as the documentation of many a tool says. */
  async function swapped(policy: ServerOptions): Promise<number> {
    const bare = createServer({ ...client, ...policy }, (_, response) => response.end('ok'))
    open.push(bare)
    await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve))
    bare.setSecureContext({ key: second.key, cert: second.cert })
    return (bare.address() as AddressInfo).port
  }

  it('by setSecureContext alone opens a server of TLS 1.3 to TLS 1.2, and locks its clients out; ours does neither', async () => {
    expect(await serialOf(await swapped({ minVersion: 'TLSv1.3' }), old)).toBe(serial(second))
    await expect(statusOf(await swapped(authority), client)).rejects.toThrow()

    const { keyFile, certFile } = files(first)
    const { port, told } = await listen({ keyFile, certFile, policy: 'modern' }, authority)
    writeFileSync(keyFile, second.key)
    writeFileSync(certFile, second.cert)
    await told('certificate-replaced')
    expect(await serialOf(port)).toBe(serial(second))
    expect(await serialOf(port, old)).toBe('protocol version')
    expect(await statusOf(port, client)).toBe(200)
    await expect(statusOf(port)).rejects.toThrow(/certificate required/)
  })
})

describe('certificates by server name', () => {
  it('go to those who ask for them, and the one beside them to everybody else', async () => {
    const [api, wild] = [await named('api.example.test'), await named('*.example.test')]
    const { port, app } = await listen({
      ...pem(first),
      names: { 'api.example.test': pem(api), '*.example.test': pem(wild) },
    })
    const checkServerIdentity = () => undefined
    const asked = (servername: string) => serialOf(port, { servername, checkServerIdentity })
    expect(await asked('api.example.test')).toBe(serial(api))
    expect(await asked('API.EXAMPLE.TEST')).toBe(serial(api))
    expect(await asked('www.example.test')).toBe(serial(wild))
    expect(await asked('a.b.example.test')).toBe(serial(first))
    expect(await asked('')).toBe(serial(first))
    expect(certificateStatus(app).map(({ servedFor, names }) => [servedFor, names])).toEqual([
      [null, ['localhost', '127.0.0.1', '0:0:0:0:0:0:0:1']],
      ['api.example.test', ['api.example.test']],
      ['*.example.test', ['*.example.test']],
    ])
  })

  it('are swapped with the whole policy: the authority of clients is still asked', async () => {
    const [old, fresh] = [await named('api.example.test'), await named('api.example.test')]
    const { keyFile, certFile } = files(old)
    const policy = { ca: root.cert, requestCert: true, rejectUnauthorized: true }
    const { port, told } = await listen({ names: { 'api.example.test': { keyFile, certFile } } }, policy)
    writeFileSync(keyFile, fresh.key)
    writeFileSync(certFile, fresh.cert)
    await told('certificate-replaced')
    const servername = 'api.example.test'
    expect(await serialOf(port, { servername })).toBe(serial(fresh))
    expect(await statusOf(port, { servername, key: first.key, cert: first.cert })).toBe(200)
    await expect(statusOf(port, { servername })).rejects.toThrow(/certificate required/)
  })

  it('are served from the start to an app that never registers the room', async () => {
    const api = await named('api.example.test')
    const app = Fastify({ https: tlsServerOptions({ ...pem(first), names: { 'api.example.test': pem(api) } }) })
    open.push(app)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    expect(await serialOf(port, { servername: 'api.example.test' })).toBe(serial(api))
    expect(await serialOf(port)).toBe(serial(first))
    expect(certificateStatus(app)).toEqual([])
  })

  it('have to cover their name', () => {
    expect(() => tlsServerOptions({ names: { 'api.example.test': pem(first) } })).toThrow(
      'the certificate for api.example.test does not cover that name',
    )
  })
})

describe('a function', () => {
  it('brings the certificate at boot', async () => {
    const { app, port, logged } = await listen({ load: async () => pem(first), refresh: 600 })
    expect(await serialOf(port)).toBe(serial(first))
    expect(logged).toEqual([])
    const status = certificateStatus(app)[0]
    expect(status).toMatchObject({
      source: 'function',
      lastSwap: null,
      lastError: null,
      issuer: expect.stringContaining('Test authority'),
    })
    expect(status?.notAfter).toBeInstanceOf(Date)
    expect((status?.nextRenewal?.getTime() ?? 0) - Date.now()).toBeGreaterThan(590_000)
  })

  it.each<[string, TlsOptions['load'], string]>([
    ['fails', () => Promise.reject(new Error('sealed')), 'gave none: sealed'],
    ['brings a self-signed one', async () => pem(await makeCertificate()), 'gave none: the certificate is self-signed'],
  ])('that %s fails boot', async (_, load, message) => {
    const app = Fastify({ https: tlsServerOptions({ load: load as NonNullable<TlsOptions['load']> }) })
    open.push(app)
    await expect(Promise.resolve(app.register(https, { hosts: ['localhost'] }))).rejects.toThrow(message)
  })
})

describe('ACME', () => {
  const acme = { agreeToTerms: true as const, folder: join(folder(), 'state'), directory: 'https://127.0.0.1:9/dir' }

  it.each<[HttpsOptions, string]>([
    [{ hosts: ['api.example.com'] }, 'Write plaintext: { port: 80 }'],
    [{ hosts: ['api.example.com'], plaintext: { mode: 'refuse' } }, "Write plaintext: { mode: 'refuse', port: 80 }"],
    [
      { hosts: ['api.example.com'], plaintext: { mode: 'off' } },
      "mode: 'off' opens none. Write plaintext: { mode: 'refuse', port: 80 }",
    ],
    [{ hosts: ['localhost', '127.0.0.1'], plaintext: { port: 0 } }, "Write acme: { hosts: ['api.example.com'], … }"],
  ])('that cannot be proved fails boot: %j', async (given, message) => {
    const app = Fastify({ https: tlsServerOptions({ acme }) })
    open.push(app)
    await expect(Promise.resolve(app.register(https, given))).rejects.toThrow(message)
  })

  it('that has no certificate yet refuses handshakes and serves plaintext', async () => {
    const { app, port, told } = await listen({ acme }, {}, { hosts: ['api.example.com'], plaintext: { port: 0 } })
    await told('certificate-failed')
    expect(await serialOf(port)).toBe('handshake failure')
    expect(certificateStatus(app)).toMatchObject([{ source: 'acme', names: [], notAfter: null }])
  })

  it.each(['', 'unknown', '__proto__', 'constructor', '../orders', 'a?b'])(
    'has no answer to a challenge that nobody waits for: %j',
    async (token) => {
      const plaintext = { port: 0, mode: 'refuse' as const }
      const { app } = await listen({ acme }, {}, { hosts: ['api.example.com'], plaintext })
      const path = `/.well-known/acme-challenge/${token}`
      expect((await ask(plaintextAddress(app)?.port ?? 0, { path })).status).toBe(403)
    },
  )
})

describe('TLS options of somebody else', () => {
  it('are told of, and their pair serves as it is', async () => {
    const logged: string[] = []
    const stream = { write: (line: string) => void logged.push((JSON.parse(line) as { msg: string }).msg) }
    const app = Fastify({ https: pem(first), logger: { level: 'warn', stream } }) as unknown as FastifyInstance
    open.push(app)
    await app.register(https, { hosts: ['localhost'] })
    await app.listen({ port: 0, host: '127.0.0.1' })
    expect(logged).toContain(
      'TLS options were not made by tlsServerOptions(): their versions and suites are those of Node',
    )
    expect(await serialOf((app.server.address() as AddressInfo).port)).toBe(serial(first))
  })

  it.each<[string, () => Promise<Made>]>([
    ['is self-signed', () => makeCertificate({ hosts: ['localhost'] })],
    ['expired', () => makeCertificate({ by: root, hosts: ['localhost'], from: -20, to: -10 })],
  ])('do not serve a pair that %s', async (reason, make) => {
    const pair = pem(await make())
    const bare = Fastify({ https: pair })
    open.push(bare)
    await bare.listen({ port: 0, host: '127.0.0.1' })
    const app = Fastify({ https: pair })
    open.push(app)
    await expect(Promise.resolve(app.register(https, { hosts: ['localhost'] }))).rejects.toMatchObject({
      code: 'PTC_HTTPS_CERTIFICATE_UNUSABLE',
      message: expect.stringContaining(reason),
    })
  })
})

it('warns of hosts that no certificate covers, and of the dangerous switch', async () => {
  const { logged } = await listen(
    { ...pem(first), dangerouslyAllowUntrustedCertificates: true },
    {},
    { hosts: ['api.example.com'] },
  )
  expect(logged).toEqual([
    'dangerouslyAllowUntrustedCertificates is on: clients may have no reason to trust this server',
    'hosts that no certificate of this server covers',
  ])
})

it.each<[object, string, string]>([
  [{ ...pem(first), load: () => pem(first) }, 'load', 'two-sources'],
  [{ load: () => pem(first), acme: { agreeToTerms: true, folder: 'x' } }, 'load', 'two-sources'],
  [{ ...pem(first), refresh: 60 }, 'refresh', 'refresh-without-load'],
  [{ names: { '*': pem(first) } }, 'names["*"]', 'server-name'],
  [{ names: { 'a.test': {} } }, 'names["a.test"].keyFile', 'key-missing'],
  [{ names: { 'a.test': { ...pem(first), refrehs: 1 } } }, 'names["a.test"].refrehs', 'additionalProperties'],
  [{ acme: { folder: 'x' } }, 'acme.agreeToTerms', 'required'],
  [{ acme: { agreeToTerms: false, folder: 'x' } }, 'acme.agreeToTerms', 'enum'],
  [{ acme: { agreeToTerms: true, folder: 'x', directory: 'http://ca.test/dir' } }, 'acme.directory', 'pattern'],
  [{ acme: { agreeToTerms: true, folder: 'x', hosts: ['*.a.test'] } }, 'acme.hosts[0]', 'acme-host'],
  [{ acme: { agreeToTerms: true, folder: 'x', retryAfter: 0 } }, 'acme.retryAfter', 'minimum'],
  [{ names: { '*.a.test': { acme: { agreeToTerms: true, folder: 'x' } } } }, 'names["*.a.test"]', 'acme-wildcard'],
  [
    { names: { 'a.test': { acme: { agreeToTerms: true, folder: 'x', hosts: ['b.test'] } } } },
    'names["a.test"].acme.hosts',
    'acme-other-host',
  ],
])('refuses a mistake in the source with a fix: %#', (given, path, rule) => {
  let mistakes: { path: string; rule: string; fix: unknown[] }[] = []
  try {
    tlsServerOptions(given)
  } catch (error) {
    mistakes = (error as { mistakes: typeof mistakes }).mistakes
  }
  expect(mistakes).toContainEqual(expect.objectContaining({ path, rule }))
  expect(mistakes[0]?.fix.length).toBeGreaterThan(0)
})

function pem({ key, cert }: Made): { key: string; cert: string } {
  return { key, cert }
}
