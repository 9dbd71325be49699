import { writeFileSync } from 'node:fs'
import { request as ask } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { developmentCertificates } from '@portcullis/https'
import { describe, expect, it } from 'vitest'
import { configFor, start, startService, writeConfig } from './stage.ts'

async function operation(): Promise<number> {
  const service = await startService()
  return (await start(writeConfig(configFor(service.port)).file)).ports.operation
}

/** The status, and the fields, of a request with these fields. */
async function get(port: number, headers: Record<string, string>): Promise<[number, Record<string, unknown>]> {
  const request = ask({ host: '127.0.0.1', port, path: '/metrics', headers }).end()
  const [answer] = (await once(request, 'response')) as [import('node:http').IncomingMessage]
  answer.resume()
  return [answer.statusCode as number, answer.headers]
}

describe('the operation address', () => {
  it('answers no page: not even one whose name was made to lead to this machine', async () => {
    const port = await operation()
    for (const host of [
      'attacker.example',
      `attacker.example:${port}`,
      '127.0.0.1.attacker.example',
      'localhost.example',
    ]) {
      expect([host, (await get(port, { host }))[0]]).toEqual([host, 403])
    }
    for (const host of ['localhost', `127.0.0.1:${port}`, '[::1]', `metrics.localhost:${port}`, 'LOCALHOST']) {
      expect([host, (await get(port, { host }))[0]]).toEqual([host, 200])
    }
  })

  it('is read by nothing that a page could load from there', async () => {
    const [status, fields] = await get(await operation(), { origin: 'https://attacker.example' })
    expect([status, fields]).toEqual([
      200,
      expect.objectContaining({ 'x-content-type-options': 'nosniff', 'cross-origin-resource-policy': 'same-origin' }),
    ])
    expect(fields).not.toHaveProperty('access-control-allow-origin')
  })

  it('waits for no slow client', { timeout: 15_000 }, async () => {
    const port = await operation()
    const socket = connect(port, '127.0.0.1')
    let heard = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => (heard += String(chunk)))
    socket.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ')
    await once(socket, 'close')
    expect(heard).toMatch(/^HTTP\/1\.1 408 /)
  })
})

it('methods that clients make up are no labels', async () => {
  const service = await startService()
  const { file, folder, write } = writeConfig('')
  const { key, cert, ca } = await developmentCertificates(join(folder, 'authority'), { hosts: ['localhost'] })
  writeFileSync(join(folder, 'server.key'), key, { mode: 0o600 })
  writeFileSync(join(folder, 'server.pem'), cert)
  write(
    configFor(service.port).replace(
      'port: 0 }',
      'port: 0, http2: true, tls: { keyFile: server.key, certFile: server.pem } }',
    ),
  )
  const gateway = await start(file)
  const session = connectHttp2(`https://localhost:${gateway.ports.public}`, { ca })
  for (const path of ['/a', '/nowhere']) {
    for (const method of ['MADE-UP-1', 'MADE-UP-2', 'get', 'PROPFIND']) {
      const stream = session.request({ ':method': method, ':path': path })
      await once(stream.resume().end(), 'close')
    }
  }
  session.destroy()
  const text = await (await fetch(`http://127.0.0.1:${gateway.ports.operation}/metrics`)).text()
  expect(text).toMatch(/^gateway_requests_total\{route="",/m)
  expect(text).not.toMatch(/made-up|"get"/i)
})
