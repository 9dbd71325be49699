import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import type { SecurityEvent } from '@portcullis/kernel'
import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { plaintextAddress, type CertificateStatus } from '../src/index.ts'
import { makeCertificate } from './authority.ts'
import { ask } from './tls.ts'

const folder = join(import.meta.dirname, '.portcullis', randomUUID())
mkdirSync(folder, { recursive: true })
const open: FastifyInstance[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const authority = await makeCertificate({ ca: true })
const server = await makeCertificate({
  by: authority,
  hosts: ['localhost', '127.0.0.1', 'api.internal', 'api.example.com'],
})
const billing = await makeCertificate({ by: authority, hosts: ['billing.internal'] })
const stranger = await makeCertificate({ by: authority, hosts: ['stranger.internal'] })
const eu = await makeCertificate({ by: authority, hosts: ['eu.example.com'] })
const all = await makeCertificate({ by: authority, hosts: ['*.example.com'] })
for (const [name, text] of Object.entries({
  'tls.key': server.key,
  'tls.crt': server.cert,
  'clients-ca.pem': authority.cert,
  'ca.pem': authority.cert,
  'api.key': server.key,
  'api.pem': server.cert,
  'eu.key': eu.key,
  'eu.pem': eu.cert,
  'all.key': all.key,
  'all.pem': all.cert,
})) {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
}

/** The TypeScript blocks of a guide, with this machine's files. */
function blocksOf(guide: string): string[] {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/guides', `${guide}.md`), 'utf8')
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) =>
    code
      .replaceAll(/'(?:\/tls\/)?([a-z-]+\.(?:key|pem|crt))'/g, (_, name: string) => `'${join(folder, name)}'`)
      .replaceAll('logger: true', 'logger: false')
      .replaceAll(/port: (?:80|8080)\b/g, 'port: 0')
      .replace("listen({ port: 443, host: '0.0.0.0' })", "listen({ port: 0, host: '127.0.0.1' })")
      .replace(
        "folder: '/var/lib/api/acme'",
        `folder: '${join(folder, 'acme')}', directory: 'https://127.0.0.1:9/dir'`,
      ),
  )
}

const IMPORTS = `import https, { certificateStatus, tlsServerOptions } from '@portcullis/https'
import { serverOptions } from '@portcullis/kernel'
import Fastify from 'fastify'
`

/** Pastes code into a file of its own; gives what the file exports. */
async function paste(code: string, exported: string): Promise<Record<string, unknown>> {
  const file = join(folder, `pasted-${randomUUID()}.ts`)
  writeFileSync(file, `${code}\nexport { ${exported} }\n`)
  const made = (await import(/* @vite-ignore */ file)) as Record<string, unknown>
  if (made['app'] !== undefined) open.push(made['app'] as FastifyInstance)
  return made
}
const pasteApp = async (code: string): Promise<FastifyInstance> => (await paste(code, 'app'))['app'] as FastifyInstance
const portOf = (app: FastifyInstance): number => (app.server.address() as AddressInfo).port

/** The first name in the certificate that a client of this name gets. */
function servedTo(port: number, servername: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername, ca: authority.cert }, () => {
      resolve(socket.getPeerX509Certificate()?.subjectAltName?.split(', ')[0])
      socket.destroy()
    }).on('error', reject)
  })
}

describe('the guide "Behind a proxy"', () => {
  const [first = '', second = ''] = blocksOf('behind-a-proxy')
  const named = { host: 'api.example.com', 'x-forwarded-proto': 'HTTPS', 'x-forwarded-for': '203.0.113.7:61234' }

  it('makes an app that believes a private proxy, and nobody else', async () => {
    const app = await pasteApp(first)
    app.get('/', async ({ protocol, ip }) => ({ protocol, ip }))
    const believed = await app.inject({ url: '/', headers: named, remoteAddress: '10.0.0.5' })
    expect(believed.json()).toEqual({ protocol: 'https', ip: '203.0.113.7' })
    const foreign = await app.inject({ url: '/', headers: named, remoteAddress: '198.51.100.1' })
    expect([foreign.statusCode, foreign.headers.location]).toEqual([301, 'https://api.example.com/'])
  })

  it("reads the CDN's own field from the CDN alone", async () => {
    const app = await pasteApp(`${IMPORTS}const app = Fastify(${second.trim()})`)
    app.get('/', async ({ ip }) => ip)
    const headers = { 'cf-connecting-ip': '203.0.113.7', 'x-forwarded-for': '192.0.2.1' }
    expect((await app.inject({ url: '/', headers, remoteAddress: '173.245.48.9' })).body).toBe('203.0.113.7')
    expect((await app.inject({ url: '/', headers, remoteAddress: '10.0.0.5' })).body).toBe('10.0.0.5')
  })
})

