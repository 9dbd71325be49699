import { generateKeyPairSync } from 'node:crypto'
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { freePort } from '@portcullis/testing/free-port'
import { hasRedis, RedisServer } from '@portcullis/testing/redis'
import { SignJWT } from 'jose'
import { expect, it, onTestFinished, vi } from 'vitest'
import { type GatewayServer, startGateway } from '../src/index.ts'
import { PATIENCE } from './process.ts'
import { open, startChat } from './chat.ts'
import { configFor, startService, writeConfig } from './stage.ts'

vi.setConfig({ testTimeout: 3 * PATIENCE })

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const issuer = 'https://id.example.com'
const env = { PUBLIC_KEY: publicKey.export({ type: 'spki', format: 'pem' }).toString() }
const jwt = `jwt: { key: '\${PUBLIC_KEY}', issuer: '${issuer}', audience: api, algorithms: [ES256] }`

async function startTwo(file: string): Promise<GatewayServer> {
  const gateway = await startGateway({ file, env, watch: false, workers: 2 })
  onTestFinished(() => gateway.close())
  return gateway
}

const guarded = (port: number, more = ''): string =>
  configFor(port, { policy: '{ auth: {} }', more: `auth: { ${jwt}, revocation: {} }\n${more}` }).replace(
    /.*dangerouslyWithoutAuth.*\n/,
    '',
  )

/** The statuses of twenty requests, each on a connection of its own, so that both workers get some. */
async function statuses(gateway: GatewayServer, token: string): Promise<number[]> {
  const found = new Set<number>()
  for (let time = 0; time < 20; time++) {
    const headers = { connection: 'close', authorization: `Bearer ${token}` }
    found.add((await fetch(`http://127.0.0.1:${gateway.ports.public}/a`, { headers })).status)
  }
  return [...found]
}

const token = (): Promise<string> =>
  new SignJWT({ jti: 'stolen' })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' })
    .setIssuer(issuer)
    .setAudience('api')
    .setSubject('101')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey)

it('a token that one worker would refuse and the other admit is not said to be revoked', async () => {
  const service = await startService()
  const gateway = await startTwo(writeConfig(guarded(service.port)).file)
  await expect(gateway.revoke({ issuer, tokenId: 'stolen' })).rejects.toThrow(/by `redis` alone/)
})

it.runIf(hasRedis)('a revoked token is refused by all workers that share a Redis', async () => {
  const redis = await RedisServer.start()
  onTestFinished(() => redis.stop())
  const service = await startService()
  const config = writeConfig(guarded(service.port, `redis: ${redis.url}\n`))
  const gateway = await startTwo(config.file)
  const stolen = await token()
  await vi.waitFor(async () => expect(await statuses(gateway, stolen)).toEqual([200]), 5000)
  await gateway.revoke({ issuer, tokenId: 'stolen' })
  await vi.waitFor(async () => expect(await statuses(gateway, stolen)).toEqual([401]), 5000)
  await gateway.reload()
  expect(await statuses(gateway, stolen)).toEqual([401])
})

it.runIf(hasRedis)('WebSockets at all workers end with the token that opened them', async () => {
  const redis = await RedisServer.start()
  onTestFinished(() => redis.stop())
  const text = guarded(await startChat(), `redis: ${redis.url}\n`).replace('upstream: service,', '$& webSocket: {},')
  const gateway = await startTwo(writeConfig(text).file)
  const headers = { authorization: `Bearer ${await token()}` }
  const sockets = []
  for (let one = 0; one < 8; one++) sockets.push(await open(gateway.ports.public, headers))
  expect(await Promise.all(sockets.map(({ hears }) => hears()))).toEqual(Array(8).fill('heard'))
  await gateway.revoke({ issuer, tokenId: 'stolen' })
  expect(await Promise.all(sockets.map(({ closed }) => closed))).toEqual(Array(8).fill(3000))
})

it('a worker that follows listens where the others do, though the file names another port by now', async () => {
  const service = await startService()
  const [port, elsewhere] = [await freePort(), await freePort()]
  const at = (number: number): string => configFor(service.port).replace('port: 0 }', `port: ${number} }`)
  const config = writeConfig(at(port))
  const gateway = await startTwo(config.file)
  config.write(at(elsewhere))
  await gateway.reload()
  const victims = Object.values(cluster.workers ?? {})
  for (const worker of victims) worker?.process.kill('SIGKILL')
  const ready = `http://127.0.0.1:${gateway.ports.operation}/ready`
  const isReady = async (): Promise<boolean> => (await fetch(ready)).status === 200
  await vi.waitFor(async () => expect(await isReady()).toBe(false))
  await vi.waitFor(async () => expect(await isReady()).toBe(true), { timeout: PATIENCE, interval: 100 })
  expect(await statuses(gateway, '')).toEqual([200])
  await expect(fetch(`http://127.0.0.1:${elsewhere}/a`)).rejects.toThrow()
})

it('a worker that does not answer yet ends with the gateway', async () => {
  const service = await startService()
  const gateway = await startTwo(writeConfig(configFor(service.port)).file)
  const [victim] = Object.values(cluster.workers ?? {})
  victim?.process.kill('SIGKILL')
  const [follower] = (await once(cluster, 'fork')) as [Worker]
  await gateway.close()
  expect(follower.isDead()).toBe(true)
})
