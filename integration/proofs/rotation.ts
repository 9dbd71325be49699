import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import http2, { type ClientHttp2Session } from 'node:http2'
import { Agent, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import https, { certificateStatus, developmentCertificates, tlsServerOptions } from '@portcullis/https'
import { onSecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { makeCertificate } from '../../packages/https/test/authority.ts'
import type { Figure, Size } from '../proof.ts'

/** What a handshake came to: protocol and application protocol, or the alert that ended it. */
function handshake(options: ConnectionOptions): Promise<string> {
  return new Promise((resolve) => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', ...options })
    let said = 'closed'
    socket.once('error', ({ message }) => (said = /alert ([a-z0-9 ]+)/.exec(message)?.[1] ?? message))
    // With TLS 1.3 a client that shows no certificate, or a wrong one, learns it only from the first answer.
    socket.once('data', () => {
      said = `${socket.getProtocol()} ${socket.alpnProtocol}`
      socket.destroy()
    })
    socket.once('close', () => resolve(said))
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  })
}

/** Certificates change under load: no request fails, and the server's policy is what it was. */
export async function prove(size: Size): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const http2 of [false, true]) figures.push(...(await rotate(http2, size === 'full' ? 100 : 4)))
  return figures
}

async function rotate(overHttp2: boolean, rotations: number): Promise<Figure[]> {
  const title = `rotation over HTTP/${overHttp2 ? '2' : '1.1'}`
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-rotation-'))
  const made = async (turn: number) =>
    // Other hosts make another certificate, by the same authority.
    developmentCertificates(join(folder, 'authority'), {
      hosts: ['localhost', '127.0.0.1', `turn-${turn}.test`],
    })
  const keyFile = join(folder, 'server.key')
  const certFile = join(folder, 'server.pem')
  const write = ({ key, cert }: { key: string; cert: string }): void => {
    for (const [file, text] of [
      [keyFile, key],
      [certFile, cert],
    ] as const) {
      writeFileSync(`${file}.new`, text, { mode: 0o600 })
      renameSync(`${file}.new`, file)
    }
  }
  const first = await made(0)
  write(first)
  const clients = await makeCertificate({ ca: true })
  const client = await makeCertificate({ by: clients, hosts: ['client.test'] })
  const credentials = { ca: first.ca, key: client.key, cert: client.cert }

  const app = Fastify({
    ...(overHttp2 ? { http2: true } : {}),
    // What the user adds around our options has to survive too.
    https: {
      ...tlsServerOptions({ keyFile, certFile, policy: 'modern', names: { 'turn-0.test': pem(first) } }),
      ...(overHttp2 ? { allowHTTP1: true } : {}),
      ca: clients.cert,
      requestCert: true,
      rejectUnauthorized: true,
    },
  } as object) as unknown as FastifyInstance
  await app.register(https, { hosts: ['localhost'] })
  app.get('/', async () => ({ ok: true }))
  let swaps = 0
  let swapped = (): void => {}
  onSecurityEvent(app, ({ type }) => {
    if (type !== 'https.certificate-replaced') return
    swaps++
    swapped()
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo

  const counts = { asked: 0, failed: 0 }
  let going = true
  const load = overHttp2 ? loadOverHttp2 : loadOverHttp1
  const callers = Array.from({ length: 8 }, (_, index) => load(port, credentials, counts, () => going, index % 2 === 0))
  const fingerprints = new Set<string | null>()
  for (let turn = 1; turn <= rotations; turn++) {
    const done = new Promise<void>((resolve) => (swapped = resolve))
    write(await made(turn))
    await done
    fingerprints.add(certificateStatus(app)[0]?.fingerprint ?? null)
  }
  going = false
  await Promise.all(callers)

  const offer = { port, servername: 'localhost', ALPNProtocols: ['http/1.1'] }
  const checks: [string, ConnectionOptions, string][] = [
    ['a client with a certificate', { ...credentials, ...offer }, 'TLSv1.3 http/1.1'],
    ['one that asks for another name', { ...credentials, ...offer, servername: 'turn-0.test' }, 'TLSv1.3 http/1.1'],
    ['a client without a certificate', { ca: first.ca, ...offer }, 'certificate required'],
    ['a certificate of another authority', { ...credentials, ...offer, key: first.key, cert: first.cert }, 'closed'],
    ['a client that speaks TLS 1.2', { ...credentials, ...offer, maxVersion: 'TLSv1.2' }, 'protocol version'],
  ]
  const figures = [
    figure(`${title}: certificates that were served`, fingerprints.size, rotations),
    figure(`${title}: swaps`, swaps, rotations),
    figure(`${title}: of ${counts.asked} requests failed`, counts.failed, 0),
  ]
  for (const [name, options, expected] of checks) {
    figures.push(figure(`${title}, then ${name}`, await handshake(options), expected))
  }
  if (overHttp2) {
    const socket = connect({ host: '127.0.0.1', ...credentials, ...offer, ALPNProtocols: ['h2', 'http/1.1'] })
    await once(socket, 'secureConnect')
    figures.push(figure(`${title}, then a client that offers h2`, String(socket.alpnProtocol), 'h2'))
    socket.destroy()
  }
  await app.close()
  rmSync(folder, { recursive: true, force: true })
  return figures
}

const pem = ({ key, cert }: { key: string; cert: string }) => ({ key, cert })

function figure(name: string, value: number | string, bound: number | string): Figure {
  return { name, figure: String(value), bound: String(bound), ok: value === bound }
}

type Load = (
  port: number,
  credentials: { ca: string; key: string; cert: string },
  counts: { asked: number; failed: number },
  going: () => boolean,
  keepAlive: boolean,
) => Promise<void>

/** One request after the other, on one connection or on a new one each. */
const loadOverHttp1: Load = async (port, credentials, counts, going, keepAlive) => {
  const agent = new Agent({ keepAlive, ...credentials, ...(keepAlive ? {} : { maxCachedSessions: 0 }) })
  while (going()) {
    counts.asked++
    await new Promise<void>((resolve) => {
      const fail = (): void => {
        counts.failed++
        resolve()
      }
      request({ host: '127.0.0.1', servername: 'localhost', port, agent }, (response) => {
        if (response.statusCode !== 200) counts.failed++
        response.resume().once('end', resolve).once('error', fail)
      })
        .once('error', fail)
        .end()
    })
  }
  agent.destroy()
}

const loadOverHttp2: Load = async (port, credentials, counts, going, keepAlive) => {
  let session: ClientHttp2Session | undefined
  while (going()) {
    counts.asked++
    session ??= http2.connect(`https://localhost:${port}`, { ...credentials, lookup: loopback })
    const current = session
    await new Promise<void>((resolve) => {
      const fail = (): void => {
        counts.failed++
        resolve()
      }
      current.once('error', fail)
      const stream = current.request({ ':path': '/' })
      stream.once('response', (fields) => {
        if (fields[':status'] !== 200) counts.failed++
      })
      stream.resume().once('end', resolve).once('error', fail)
      stream.once('close', () => current.off('error', fail))
    })
    if (keepAlive) continue
    current.close()
    session = undefined
  }
  session?.close()
}

/** The server listens on one address of localhost only. */
const loopback = ((_name: string, options: { all?: boolean }, done: (...given: unknown[]) => void) =>
  options.all === true ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)) as never
