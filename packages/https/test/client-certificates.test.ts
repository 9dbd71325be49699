import dns from 'node:dns'
import { writeFileSync } from 'node:fs'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import nodeHttps from 'node:https'
import { onSecurityEvent, serverOptions, type Mistake, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { alternativeNames } from '../src/client-certificates.ts'
import https, { certificateStatus, plaintextAddress, tlsServerOptions } from '../src/index.ts'
import { makeCertificate, type Made } from './authority.ts'
import { ask, certificates, folder } from './tls.ts'

const { key, cert, ca } = certificates
const CLIENT = '1.3.6.1.5.5.7.3.2'
const SERVER = '1.3.6.1.5.5.7.3.1'
const authority = await makeCertificate({ ca: true, name: 'Clients' })
const stranger = await makeCertificate({ ca: true, name: 'Strangers' })
const client = (hosts: string[], more: object = {}): Promise<Made> =>
  makeCertificate({ by: authority, hosts, name: 'Client', purpose: CLIENT, ...more })
const billing = await client(['billing.internal', '10.0.0.7'])
const shipping = await client(['shipping.internal'])

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

async function listen(
  clientCertificates: object,
  { room = true, http2 = false, tls = {}, plaintext = {}, host = '127.0.0.1' } = {},
) {
  const made = tlsServerOptions({
    key,
    cert,
    clientCertificates: { ca: authority.cert, ...clientCertificates },
    ...tls,
  })
  const app = Fastify(serverOptions({ https: made, http2, trustProxy: 'loopback' })) as unknown as FastifyInstance
  open.push(app)
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => events.push(event))
  if (room) await app.register(https, { hosts: ['localhost'], plaintext })
  const seen: unknown[] = []
  app.get('/', async ({ security }) => {
    seen.push(security?.clientCertificate)
    return 'ok'
  })
  app.get('/health', room ? { config: { security: { https: false } } } : {}, async () => 'ok')
  await app.listen({ port: 0, host })
  return { app, port: (app.server.address() as AddressInfo).port, events, seen }
}

