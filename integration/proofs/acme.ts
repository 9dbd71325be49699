import { spawn, type ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import https, { certificateStatus, plaintextAddress, tlsServerOptions } from '@portcullis/https'
import { onSecurityEvent } from '@portcullis/kernel'
import { freePort } from '@portcullis/testing/free-port'
import Fastify, { type FastifyInstance } from 'fastify'
import { makeCertificate } from '../../packages/https/test/authority.ts'
import type { Figure, Size } from '../proof.ts'

/** Let's Encrypt's own test authority, as Debian packages it. */
const PEBBLE = '/usr/bin/pebble'
const HOST = 'api.portcullis.test'

/** Whether the authority is installed. */
export const installed = (): boolean => existsSync(PEBBLE)

/** The whole life of a certificate against a real authority: outage, issue, swap, renewals, outage, recovery, restart. */
export async function prove(size: Size): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-acme-'))
  const names = await answerNames()
  const authority = await makeAuthority(folder, names.port)
  const state = join(folder, 'state')
  const open = () => openApp(authority, state)
  const figures: Figure[] = []
  const hold = (name: string, value: unknown, bound: unknown): void => {
    figures.push({ name: `acme: ${name}`, figure: String(value), bound: String(bound), ok: value === bound })
  }
  let { app, next, port } = await open()
  try {
    hold('the authority is down: told', await next('https.certificate-failed'), true)
    hold('the authority is down: a handshake', await ask(port, authority.ca), 'refused')

    await authority.start(plaintextAddress(app)?.port ?? 0)
    hold('the authority is back: issued after backing off', await next('https.certificate-replaced'), true)
    let root = await authority.root()
    hold('issued: a client that trusts the authority', await ask(port, root), 200)
    const account = accountOf(state)

    const load = keepAsking(port, root)
    const renewals = size === 'full' ? 5 : 1
    const fingerprints = new Set([certificateStatus(app)[0]?.fingerprint])
    for (let turn = 0; turn < renewals; turn++) {
      await next('https.certificate-replaced')
      fingerprints.add(certificateStatus(app)[0]?.fingerprint)
    }
    const { asked, failed } = await load()
    hold('certificates after renewals', fingerprints.size, renewals + 1)
    hold(`renewed while serving: of ${asked} requests failed`, failed, 0)

    await authority.stop()
    hold('the authority is gone when renewal is due: told', await next('https.certificate-failed'), true)
    hold('the old certificate goes on', await ask(port, root), 200)
    // Everything the authority knew is lost: the account too.
    await authority.start(plaintextAddress(app)?.port ?? 0)
    hold('another authority took its place: issued', await next('https.certificate-replaced'), true)
    root = await authority.root()
    hold('issued again: a client that trusts it', await ask(port, root), 200)
    hold('the account key is the same', accountOf(state) === account, true)
    const modes = readdirSync(state).filter((name) => name.endsWith('.pem'))
    hold(
      'files that others can read',
      modes.filter((name) => (statSync(join(state, name)).mode & 0o077) !== 0).length,
      0,
    )

    await app.close()
    await authority.stop()
    ;({ app, next, port } = await open())
    hold('started again without the authority: served from disk', await ask(port, root), 200)
    await app.close()
    await byName(authority, join(folder, 'names'), hold)
  } finally {
    await app.close()
    await authority.stop()
    names.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return figures
}

/** A certificate for each name, while plaintext is refused, below a scope, and beside a route that answers every path. */
async function byName(
  authority: Authority,
  folder: string,
  hold: (name: string, value: unknown, bound: unknown) => void,
): Promise<void> {
  const { directory, ca } = authority
  const acme = { agreeToTerms: true as const, folder, directory, ca, retryAfter: 1 }
  const hosts = ['eu.portcullis.test', 'us.portcullis.test'] as const
  const tls = tlsServerOptions({ names: Object.fromEntries(hosts.map((host) => [host, { acme }])) })
  const app = Fastify({ https: tls }) as unknown as FastifyInstance
  await app.register(async (scope) => {
    await scope.register(https, { hosts: [...hosts], plaintext: { port: 0, mode: 'refuse' } })
    scope.get('/', async () => ({ ok: true }))
  })
  app.get('/*', async () => ({ served: true }))
  const served = new Set<unknown>()
  const all = new Promise<void>((resolve) => {
    onSecurityEvent(app, ({ type, detail }) => {
      if (type !== 'https.certificate-replaced') return
      served.add(detail?.['servedFor'])
      if (served.size === hosts.length) resolve()
    })
  })
  try {
    await app.listen({ port: 0, host: '127.0.0.1' })
    const plain = plaintextAddress(app)?.port ?? 0
    await authority.start(plain)
    await all
    const root = await authority.root()
    const { port } = app.server.address() as AddressInfo
    for (const host of hosts) hold(`by name, plaintext refused: ${host}`, await ask(port, root, host), 200)
    hold('by name: accounts', readdirSync(folder).filter((name) => name.startsWith('account-')).length, 1)
    const refused = await fetch(`http://127.0.0.1:${plain}/`)
    hold('by name: plaintext that is no challenge', refused.status, 403)
  } finally {
    await app.close()
  }
}

interface Authority {
  readonly directory: string
  /** What vouches for the directory. */
  readonly ca: string
  start(httpPort: number): Promise<void>
  stop(): Promise<void>
  /** What vouches for the certificates; another one after each start. */
  root(): Promise<string>
}

async function openApp(authority: Authority, folder: string) {
  const { directory, ca } = authority
  const app = Fastify({
    https: tlsServerOptions({
      acme: { agreeToTerms: true, folder, directory, ca, email: 'ops@example.com', retryAfter: 1 },
    }),
  }) as unknown as FastifyInstance
  await app.register(https, { hosts: [HOST], plaintext: { port: 0 } })
  app.get('/', async () => ({ ok: true }))
  const waiting = new Map<string, () => void>()
  onSecurityEvent(app, ({ type }) => waiting.get(type)?.())
  const next = (type: string): Promise<boolean> => new Promise((resolve) => waiting.set(type, () => resolve(true)))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, next, port: (app.server.address() as AddressInfo).port }
}

