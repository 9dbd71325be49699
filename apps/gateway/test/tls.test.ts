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