/** The status of a request on a connection of its own; or how the connection ended. */
function statusOf(port: number, who?: Made, path = '/'): Promise<number | string> {
  return new Promise((resolve) => {
    const own = who === undefined ? {} : { key: who.key, cert: who.cert }
    const request = nodeHttps.get({ host: '127.0.0.1', port, path, ca, agent: false, ...own }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    request.on('error', () => resolve('cut'))
  })
}
type LookupDone = (error: null, addresses: unknown) => void
const refusals = (events: SecurityEvent[]) => events.map(({ type, detail }) => [type, detail['refused']])
const REFUSED = 'https.client-certificate-refused'

describe('required', () => {
  it('admits a client of the authority, and tells who it is', async () => {
    const { port, seen, events } = await listen({})
    expect(await statusOf(port, billing)).toBe(200)
    expect(seen).toEqual([
      {
        subject: { CN: expect.stringMatching(/^Client /) },
        san: ['DNS:billing.internal', 'IP:10.0.0.7'],
        fingerprint256: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
        issuer: { CN: expect.stringMatching(/^Clients /) },
      },
    ])
    expect(Object.isFrozen(seen[0])).toBe(true)
    expect(events).toEqual([])
  })

  it('cuts a client without a certificate, and tells', async () => {
    const { port, seen, events } = await listen({})
    expect(await statusOf(port)).toBe('cut')
    expect([seen, refusals(events)]).toEqual([[], [[REFUSED, 'missing']]])
  })

  it.each<[string, Promise<Made>]>([
    ['of another authority', makeCertificate({ by: stranger, hosts: ['billing.internal'], purpose: CLIENT })],
    ['signed by itself', makeCertificate({ hosts: ['billing.internal'], purpose: CLIENT })],
    ['for servers', client(['billing.internal'], { purpose: SERVER })],
    ['that has expired', client(['billing.internal'], { from: Date.now() - 9e6, to: Date.now() - 8e6 })],
  ])('cuts a client with a certificate %s', async (_what, made) => {
    const { port, seen, events } = await listen({})
    expect(await statusOf(port, await made)).toBe('cut')
    expect([seen, refusals(events)]).toEqual([[], [[REFUSED, 'untrusted']]])
  })

  it('reads authorities from a file', async () => {
    const caFile = join(folder(), 'ca.pem')
    writeFileSync(caFile, authority.cert)
    const { port } = await listen({ ca: undefined, caFile })
    expect([await statusOf(port, billing), await statusOf(port)]).toEqual([200, 'cut'])
  })
})

describe('a list of names', () => {
  it('admits those on it alone, over HTTP/1.1 and HTTP/2', async () => {
    const { port, events } = await listen({ allow: ['DNS:billing.internal'] }, { http2: true })
    expect([await statusOf(port, billing), await statusOf(port, shipping)]).toEqual([200, 'cut'])
    expect(refusals(events)).toEqual([[REFUSED, 'not-allowed']])
    expect(events[0]?.detail).toMatchObject({ san: ['DNS:shipping.internal'], remoteAddress: '127.0.0.1' })
    const over2 = (who: Made) =>
      new Promise((resolve) => {
        const on = http2.connect(`https://127.0.0.1:${port}`, { ca, key: who.key, cert: who.cert })
        on.on('error', () => resolve('cut'))
        on.on('close', () => resolve('cut'))
        const stream = on.request({ ':path': '/' })
        stream.on('error', () => resolve('cut'))
        stream.on('response', (fields) => {
          resolve(fields[':status'])
          on.destroy()
        })
      })
    expect([await over2(billing), await over2(shipping)]).toEqual([200, 'cut'])
  })

  it('holds on a route without the room, and in an app without it', async () => {
    for (const room of [true, false]) {
      const { port } = await listen({ allow: ['DNS:billing.internal'] }, { room })
      expect([await statusOf(port, billing, '/health'), await statusOf(port, shipping, '/health')]).toEqual([
        200,
        'cut',
      ])
    }
  })

  it.runIf(process.platform === 'linux')('holds on every address that the app listens on', async () => {
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((host: string, _options: object, done: LookupDone) => {
      const addresses = host === 'localhost' ? ['127.0.0.1', '127.0.0.2'] : [host]
      done(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      )
    }) as never)
    const { app, port, seen } = await listen({ allow: ['DNS:billing.internal'] }, { room: false, host: 'localhost' })
    lookup.mockRestore()
    expect(app.addresses()).toHaveLength(2)
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      const socket = connect({
        host,
        port,
        ca,
        key: shipping.key,
        cert: shipping.cert,
        checkServerIdentity: () => undefined,
      })
      socket.on('error', () => {})
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      socket.resume()
      await new Promise<void>((resolve) => socket.once('close', () => resolve()))
    }
    expect(seen).toEqual([])
  })

  it('is not passed by a name that reads like two', async () => {
    const text = 'URI:"spiffe://evil, DNS:billing.internal"'
    expect(text.split(', ')).toContain('DNS:billing.internal"')
    expect(alternativeNames(text)).not.toContain('DNS:billing.internal')
    expect(alternativeNames('DNS:a.example, URI:spiffe://a/b, email:a@b.c, IP Address:FE80:0:0:0:0:0:0:1')).toEqual([
      'DNS:a.example',
      'URI:spiffe://a/b',
      'email:a@b.c',
      'IP:fe80::1',
    ])
    for (const broken of ['DNS:a.example, "', 'DNS:a.example DNS', ', DNS:a.example', 'DNS:"a', undefined])
      expect(alternativeNames(broken)).not.toContain('DNS:a.example')
  })

  it('holds for a session that is resumed', async () => {
    const { port, seen } = await listen({ allow: ['DNS:billing.internal'] }, { tls: { policy: 'intermediate' } })
    const sessions: Buffer[] = []
    const handshake = (session?: Buffer): Promise<TLSSocket> =>
      new Promise((resolve, reject) => {
        const socket: TLSSocket = connect({
          host: '127.0.0.1',
          port,
          ca,
          key: billing.key,
          cert: billing.cert,
          maxVersion: 'TLSv1.2',
          ...(session === undefined ? {} : { session }),
        })
        socket.on('session', (made) => sessions.push(made))
        socket.on('error', reject)
        socket.on('secureConnect', () => socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'))
        socket.on('end', () => resolve(socket))
        socket.resume()
      })
    await handshake()
    const again = await handshake(sessions[0])
    expect(again.isSessionReused()).toBe(true)
    expect(seen).toHaveLength(2)
    expect(seen[1]).toEqual(seen[0])
  })
})