async function makeAuthority(folder: string, dnsPort: number): Promise<Authority> {
  const ca = await makeCertificate({ ca: true })
  const own = await makeCertificate({ by: ca })
  writeFileSync(join(folder, 'pebble.pem'), own.cert)
  writeFileSync(join(folder, 'pebble.key'), own.key)
  const [port, management] = await Promise.all([freePort(), freePort()])
  let pebble: ChildProcess | undefined
  const answers = (path: string): Promise<string> =>
    fetchText({ port: management, path, ca: ca.cert }).then(({ text }) => text)
  return {
    directory: `https://127.0.0.1:${port}/dir`,
    ca: ca.cert,
    async start(httpPort) {
      const config = {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate: join(folder, 'pebble.pem'),
        privateKey: join(folder, 'pebble.key'),
        httpPort,
        tlsPort: 1,
        certificateValidityPeriod: 15,
      }
      writeFileSync(join(folder, 'pebble.json'), JSON.stringify({ pebble: config }))
      const args = ['-config', join(folder, 'pebble.json'), '-dnsserver', `127.0.0.1:${dnsPort}`]
      const env = { PATH: '/usr/bin', PEBBLE_VA_NOSLEEP: '1', PEBBLE_VA_ALWAYS_VALID: '0' }
      pebble = spawn(PEBBLE, args, { stdio: 'ignore', env })
      for (;;) {
        if (await answers('/roots/0').then(Boolean, () => false)) return
        if (pebble.exitCode !== null) throw new Error(`pebble ended with ${pebble.exitCode}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    async stop() {
      const running = pebble
      pebble = undefined
      if (running === undefined || running.exitCode !== null) return
      running.kill()
      await once(running, 'exit')
    },
    root: () => answers('/roots/0'),
  }
}

/** A name server that knows one answer: 127.0.0.1. */
async function answerNames(): Promise<{ port: number; close(): void }> {
  const socket = createSocket('udp4')
  socket.on('message', (query, { port, address }) => {
    let end = 12
    while ((query[end] ?? 0) !== 0) end += (query[end] ?? 0) + 1
    const question = query.subarray(12, end + 5)
    const isAddress = query.readUInt16BE(end + 1) === 1
    // RFC 1035 §4.1.1: a response, recursion available, no error.
    const head = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, isAddress ? 1 : 0, 0, 0, 0, 0])
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1])
    socket.send(Buffer.concat(isAddress ? [head, question, answer] : [head, question]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { port: socket.address().port, close: () => socket.close() }
}

function fetchText(options: RequestOptions): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', agent: false, ...options }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
      .on('error', reject)
      .end()
  })
}

/** One request to the app, verified against an authority. */
function ask(port: number, ca: string, servername: string = HOST): Promise<number | 'refused'> {
  return fetchText({ port, servername, ca }).then(
    ({ status }) => status,
    () => 'refused' as const,
  )
}

/** Asks without a pause until the returned function is called. */
function keepAsking(port: number, ca: string): () => Promise<{ asked: number; failed: number }> {
  const counts = { asked: 0, failed: 0 }
  let going = true
  const over = (async () => {
    while (going) {
      counts.asked++
      if ((await ask(port, ca)) !== 200) counts.failed++
    }
  })()
  return async () => {
    going = false
    await over
    return counts
  }
}

function accountOf(state: string): string {
  const file = readdirSync(state).find((name) => name.startsWith('account-'))
  return file === undefined ? '' : readFileSync(join(state, file), 'utf8')
}
