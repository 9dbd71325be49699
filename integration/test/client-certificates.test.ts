import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { developmentCertificates } from '@portcullis/https'
import security, { serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeCertificate } from '../../packages/https/test/authority.ts'

let folder: string
let app: FastifyInstance
let ca: string
let known: { key: string; cert: string }
let unknown: { key: string; cert: string }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  const { key, cert } = await developmentCertificates(folder, { hosts: ['localhost'] })
  ca = readFileSync(join(folder, 'ca.pem'), 'utf8')
  const authority = await makeCertificate({ ca: true, name: 'Clients' })
  const client = (host: string) =>
    makeCertificate({ by: authority, hosts: [host], name: 'Client', purpose: '1.3.6.1.5.5.7.3.2' })
  known = await client('billing.internal')
  unknown = await client('other.internal')
  const clientCertificates = { ca: authority.cert, required: false }
  app = Fastify(serverOptions({ https: { key, cert, clientCertificates } }))
  await app.register(security, {
    https: { hosts: ['localhost'] },
    auth: { clientCertificate: { identities: [{ name: 'DNS:billing.internal', subject: 'billing' }] } },
  })
  app.get('/me', { config: { security: { auth: {} } } }, async ({ security: { identity } }) => ({
    subject: identity?.subject,
    scheme: identity?.scheme,
  }))
  await app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  await app.close()
  rmSync(folder, { recursive: true, force: true })
})

function get(pair: { key: string; cert: string } | undefined): Promise<[number | undefined, string]> {
  const { port } = app.server.address() as AddressInfo
  return new Promise((resolve, reject) => {
    request(
      { port, host: 'localhost', path: '/me', agent: false, ca, ...(pair && { key: pair.key, cert: pair.cert }) },
      (answer) => {
        let body = ''
        answer.on('data', (chunk) => (body += String(chunk)))
        answer.on('end', () => resolve([answer.statusCode, body]))
      },
    )
      .on('error', reject)
      .end()
  })
}

it('a client is known by the name in the certificate that the https room has verified', async () => {
  expect(await get(known)).toEqual([200, '{"subject":"billing","scheme":"client-certificate"}'])
})

it('a client with another name, and one without a certificate, are asked for a credential', async () => {
  for (const pair of [unknown, undefined]) {
    const [status, body] = await get(pair)
    expect([status, body]).toEqual([401, expect.stringContaining('PTC_AUTH_CREDENTIAL_MISSING')])
  }
})