describe('optional', () => {
  it('admits a client without a certificate as nobody, and never one with a bad certificate', async () => {
    const { port, seen, events } = await listen({ required: false })
    const bad = await makeCertificate({ by: stranger, hosts: ['billing.internal'], purpose: CLIENT })
    const bare = nodeHttps.createServer({ key, cert, ca: authority.cert, requestCert: true, rejectUnauthorized: false })
    bare.on('request', (_request, response) => response.end())
    open.push(bare)
    await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve))
    expect(await statusOf((bare.address() as AddressInfo).port, bad)).toBe(200)
    expect([await statusOf(port), await statusOf(port, billing), await statusOf(port, bad)]).toEqual([200, 200, 'cut'])
    expect(seen).toEqual([null, expect.objectContaining({ san: ['DNS:billing.internal', 'IP:10.0.0.7'] })])
    expect(refusals(events)).toEqual([[REFUSED, 'untrusted']])
  })
})

describe('an app that asks for certificates', () => {
  it('asks after a rotation, too', async () => {
    const dir = folder()
    const [keyFile, certFile] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
    writeFileSync(keyFile, key)
    writeFileSync(certFile, cert)
    const { app, port, events } = await listen(
      { allow: ['DNS:billing.internal'] },
      { tls: { key: undefined, cert: undefined, keyFile, certFile, dangerouslyAllowUntrustedCertificates: true } },
    )
    const second = await makeCertificate({ hosts: ['localhost', '127.0.0.1'] })
    writeFileSync(keyFile, second.key)
    writeFileSync(certFile, second.cert)
    await expect
      .poll(() => events.some(({ type }) => type === 'https.certificate-replaced'), { timeout: 10_000 })
      .toBe(true)
    expect(certificateStatus(app)[0]?.lastSwap).not.toBeNull()
    const trusting = { ...billing, cert: billing.cert }
    const status = (who?: Made): Promise<unknown> =>
      new Promise((resolve) => {
        const own = who === undefined ? {} : { key: who.key, cert: who.cert }
        nodeHttps
          .get({ host: '127.0.0.1', port, ca: second.cert, agent: false, ...own }, (response) => {
            response.resume()
            resolve(response.statusCode)
          })
          .on('error', () => resolve('cut'))
      })
    expect([await status(trusting), await status(shipping), await status()]).toEqual([200, 'cut', 'cut'])
  })

  it('refuses what comes over the plaintext port in the name of a proxy', async () => {
    const { app, events } = await listen({}, { plaintext: { port: 0 } })
    const { port } = plaintextAddress(app) as AddressInfo
    const answer = await ask(port, { path: '/', headers: { 'x-forwarded-proto': 'https' } })
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([403, 'PTC_HTTPS_CLIENT_CERTIFICATE_REFUSED'])
    expect(refusals(events)).toEqual([[REFUSED, 'missing']])
  })

  it('takes an injected request as one of nobody', async () => {
    const { app, seen } = await listen({})
    expect((await app.inject('/')).statusCode).toBe(200)
    expect(seen).toEqual([undefined])
  })
})

