import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import auth from '@portcullis/auth'
import { developmentCertificates } from '@portcullis/https'
import Fastify from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { configFor, start, writeConfig } from './stage.ts'

const newKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

/** A service that only the gateway may ask. */
async function openService(jwks: string, ca: string): Promise<number> {
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(auth, { jwt: { issuer: 'gateway', audience: 'service', jwks, ca, algorithms: ['ES256'] } })
  app.get('/a', { config: { security: { auth: {} } } }, async ({ security }) => security.identity?.subject)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as { port: number }).port
}

it('a service fetches the keys of internal tokens; no request is lost while the key changes, none passes without', async () => {
  const config = writeConfig('')
  const { key, cert, ca } = await developmentCertificates(join(config.folder, 'tls'), { hosts: ['127.0.0.1'] })
  for (const [name, text] of Object.entries({
    'op.key': key,
    'op.pem': cert,
    'old.key': newKey(),
    'new.key': newKey(),
  }))
    writeFileSync(join(config.folder, name), text, { mode: 0o600 })
  const [old, next] = ["'${file:old.key}'", "'${file:new.key}'"]
  const write = (port: number, keys: string): void =>
    config.write(
      configFor(port)
        .replace('operation: { port: 0 }', 'operation: { port: 0, tls: { keyFile: op.key, certFile: op.pem } }')
        .replace(/internalToken: .*/, `internalToken: { issuer: gateway, anonymousSubject: nobody, ${keys} }`),
    )

  write(1, `key: ${old}, otherKeys: [{ key: ${next} }]`)
  const gateway = await start(config.file)
  const port = await openService(`https://127.0.0.1:${gateway.ports.operation}/.well-known/jwks.json`, ca)
  write(port, `key: ${old}, otherKeys: [{ key: ${next} }]`)
  await gateway.reload()

  expect((await fetch(`http://127.0.0.1:${port}/a`)).status).toBe(401)
  const answer = await fetch(`http://127.0.0.1:${gateway.ports.public}/a`)
  expect([answer.status, await answer.text()]).toEqual([200, 'nobody'])

  let over = false
  const statuses: number[] = []
  const clients = Array.from({ length: 4 }, async () => {
    while (!over) statuses.push((await fetch(`http://127.0.0.1:${gateway.ports.public}/a`)).status)
  })
  for (const keys of [`key: ${next}, otherKeys: [{ key: ${old} }]`, `key: ${next}`]) {
    write(port, keys)
    await gateway.reload()
    const before = statuses.length
    while (statuses.length < before + 20) await new Promise((resolve) => setImmediate(resolve))
  }
  over = true
  await Promise.all(clients)
  expect(new Set(statuses)).toEqual(new Set([200]))
})
