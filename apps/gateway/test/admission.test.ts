import { writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectPlain, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { developmentCertificates } from '@portcullis/https'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { configFor, start, startService, writeConfig } from './stage.ts'

// Who may connect is decided when a connection begins: what the file says later must hold for those that stand, too.

async function stage(first: string) {
  const service = await startService()
  const { file, folder, write } = writeConfig('')
  const { key, cert, ca } = await developmentCertificates(join(folder, 'authority'), { hosts: ['localhost'] })
  writeFileSync(join(folder, 'server.key'), key, { mode: 0o600 })
  writeFileSync(join(folder, 'server.pem'), cert)
  writeFileSync(join(folder, 'ca.pem'), ca)
  const say = (tls: string, more = {}): void =>
    write(configFor(service.port, more).replace('port: 0 }', `port: 0, http2: true${tls} }`))
  say(first)
  const gateway = await start(file)
  return { gateway, say, ca, service, port: gateway.ports.public }
}

const TLS = ', tls: { keyFile: server.key, certFile: server.pem }'
const MUTUAL = ', tls: { keyFile: server.key, certFile: server.pem, clientCertificates: { caFile: ca.pem } }'
const MODERN = ', tls: { keyFile: server.key, certFile: server.pem, policy: modern }'

const request = 'GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n'

/** What a connection hears to a request. */
async function ask(socket: Socket): Promise<string> {
  let heard = ''
  const hear = (chunk: Buffer): void => void (heard += String(chunk))
  socket.on('data', hear).on('error', () => {})
  socket.write(request)
  await vi.waitFor(() => expect(heard !== '' || socket.closed || socket.destroyed).toBe(true), { timeout: 5_000 })
  socket.off('data', hear)
  return heard
}

async function open(port: number, ca: string | null): Promise<Socket> {
  const socket =
    ca === null
      ? connectPlain(port, '127.0.0.1')
      : connect({ host: '127.0.0.1', port, ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] })
  onTestFinished(() => void socket.destroy())
  await once(socket, ca === null ? 'connect' : 'secureConnect')
  return socket
}

function openHttp2(port: number, ca: string) {
  const session = connectHttp2(`https://localhost:${port}`, { ca })
  onTestFinished(() => session.destroy())
  const status = async (): Promise<unknown> => {
    const stream = session.request({ ':path': '/a' }).on('error', () => {})
    const [headers] = (await Promise.race([once(stream, 'response'), once(stream, 'close').then(() => [{}])])) as [
      Record<string, unknown>,
    ]
    return headers[':status']
  }
  return { session, status }
}

describe('a connection that stands while the file comes to say', () => {
  it.each([
    ['TLS', '', TLS],
    ['certificates of clients', TLS, MUTUAL],
    ['a stricter version', TLS, MODERN],
  ])('%s forwards nothing any more', async (_what, before, after) => {
    const { gateway, say, ca, service, port } = await stage(before)
    const socket = await open(port, before === '' ? null : ca)
    expect(await ask(socket)).toMatch(/^HTTP\/1\.1 200 /)
    say(after)
    await gateway.reload()
    expect(await ask(socket)).toMatch(/^(?:HTTP\/1\.1 421 [^]*connection: close\r\n[^]*)?$/i)
    expect(service.asked).toHaveLength(1)
  })

  it('certificates of clients forwards nothing over HTTP/2 either', async () => {
    const { gateway, say, ca, service, port } = await stage(TLS)
    const { status } = openHttp2(port, ca)
    expect(await status()).toBe(200)
    say(MUTUAL)
    await gateway.reload()
    expect([421, undefined]).toContain(await status().catch(() => undefined))
    expect(service.asked).toHaveLength(1)
  })

  it('other routes goes on', async () => {
    const { gateway, say, ca, port } = await stage(TLS)
    const socket = await open(port, ca)
    expect(await ask(socket)).toMatch(/^HTTP\/1\.1 200 /)
    say(TLS, { rewrite: '/b' })
    await gateway.reload()
    expect(await ask(socket)).toContain('"/b"')
  })
  it('other routes goes on over HTTP/2, though the app that began it has closed', async () => {
    const { gateway, say, ca, port } = await stage(TLS)
    const { session, status } = openHttp2(port, ca)
    let left = false
    session.on('goaway', () => (left = true))
    expect(await status()).toBe(200)
    for (const rewrite of ['/b', '/c']) {
      say(TLS, { rewrite })
      await gateway.reload()
      // Whatever the closing app had to say has arrived before the answer.
      expect([await status(), await status(), left, session.closed]).toEqual([200, 200, false, false])
    }
  })
})
