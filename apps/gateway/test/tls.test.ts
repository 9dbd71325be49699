import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { developmentCertificates } from '@portcullis/https'
import { expect, it, vi } from 'vitest'
import { configFor, start, startService, writeConfig } from './stage.ts'

/** Of the certificate that a new connection is shown. */
function fingerprint(port: number, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' }, () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

it('a certificate that changes on disk is served without a reload, by later generations too', async () => {
  const service = await startService()
  const { file, folder, write } = writeConfig('')
  const replace = async (turn: number): Promise<string> => {
    const hosts = ['localhost', `turn-${turn}.test`]
    const { key, cert, ca } = await developmentCertificates(join(folder, 'authority'), { hosts })
    for (const [name, text] of Object.entries({ 'server.key': key, 'server.pem': cert })) {
      writeFileSync(join(folder, `${name}.next`), text, { mode: 0o600 })
      renameSync(join(folder, `${name}.next`), join(folder, name))
    }
    return ca
  }
  const ca = await replace(0)
  write(
    configFor(service.port, { more: 'https: { hosts: [localhost] }\n' }).replace(
      'listen: { host: 127.0.0.1, port: 0 }',
      'listen: { host: 127.0.0.1, port: 0, tls: { keyFile: server.key, certFile: server.pem } }',
    ),
  )
  const gateway = await start(file)
  const seen = [await fingerprint(gateway.ports.public, ca)]
  for (let turn = 1; turn <= 2; turn++) {
    await gateway.reload()
    await replace(turn)
    await vi.waitFor(async () => expect(seen).not.toContain(await fingerprint(gateway.ports.public, ca)), {
      timeout: 20_000,
      interval: 100,
    })
    seen.push(await fingerprint(gateway.ports.public, ca))
  }
  expect(new Set(seen).size).toBe(3)
})

it('the plaintext port redirects what has nothing to lose, refuses credentials, and forwards nothing', async () => {
  const service = await startService()
  const { file, folder, write } = writeConfig('')
  const { key, cert } = await developmentCertificates(join(folder, 'authority'), { hosts: ['localhost'] })
  writeFileSync(join(folder, 'server.key'), key, { mode: 0o600 })
  writeFileSync(join(folder, 'server.pem'), cert)
  write(
    configFor(service.port, { more: 'https: { hosts: [localhost] }\n' }).replace(
      'port: 0 }',
      'port: 0, plaintextPort: 0, tls: { keyFile: server.key, certFile: server.pem } }',
    ),
  )
  const gateway = await start(file)
  const ask = async (headers: Record<string, string>): Promise<[number, string | null]> => {
    const url = `http://localhost:${gateway.ports.plaintext}/a`
    const answer = await fetch(url, { headers: { host: 'localhost', ...headers }, redirect: 'manual' })
    return [answer.status, answer.headers.get('location')]
  }
  const expected = [
    [301, 'https://localhost/a'],
    [403, null],
  ]
  expect([await ask({}), await ask({ authorization: 'Bearer x' })]).toEqual(expected)
  await gateway.reload()
  expect([await ask({}), await ask({ authorization: 'Bearer x' })]).toEqual(expected)
  expect(service.asked).toEqual([])
})
