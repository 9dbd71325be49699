import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { connect as connectTcp } from 'node:net'
import { connect, type ConnectionOptions } from 'node:tls'
import { serverOptions } from '@portcullis/kernel'
import Fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { developmentCertificates, tlsServerOptions } from '../src/index.ts'
import { certificates, folder } from './tls.ts'

const { key, cert, ca } = certificates
const app = Fastify(serverOptions({ https: tlsServerOptions({ key, cert, handshakeTimeout: 1 }) }))
app.get('/', async () => 'ok')
const modern = Fastify(serverOptions({ https: tlsServerOptions({ key, cert, policy: 'modern' }) }))
beforeAll(async () => {
  await app.listen({ port: 0, host: '127.0.0.1' })
  await modern.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(() => Promise.all([app.close(), modern.close()]))
const portOf = (one: { server: { address(): unknown } }) => (one.server.address() as AddressInfo).port

/** Protocol and suite of a handshake, or the code of its failure. */
function handshake(options: ConnectionOptions, server: { server: { address(): unknown } } = app): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: portOf(server), ca, ...options })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)))
    socket.once('secureConnect', () => {
      resolve(`${socket.getProtocol()} ${socket.getCipher().name} ${socket.alpnProtocol}`)
      socket.destroy()
    })
  })
}

/** Node 22 has OpenSSL 3.0, which knows no ML-KEM. */
const hybrid = !process.versions.openssl.startsWith('3.0.')

describe('handshakes', () => {
  it('speak TLS 1.3 and HTTP/1.1', async () => {
    expect(await handshake({ ALPNProtocols: ['h2', 'http/1.1'] })).toBe('TLSv1.3 TLS_AES_128_GCM_SHA256 http/1.1')
  })

  it.each(['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305'])(
    'speak TLS 1.2 with %s',
    async (ciphers) => expect(await handshake({ maxVersion: 'TLSv1.2', ciphers })).toBe(`TLSv1.2 ${ciphers} false`),
  )

  it.each([
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-SHA384',
    'ECDHE-ECDSA-AES128-SHA256',
    'AES128-GCM-SHA256',
    'AES128-SHA',
  ])('refuse %s', async (suite) => {
    const ciphers = `${suite}@SECLEVEL=0`
    expect(await handshake({ maxVersion: 'TLSv1.2', ciphers })).toMatch(/^ERR_SSL_.+_ALERT_HANDSHAKE_FAILURE$/)
  })

  it('refuse TLS 1.2 where 1.3 is the lowest', async () => {
    expect(await handshake({ maxVersion: 'TLSv1.2' }, modern)).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
    expect(await handshake({}, modern)).toMatch(/^TLSv1\.3 /)
  })

  it('follow the order of the server', async () => {
    const ciphers = 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256'
    expect(await handshake({ maxVersion: 'TLSv1.2', ciphers })).toContain('AES128-GCM')
  })

  it.each([...(hybrid ? ['X25519MLKEM768'] : []), 'X25519', 'P-256', 'P-384'])(
    'agree on keys by %s',
    async (ecdhCurve) => {
      expect(await handshake({ ecdhCurve, minVersion: 'TLSv1.3' })).toMatch(/^TLSv1\.3 /)
    },
  )

  it('agree on keys that outlive a quantum computer with whoever knows how, unasked, where OpenSSL does', async () => {
    const group = await new Promise<unknown>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: portOf(app), ca, servername: 'localhost' }, () => {
        resolve((socket.getEphemeralKeyInfo() as { name?: string }).name)
        socket.destroy()
      }).on('error', reject)
    })
    // Node 22 has no name for the hybrid one.
    expect(hybrid ? ['X25519MLKEM768', undefined] : ['X25519']).toContain(group)
  })

  it.each(['P-521', 'X448', 'ffdhe2048'])('do not agree on keys by %s', async (ecdhCurve) => {
    expect(await handshake({ ecdhCurve, minVersion: 'TLSv1.3' })).toContain('HANDSHAKE_FAILURE')
  })

  it('that are never begun are cut', async () => {
    const socket = connectTcp(portOf(app), '127.0.0.1')
    socket.on('error', () => {})
    await new Promise((resolve) => socket.once('close', resolve))
    expect(socket.destroyed).toBe(true)
  })
})

