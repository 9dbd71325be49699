import http2, { type ClientHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { onSecurityEvent, serverOptions, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach } from 'vitest'
import https, { tlsServerOptions, type PlaintextOptions } from '../src/index.ts'
import { loopback } from './http2-client.ts'
import { certificates } from './tls.ts'

const { key, cert, ca } = certificates

/** What a test has opened: closed after it. */
export const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})

/** A server of both versions of HTTP, with what it logged and told. */
export async function listen(
  given: object = {},
  more: object = {},
  prepare?: (app: FastifyInstance) => void,
  plaintext: PlaintextOptions = {},
) {
  const lines: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const tls = tlsServerOptions({ key, cert, handshakeTimeout: 1, ...given })
  const app = Fastify(
    serverOptions({ http2: true, https: tls, logger: { level: 'info', stream }, ...more }),
  ) as unknown as FastifyInstance
  app.log.level = 'info'
  await app.register(https, { hosts: ['localhost'], plaintext })
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => events.push(event))
  app.get('/', async ({ raw }) => ({ version: raw.httpVersion }))
  app.post('/', { bodyLimit: 1000 }, async ({ body }) => body)
  app.get('/p/:name', async () => 'ok')
  app.get('/hijacked', (_request, reply) => {
    reply.hijack()
    reply.raw.end('mine')
  })
  prepare?.(app)
  await app.listen({ port: 0, host: '127.0.0.1' })
  open.push(app)
  lines.length = 0
  return { app, port: (app.server.address() as AddressInfo).port, events, lines }
}

/** A client's session with it. */
export function session(port: number, options: http2.SecureClientSessionOptions = {}): ClientHttp2Session {
  const made = http2.connect(`https://localhost:${port}`, { ca, lookup: loopback, ...options } as never)
  made.on('error', () => {})
  open.push({ close: () => made.destroy() })
  return made
}