describe('mistakes', () => {
  const mistakesOf = (clientCertificates: unknown): readonly Mistake[] => {
    try {
      tlsServerOptions({ key, cert, clientCertificates } as never)
      return []
    } catch (error) {
      const { mistakes } = error as { mistakes?: readonly Mistake[] }
      if (mistakes === undefined) throw error
      return mistakes
    }
  }
  const given = { ca: authority.cert }

  it.each<[unknown, string, string, unknown]>([
    [{}, 'caFile', 'ca-missing', 'clients-ca.pem'],
    [{ ...given, caFile: 'a.pem' }, 'caFile', 'ca-twice', undefined],
    [{ ...given, required: 'yes' }, 'required', 'type', true],
    [{ ...given, requierd: false }, 'requierd', 'additionalProperties', undefined],
    [{ ...given, allow: [] }, 'allow', 'minItems', ['DNS:billing.internal']],
    [{ ...given, allow: 'DNS:a.example' }, 'allow', 'type', ['DNS:a.example']],
    [{ ...given, allow: ['billing.internal'] }, 'allow[0]', 'client-name', 'DNS:billing.internal'],
    [{ ...given, allow: ['DNS:*.internal.example'] }, 'allow[0]', 'client-name', 'DNS:internal.example'],
    [{ ...given, allow: ['DNS:Billing.Internal'] }, 'allow[0]', 'client-name', 'DNS:billing.internal'],
    [{ ...given, allow: ['dns:billing.internal'] }, 'allow[0]', 'client-name', 'DNS:billing.internal'],
    [{ ...given, allow: ['spiffe://a/billing'] }, 'allow[0]', 'client-name', 'URI:spiffe://a/billing'],
    [{ ...given, allow: ['10.0.0.7'] }, 'allow[0]', 'client-name', 'IP:10.0.0.7'],
    [{ ...given, allow: ['IP:FE80::1'] }, 'allow[0]', 'client-name', 'IP:fe80::1'],
    [{ ...given, allow: ['ops@example.com'] }, 'allow[0]', 'client-name', 'email:ops@example.com'],
    [{ ...given, allow: ['CN=billing'] }, 'allow[0]', 'client-name', 'DNS:billing.internal'],
  ])('are refused with a fix: %j', (options, path, rule, instead) => {
    const found = mistakesOf(options).find((one) => one.path === `clientCertificates.${path}` && one.rule === rule)
    const [fix] = found?.fix ?? []
    expect(fix === undefined ? 'none' : 'value' in fix ? fix.value : undefined).toEqual(instead)
  })

  it.each<[object]>([
    [given],
    [{ ca: Buffer.from(authority.cert + stranger.cert) }],
    [{ ...given, required: false }],
    [
      {
        ...given,
        allow: ['DNS:a.example', 'DNS:billing', 'URI:spiffe://a/b', 'IP:10.0.0.7', 'IP:fe80::1', 'email:a@b.c'],
      },
    ],
  ])('are not seen in %#', (options) => {
    expect(mistakesOf(options)).toEqual([])
  })

  it.each<[string, () => Promise<string>]>([
    ['hold no certificate in PEM', async () => 'undefined'],
    ['are not PEM, or damaged', async () => authority.cert.slice(0, 200)],
    ['hold a certificate that may not sign others', async () => billing.cert],
    ['hold one that has expired', async () => (await makeCertificate({ ca: true, from: 0, to: 1000 })).cert],
  ])('in authorities fail boot: they %s', async (flaw, pem) => {
    const bad = await pem()
    expect(() => tlsServerOptions({ key, cert, clientCertificates: { ca: bad } })).toThrow(
      `PTC_HTTPS_CLIENT_AUTHORITY_UNUSABLE: the certificates of the authorities that vouch for clients (clientCertificates) ${flaw}`,
    )
    expect(() => tlsServerOptions({ key, cert, clientCertificates: { caFile: '/none' } })).toThrow('(ENOENT)')
  })
})
