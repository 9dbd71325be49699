import { spawn, type ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import { join } from 'node:path'
import { freePort } from '@portcullis/testing/free-port'
import { makeCertificate } from '../packages/https/test/authority.ts'

/** Let's Encrypt's own test authority, as Debian packages it. */
const PEBBLE = '/usr/bin/pebble'

/** Whether the authority is installed. */
export const installed = (): boolean => existsSync(PEBBLE)

/** A certificate authority that speaks ACME. */
export interface Authority {
  readonly directory: string
  /** What vouches for the directory. */
  readonly ca: string
  /** @param lifetime seconds that its certificates are good for */
  start(httpPort: number, lifetime?: number): Promise<void>
  stop(): Promise<void>
  /** What vouches for the certificates; another one after each start. */
  root(): Promise<string>
}

/** An authority of the test's own. @param dnsPort where it asks for the addresses of names */
export async function makeAuthority(folder: string, dnsPort: number): Promise<Authority> {
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
    async start(httpPort, lifetime = 15) {
      const config = {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate: join(folder, 'pebble.pem'),
        privateKey: join(folder, 'pebble.key'),
        httpPort,
        tlsPort: 1,
        certificateValidityPeriod: lifetime,
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
export async function answerNames(): Promise<{ port: number; close(): void }> {
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

/** One request over TLS. */
export function fetchText(options: RequestOptions): Promise<{ status: number; text: string }> {
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