describe('the guide "Certificates that renew themselves"', () => {
  const [files = '', acme = '', load = '', names = '', know = ''] = blocksOf('certificates-that-renew-themselves')

  it('serves files', async () => {
    const app = await pasteApp(files)
    await app.listen({ port: 0, host: '127.0.0.1' })
    expect(await servedTo(portOf(app), 'localhost')).toBe('DNS:localhost')
    expect((await ask(plaintextAddress(app)?.port ?? 0, { path: '/' })).status).toBe(301)
  })

  it('waits for an ACME authority that cannot be reached, and serves plaintext', async () => {
    const app = await pasteApp(IMPORTS + acme)
    expect((await ask(plaintextAddress(app)?.port ?? 0, { path: '/' })).status).toBe(301)
    await expect(servedTo(portOf(app), 'api.example.com')).rejects.toThrow(/handshake failure/)
  })

  it('calls a function', async () => {
    const secret = `import { readFileSync } from 'node:fs'
const secret = async (name) => readFileSync(\`${folder}/\${name === 'tls-key' ? 'tls.key' : 'tls.crt'}\`)`
    const app = await pasteApp(
      `${IMPORTS}${secret}\nconst tls = ${load}\nconst app = Fastify({ https: tls })\nawait app.register(https, { hosts: ['localhost'] })`,
    )
    await app.listen({ port: 0, host: '127.0.0.1' })
    expect(await servedTo(portOf(app), 'localhost')).toBe('DNS:localhost')
  })

  it('serves several names, and tells what is known of them', async () => {
    const { app: made, told } = await paste(
      `${IMPORTS}const told = []\nconst alert = (...given) => told.push(given)\nconst app = Fastify({ https: ${names.trim()} })\nawait app.register(https, { hosts: ['api.example.com'] })\n${know.replace(/^import \{ certificateStatus.*$/m, '')}`,
      'app, told',
    )
    const app = made as FastifyInstance
    await app.listen({ port: 0, host: '127.0.0.1' })
    expect(await servedTo(portOf(app), 'eu.example.com')).toBe('DNS:eu.example.com')
    expect(await servedTo(portOf(app), 'us.example.com')).toBe('DNS:*.example.com')
    expect(await servedTo(portOf(app), 'localhost')).toBe('DNS:localhost')
    const status = (await app.inject('/internal/certificates')).json<CertificateStatus[]>()
    expect(status.map(({ servedFor }) => servedFor)).toEqual([null, 'eu.example.com', '*.example.com'])
    writeFileSync(join(folder, 'eu.pem'), all.cert)
    await expect
      .poll(() => (told as [SecurityEvent['type']][]).map(([type]) => type), { timeout: 20_000 })
      .toEqual(['https.certificate-rejected'])
  }, 30_000)
})

describe('the guide "Mutual TLS, and calls out"', () => {
  const [ask_ = '', call = ''] = blocksOf('mutual-tls-and-calls-out')

  it('admits the client that it names, and calls out as that client', async () => {
    const app = await pasteApp(ask_)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const as = async ({ key, cert }: { key: string; cert: string }) => {
      const given = `const [key, cert] = ${JSON.stringify([key, cert])}\n`
      const url = `https://127.0.0.1:${portOf(app)}/orders`
      const { body, dispatcher } = await paste(
        `${given}${call.replace('https://billing.internal/invoices', url)}\nconst body = await answer.json()`,
        'body, dispatcher',
      )
      await (dispatcher as { close(): Promise<void> }).close()
      return body
    }
    expect(await as(billing)).toEqual({ for: 'DNS:billing.internal' })
    await expect(as(stranger)).rejects.toThrow('fetch failed')
  })
})
