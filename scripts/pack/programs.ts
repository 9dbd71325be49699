/** One app, rooms on two copies of the kernel: one chain, one refusal format, one state. */
export const TWO_KERNELS: string = `import assert from 'node:assert'
import { createRequire } from 'node:module'
import Fastify from 'fastify'
import cors from '@portcullis/cors'
import headers from '@portcullis/headers'
import { onSecurityEvent } from '@portcullis/kernel'

const kernelOf = (room) => createRequire(import.meta.resolve(room)).resolve('@portcullis/kernel')
assert.notEqual(kernelOf('@portcullis/cors'), kernelOf('@portcullis/headers'), 'there is one kernel only')

const app = Fastify()
const events = []
onSecurityEvent(app, (event) => events.push(event.type))
// Registered against the order: the table, not the registration, decides.
await app.register(cors, { origins: ['https://app.example.com'] })
await app.register(headers)
app.get('/', { config: { security: { cors: { origins: ['https://other.example.com'] } } } }, async () => 'through')
await app.ready()

const answer = await app.inject({ url: '/', headers: { origin: 'https://other.example.com' } })
assert.equal(answer.body, 'through')
assert.equal(answer.headers['access-control-allow-origin'], 'https://other.example.com')
assert.equal(answer.headers['x-content-type-options'], 'nosniff')

const lost = await app.inject({ url: '/nowhere', headers: { origin: 'https://app.example.com' } })
assert.equal(lost.statusCode, 404)
assert.equal(lost.headers['access-control-allow-origin'], 'https://app.example.com')
assert.equal(lost.headers['x-content-type-options'], 'nosniff')

await assert.rejects(async () => {
  const other = Fastify()
  await other.register(headers)
  await other.register(headers)
  await other.ready()
}, { code: 'PTC_ROOM_DUPLICATE' })
await app.close()`

/** The gateway from its tarball, as the README starts it. */
export const GATEWAY: string = `import assert from 'node:assert'
import { spawn, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })
writeFileSync('gateway.key', key)
const service = createServer((request, response) => response.end(request.url)).listen(0, '127.0.0.1')
await new Promise((resolve) => service.once('listening', resolve))
const file = \`
listen: { host: 127.0.0.1, port: 0 }
operation: { port: 0 }
drain: { delay: 0 }
auth: { apiKeys: { file: api-keys.yaml } }
gateway:
  internalToken: { issuer: gateway, key: '@key' }
  upstreams: { service: { targets: ['http://127.0.0.1:\${service.address().port}'], dangerouslyPlaintext: true } }
  routes: [{ match: { path: /a }, upstream: service, rewrite: /b, policy: { auth: {} } }]
\`.replace('@key', '$' + '{file:gateway.key}')
const run = (...args) => spawnSync('npx', ['gateway-server', ...args], { encoding: 'utf8' })
const made = run('api-key', '--owner', 'masum')
assert.equal(made.status, 0, made.stderr)
const [apiKey, , ...entry] = made.stdout.split('\\n')
writeFileSync('api-keys.yaml', entry.join('\\n'))
writeFileSync('gateway.yaml', file.replace('routes', 'rutes'))
const wrong = run('--check', 'gateway.yaml')
assert.equal(wrong.status, 1)
assert.match(wrong.stderr, /gateway.yaml:\\d+:\\d+ +gateway.rutes/)
writeFileSync('gateway.yaml', file)
const right = run('--check', 'gateway.yaml')
assert.equal(right.status, 0, right.stderr)

for (const workers of ['0', '1']) {
  const gateway = spawn(process.execPath, ['node_modules/.bin/gateway-server', '--workers', workers, 'gateway.yaml'])
  let output = ''
  const line = await new Promise((resolve, reject) => {
    gateway.stderr.on('data', (chunk) => (output += chunk))
    gateway.stdout.on('data', (chunk) => {
      output += chunk
      const found = output.split('\\n').find((one) => one.includes('gateway: answering') && one.endsWith('}'))
      if (found !== undefined) resolve(JSON.parse(found))
    })
    gateway.once('close', () => reject(new Error(output)))
  })
  const url = 'http://127.0.0.1:' + line.public + '/a'
  assert.equal((await fetch(url)).status, 401)
  assert.equal(await (await fetch(url, { headers: { 'x-api-key': apiKey } })).text(), '/b')
  assert.equal((await fetch('http://127.0.0.1:' + line.operation + '/ready')).status, 200)
  gateway.kill('SIGTERM')
  assert.equal(await new Promise((resolve) => gateway.once('close', resolve)), 0, output)
}
service.closeAllConnections()
service.close()`
