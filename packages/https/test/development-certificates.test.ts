import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { checkServerIdentity, connect, type PeerCertificate } from 'node:tls'
import { promisify } from 'node:util'
import { requiredProgram } from '@portcullis/testing/installed'
import { describe, expect, it } from 'vitest'
import { makeLeaf } from '../src/certificate-authority.ts'
import { developmentCertificates, tlsServerOptions } from '../src/index.ts'
import { folder } from './tls.ts'

const run = promisify(execFile)
const DAY = 86_400_000

const hosts = ['localhost', '127.0.0.1', '::1', 'api.portcullis.localhost', '*.portcullis.localhost']

describe('development certificates', () => {
  it.runIf(requiredProgram('openssl', 'version')).each([
    ['localhost', hosts],
    ['user-service.local', ['user-service.local']],
    ['10.0.0.1', ['10.0.0.1', 'fd00::1']],
  ])('pass strict verification by OpenSSL: %s', async (_, names) => {
    const dir = folder()
    const { cert, caFile } = await developmentCertificates(dir, { hosts: names })
    await writeFile(join(dir, 'leaf.pem'), cert)
    const named = names.map((name) =>
      /^[\d.]+$|:/.test(name) ? ['-verify_ip', name] : ['-verify_hostname', name.replace('*', 'any')],
    )
    for (const name of named) {
      const { stdout } = await run('openssl', [
        'verify',
        '-x509_strict',
        '-purpose',
        'sslserver',
        ...name,
        '-CAfile',
        caFile,
        join(dir, 'leaf.pem'),
      ])
      expect(stdout).toMatch(/: OK\n$/)
    }
  })

  it('are accepted by a Node client that verifies, by every name', async () => {
    const { key, cert, ca } = await developmentCertificates(folder(), { hosts })
    const server = createServer(tlsServerOptions({ key, cert }), (_, response) => response.end()).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    // Node 22.23 takes no IPv6 address for one, and refuses every certificate there.
    const six = { subject: {}, subjectaltname: 'IP Address:0:0:0:0:0:0:0:1' } as PeerCertificate
    const takes6 = checkServerIdentity('::1', six) === undefined
    for (const host of hosts.filter((one) => takes6 || !one.includes(':'))) {
      const name = host.replace('*', 'app')
      const socket = connect({
        port,
        host: '127.0.0.1',
        ca,
        servername: /[:]|^\d/.test(name) ? '' : name,
        checkServerIdentity: (_, peer) => checkServerIdentity(name, peer),
      })
      await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
      expect(socket.authorized).toBe(true)
      socket.destroy()
    }
    server.close()
  })

  it('are ECDSA P-256 with SHA-256, for servers only, for 90 days', async () => {
    const now = new Date()
    const { cert } = await developmentCertificates(folder(), { hosts, now })
    const leaf = new X509Certificate(cert)
    expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
    expect([leaf.ca, leaf.keyUsage]).toEqual([false, ['1.3.6.1.5.5.7.3.1']])
    expect(leaf.subjectAltName).toBe(
      'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:api.portcullis.localhost, DNS:*.portcullis.localhost',
    )
    expect(Math.round((leaf.validToDate.getTime() - now.getTime()) / DAY)).toBe(90)
  })

  it('are used again while they are good', async () => {
    const dir = folder()
    const first = await developmentCertificates(dir, { hosts })
    const again = await developmentCertificates(dir, { hosts })
    expect([first.renewed, again.renewed]).toEqual([true, false])
    expect([again.key, again.cert, again.ca]).toEqual([first.key, first.cert, first.ca])
  })

  it('are renewed under the same CA when they end soon, and when their hosts change', async () => {
    const dir = folder()
    const first = await developmentCertificates(dir, { hosts: ['localhost'] })
    const later = await developmentCertificates(dir, { hosts: ['localhost'], now: new Date(Date.now() + 61 * DAY) })
    const wider = await developmentCertificates(dir, { hosts: ['localhost', '127.0.0.1'] })
    expect([later.renewed, wider.renewed]).toEqual([true, true])
    expect(new Set([first.ca, later.ca, wider.ca]).size).toBe(1)
    expect(new Set([first.cert, later.cert, wider.cert]).size).toBe(3)
  })

  it('get a new CA before the old one ends, and leaves of the old one are not used again', async () => {
    const dir = folder()
    const first = await developmentCertificates(dir, { hosts: ['localhost'] })
    const late = await developmentCertificates(dir, { hosts: ['localhost'], now: new Date(Date.now() + 1800 * DAY) })
    expect(late.ca).not.toBe(first.ca)
    expect(new X509Certificate(late.cert).verify(new X509Certificate(late.ca).publicKey)).toBe(true)
  })

  it('replace a file that was cut short', async () => {
    const dir = folder()
    await developmentCertificates(dir, { hosts: ['localhost'] })
    const file = join(dir, 'localhost.key.pem')
    await writeFile(file, (await readFile(file, 'utf8')).slice(0, 300))
    const { renewed, key, cert } = await developmentCertificates(dir, { hosts: ['localhost'] })
    expect(renewed).toBe(true)
    expect(() => tlsServerOptions({ key, cert })).not.toThrow()
  })

  it('share one CA when several are asked for at once', async () => {
    const dir = folder()
    const made = await Promise.all(
      ['a.test', 'b.test', 'c.test'].map((host) => developmentCertificates(dir, { hosts: [host] })),
    )
    expect(new Set(made.map(({ ca }) => ca)).size).toBe(1)
    expect((await readdir(dir)).toSorted()).toEqual([
      '.gitignore',
      'a.test.key.pem',
      'b.test.key.pem',
      'c.test.key.pem',
      'ca.key.pem',
      'ca.pem',
    ])
  })

  it('share one CA when two processes start at once', async () => {
    const dir = folder()
    const door = JSON.stringify(new URL('../src/index.ts', import.meta.url).href)
    const script = (host: string) =>
      `import { developmentCertificates } from ${door}; process.stdout.write((await developmentCertificates(${JSON.stringify(dir)}, { hosts: ['${host}'] })).ca)`
    const made = await Promise.all(
      ['a.test', 'b.test'].map((host) => run(process.execPath, ['--input-type=module', '-e', script(host)])),
    )
    expect(made[0]?.stdout).toContain('BEGIN CERTIFICATE')
    expect(made[0]?.stdout).toBe(made[1]?.stdout)
  })

  it('lie in a folder of yours alone that Git ignores', async () => {
    const dir = join(folder(), 'deep', '.portcullis')
    await developmentCertificates(dir, { hosts: ['localhost'] })
    expect(await readFile(join(dir, '.gitignore'), 'utf8')).toBe('*\n')
    const mode = async (name: string) => (await stat(join(dir, name))).mode & 0o777
    expect([await mode('.'), await mode('ca.key.pem'), await mode('localhost.key.pem')]).toEqual([0o700, 0o600, 0o600])
  })

  it('are refused if others can read a key on disk', async () => {
    const dir = folder()
    await developmentCertificates(dir, { hosts: ['localhost'] })
    await chmod(join(dir, 'ca.key.pem'), 0o644)
    await expect(developmentCertificates(dir, { hosts: ['localhost'] })).rejects.toMatchObject({
      code: 'PTC_HTTPS_KEY_EXPOSED',
      message: expect.stringContaining('ca.key.pem'),
    })
  })

  it.each([
    'example.com',
    'localhost.com',
    'mylocalhost',
    'xlocal',
    '8.8.8.8',
    '::ffff:8.8.8.8',
    '*.localhost',
    '*',
    'a b.test',
    'A.test',
    '',
    '*.*.test',
    'test\nDNS:evil.com',
  ])('are not made for %j', async (host) => {
    await expect(developmentCertificates(folder(), { hosts: [host] })).rejects.toMatchObject({
      code: 'PTC_HTTPS_DEVELOPMENT_HOST_REFUSED',
    })
  })

  it('are not made for nobody', async () => {
    await expect(developmentCertificates(folder(), { hosts: [] })).rejects.toMatchObject({
      code: 'PTC_HTTPS_DEVELOPMENT_HOST_REFUSED',
    })
  })

  it('have a CA whose stolen key vouches for no public site', async () => {
    const dir = folder()
    const { ca } = await developmentCertificates(dir, { hosts: ['localhost'] })
    const [key, cert] = (await readFile(join(dir, 'ca.key.pem'), 'utf8')).split(/(?=-----BEGIN CERT)/) as [
      string,
      string,
    ]
    const verdicts = {
      'bank.example.com': 'permitted subtree violation',
      '8.8.8.8': 'permitted subtree violation',
      'bank.test': undefined,
    }
    for (const [host, verdict] of Object.entries(verdicts)) {
      const forged = await makeLeaf({ key, cert }, [host], new Date())
      const server = createServer({ key: forged.key, cert: forged.cert }).listen(0, '127.0.0.1')
      await new Promise((resolve) => server.once('listening', resolve))
      const socket = connect({
        port: (server.address() as AddressInfo).port,
        host: '127.0.0.1',
        ca,
        checkServerIdentity: () => undefined,
      })
      const refusal = await new Promise<Error | undefined>((resolve) =>
        socket.once('secureConnect', () => resolve(undefined)).once('error', resolve),
      )
      expect(refusal?.message).toBe(verdict)
      socket.destroy()
      server.close()
    }
  })
})
