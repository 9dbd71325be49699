import { lookup } from 'node:dns/promises'
import { connect as connectTcp, type AddressInfo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import https, { plaintextAddress, tlsServerOptions } from '../src/index.ts'
import { certificates } from './tls.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

const { key, cert, ca } = certificates
const HEAD = 'POST / HTTP/1.1\r\nHost: api.example.com\r\n'
const BODY = `${HEAD}Content-Type: application/json\r\nContent-Length: 900\r\n\r\n{`

/** An app made of this package's README alone: Fastify's own `requestTimeout` is not set. */
async function listen(host = '127.0.0.1') {
  const tls = tlsServerOptions({ key, cert, handshakeTimeout: 1, headersTimeout: 1, requestTimeout: 1 })
  const app = Fastify({ https: tls }) as unknown as FastifyInstance
  open.push(app)
  await app.register(https, { hosts: ['api.example.com'], plaintext: { port: 0 } })
  app.post('/', async () => 'ok')
  await app.listen({ port: 0, host })
  return { port: (app.server.address() as AddressInfo).port, plain: plaintextAddress(app)?.port ?? 0 }
}

/** All that a client gets that begins like this, drips a byte from time to time, and ends nothing. */
function drip(port: number, first: string, drop: string, over: 'tls' | 'tcp', host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve) => {
    const begin = (): void => {
      socket.write(first)
      timer = setInterval(() => socket.writable && socket.write(drop), 200)
    }
    let timer: NodeJS.Timeout | undefined
    let got = ''
    const socket =
      over === 'tls'
        ? connectTls({ port, host, ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] }, begin)
        : connectTcp(port, host, begin)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')))
    socket.on('close', () => {
      clearInterval(timer)
      resolve(got)
    })
  })
}

describe('a client that drips', () => {
  it.each([
    ['its header section', HEAD, 'A: b\r\n'],
    ['its body', BODY, ' '],
  ])('%s over TLS is answered 408', async (_what, first, drop) => {
    const { port } = await listen()
    expect(await drip(port, first, drop, 'tls')).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('its body is answered 408 on every address of localhost', async () => {
    const { port } = await listen('localhost')
    const addresses = [...new Set((await lookup('localhost', { all: true })).map(({ address }) => address))]
    const answers = await Promise.all(addresses.map((host) => drip(port, BODY, ' ', 'tls', host)))
    expect(answers.map((got) => got.split(' ', 2)[1])).toEqual(addresses.map(() => '408'))
  })

  it('its header section over plaintext is answered 408, and its body is not waited for', async () => {
    const { plain } = await listen()
    const [head, body] = await Promise.all([drip(plain, HEAD, 'A: b\r\n', 'tcp'), drip(plain, BODY, ' ', 'tcp')])
    expect(head).toMatch(/^HTTP\/1\.1 408 /)
    expect(body).toMatch(/^HTTP\/1\.1 403 /)
  })

  it('its handshake is cut without a word', async () => {
    const { port } = await listen()
    // The head of a ClientHello of 512 bytes (RFC 8446 §5.1), and then one byte after the other.
    expect(await drip(port, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '\x00', 'tcp')).toBe('')
  })
})