describe('key and certificate', () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string
  const dir = folder()
  const keyFile = join(dir, 'server.key')
  const certFile = join(dir, 'server.pem')
  writeFileSync(keyFile, key, { mode: 0o600 })
  writeFileSync(certFile, cert)

  it('may be files, or Buffers', () => {
    expect(tlsServerOptions({ keyFile, certFile })).toMatchObject({ key: Buffer.from(key), cert: Buffer.from(cert) })
    expect(() => tlsServerOptions({ key: Buffer.from(key), cert: Buffer.from(cert) })).not.toThrow()
  })

  it('may be encrypted', () => {
    const locked = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    })
    expect(() => tlsServerOptions({ key: locked.privateKey, cert, passphrase: 'shut' })).toThrow(
      /its passphrase is wrong/,
    )
    expect(() => tlsServerOptions({ key: locked.privateKey, cert, passphrase: 'open' })).toThrow(/does not belong/)
  })

  it.each<[string, object, string]>([
    [
      'a key of another certificate',
      { key: other, cert },
      'PTC_HTTPS_KEY_UNUSABLE: the private key does not belong to the certificate',
    ],
    ['a key that is none', { key: 'undefined', cert }, 'PTC_HTTPS_KEY_UNUSABLE'],
    ['a certificate that is none', { key, cert: 'undefined' }, 'PTC_HTTPS_CERTIFICATE_UNUSABLE'],
    ['a missing key file', { keyFile: join(dir, 'none'), certFile }, 'cannot be read (ENOENT)'],
    ['a missing certificate file', { keyFile, certFile: join(dir, 'none') }, 'PTC_HTTPS_CERTIFICATE_UNUSABLE'],
  ])('are refused at boot: %s', (_, given, message) => {
    expect(() => tlsServerOptions(given)).toThrow(message)
  })

  it('are refused once expired, and before their time', async () => {
    const DAY = 86_400_000
    expect(() => tlsServerOptions({ key, cert }, new Date(Date.now() + 91 * DAY))).toThrow(/expired on/)
    const tomorrow = await developmentCertificates(folder(), { hosts: ['localhost'], now: new Date(Date.now() + DAY) })
    expect(() => tlsServerOptions({ key: tomorrow.key, cert: tomorrow.cert })).toThrow(/is valid from/)
  })

  it.each<[object, string, string]>([
    [{}, 'keyFile', 'key-missing'],
    [{ key, keyFile, cert }, 'keyFile', 'key-twice'],
    [{ key }, 'certFile', 'cert-missing'],
    [{ key, cert, policy: 'old' }, 'policy', 'enum'],
    [{ key, cert, policy: 'Modern' }, 'policy', 'enum'],
    [{ key, cert, clientCertificates: true }, 'clientCertificates', 'type'],
    [{ key, cert, handshakeTimeout: 3601 }, 'handshakeTimeout', 'maximum'],
    [{ key, cert, plicy: 'modern' }, 'plicy', 'additionalProperties'],
    [{ key, cert, handshakeTimeout: '10' }, 'handshakeTimeout', 'type'],
    [{ key, cert, requestTimeout: 0 }, 'requestTimeout', 'minimum'],
    [{ key, cert, headersTimeout: 31 }, 'headersTimeout', 'headers-outlast-request'],
  ])('and their options are refused with a fix: mistake %#', (given, path, rule) => {
    let error: { code?: string; mistakes?: { path: string; rule: string; fix: unknown[] }[] } = {}
    try {
      tlsServerOptions(given)
    } catch (thrown) {
      error = thrown as typeof error
    }
    expect(error.code).toBe('PTC_OPTIONS_INVALID')
    expect(error.mistakes).toContainEqual(expect.objectContaining({ path, rule }))
  })
})
