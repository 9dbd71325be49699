import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import rateLimit from '@portcullis/rate-limit'
import Fastify from 'fastify'
import { SignJWT } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { configFor, start, startService, writeConfig } from './stage.ts'

const policies = '[{ name: per-ip, limit: 100, window: 3600 }]'

/** The statuses of a hundred requests, and how often each came. */
async function ask(port: number, times = 100): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  for (let time = 0; time < times; time++) {
    const { status } = await fetch(`http://127.0.0.1:${port}/a`)
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  return statuses
}

describe('a caller that waits for the next reload', () => {
  it('has a whole quota again where each generation counts by itself', async () => {
    const generation = async (): Promise<Record<number, number>> => {
      const app = Fastify()
      onTestFinished(() => app.close())
      await app.register(rateLimit, { policies: [{ name: 'per-ip', limit: 100, window: 3600 }] })
      app.get('/a', async () => 'ok')
      await app.listen({ port: 0, host: '127.0.0.1' })
      return ask((app.server.address() as AddressInfo).port)
    }
    expect([await generation(), await generation()]).toEqual([{ 200: 100 }, { 200: 100 }])
  })

  it('gains nothing: a hundred requests, a reload, and a hundred more', async () => {
    const service = await startService()
    const config = writeConfig(configFor(service.port, { more: `rateLimit: { policies: ${policies} }\n` }))
    const gateway = await start(config.file)
    expect(await ask(gateway.ports.public)).toEqual({ 200: 100 })
    await gateway.reload()
    config.write(configFor(service.port, { more: `rateLimit: { nearing: 0, policies: ${policies} }\n` }))
    await gateway.reload()
    expect(await ask(gateway.ports.public)).toEqual({ 429: 100 })
    expect(service.asked).toHaveLength(100)
  })
})

it('a target that was given up stays so over a reload', async () => {
  const port = await startService().then(async ({ port: free, server }) => {
    server.close()
    await once(server, 'close')
    return free
  })
  const gateway = await start(writeConfig(configFor(port)).file)
  const status = async (): Promise<number> => (await fetch(`http://127.0.0.1:${gateway.ports.public}/a`)).status
  const ready = async (): Promise<string> => (await fetch(`http://127.0.0.1:${gateway.ports.operation}/metrics`)).text()
  while ((await status()) !== 503);
  await gateway.reload()
  expect(await status()).toBe(503)
  expect(await ready()).toMatch(/^gateway_target_up\{.*\} 0$/m)
})

describe('a reload while the issuer of tokens is away', () => {
  it('keeps its keys', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const issuer = createServer((_request, response) => {
      const keys = [{ ...publicKey.export({ format: 'jwk' }), use: 'sig', kid: '1', alg: 'ES256' }]
      response.setHeader('content-type', 'application/jwk-set+json').end(JSON.stringify({ keys }))
    })
    await once(issuer.listen(0, '127.0.0.1'), 'listening')
    const stop = (): void => {
      issuer.closeAllConnections()
      issuer.close()
    }
    onTestFinished(stop)
    const service = await startService()
    const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`
    const jwt = `{ issuer: '${url}', audience: api, jwks: '${url}/jwks', algorithms: [ES256], dangerouslyAllowHttp: true }`
    const { file } = writeConfig(
      configFor(service.port, { policy: '{ auth: {} }', more: `auth: { jwt: ${jwt} }\n` }).replace(
        /.*dangerouslyWithoutAuth.*\n/,
        '',
      ),
    )
    const gateway = await start(file)
    const token = await new SignJWT()
      .setProtectedHeader({ alg: 'ES256', kid: '1', typ: 'at+jwt' })
      .setIssuer(url)
      .setAudience('api')
      .setSubject('101')
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(privateKey)
    const answer = async (): Promise<number> =>
      (await fetch(`http://127.0.0.1:${gateway.ports.public}/a`, { headers: { authorization: `Bearer ${token}` } }))
        .status
    expect(await answer()).toBe(200)
    stop()
    await gateway.reload()
    expect(await answer()).toBe(200)
  })
})
