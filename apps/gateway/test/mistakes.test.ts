import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { developmentCertificates } from '@portcullis/https'
import { afterAll, expect, it } from 'vitest'
import { readConfig } from '../src/config.ts'
import { tryOut } from '../src/gateway.ts'
import { ConfigError, type Fault } from '../src/index.ts'
import { command } from './process.ts'
import { writeConfig } from './stage.ts'

const COMPANY = `listen:
  port: 8443
  plaintextPort: 8080
  http2: true
  tls:
    keyFile: server.key
    certFile: server.pem
    policy: modern
operation: { port: 9090 }
drain: { delay: 5, deadline: 30 }
https: { hosts: [localhost] }
cors:
  origins: [https://shop.example]
  credentials: true
rateLimit:
  policies:
    - { name: per-ip, limit: 600, window: 60, partitionBy: ip }
    - { name: per-user, limit: 100, window: 60, partitionBy: identity }
auth:
  apiKeys: { file: keys.yaml }
gateway:
  internalToken: { issuer: gateway, key: '\${file:gateway.key}' }
  privateNetworks: [10.0.0.0/8]
  upstreams:
    orders:
      targets: [https://orders.internal:7001]
      timeouts: { connect: 2, headers: 10 }
      health: { path: /health }
    stock:
      balance: least-connections
  routes:
    - match: { path: /orders/:id }
      upstream: orders
      rewrite: /api/orders/:id
      policy: { auth: { scopes: ['orders:read'] } }
    - match: { method: [POST, PUT], path: /orders }
      upstream: orders
      policy: { rateLimit: { policies: [{ name: place, limit: 5, window: 60, partitionBy: identity }] } }
    - match: { method: POST, path: /webhooks/payments }
      upstream: orders
      policy: { auth: false, cors: false }
      bodyLimit: 20000
    - match: { path: /stock/live }
      upstream: stock
      webSocket: { origins: [https://shop.example] }
`

const home = mkdtempSync(join(tmpdir(), 'gateway-server-authority-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))
const authority = developmentCertificates(home, { hosts: ['localhost'] })

async function write(text: string): Promise<string> {
  const { file, folder } = writeConfig(text)
  const { key, cert } = await authority
  writeFileSync(join(folder, 'server.key'), key, { mode: 0o600 })
  writeFileSync(join(folder, 'server.pem'), cert)
  writeFileSync(join(folder, 'keys.yaml'), '')
  return file
}

async function faultsOf(text: string): Promise<readonly Fault[]> {
  try {
    const { config, locate } = readConfig(await write(text), {})
    await tryOut(config).catch((error: unknown) => {
      throw locate(error)
    })
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).faults
  }
  return []
}

it('the file of a small company is valid', async () => {
  expect(await faultsOf(COMPANY)).toEqual([])
})

it.each([
  ['listen:', 'lisen:', 'lisen', 'did you mean `listen`?'],
  ['port: 8443', "port: '8443'", 'listen.port', 'write port: 8443'],
  ['plaintextPort: 8080', 'plaintextPort: 8443', 'listen.plaintextPort', 'write plaintextPort: 8444'],
  ['http2: true', 'http2: yes', 'listen.http2', 'write true'],
  ['keyFile: server', 'keyfile: server', 'listen.tls.keyfile', 'did you mean `keyFile`?'],
  ['server.key', 'serve.key', 'listen.tls.keyFile', 'cannot be read (ENOENT)'],
  ['server.pem', 'gateway.key', 'listen.tls.certFile', 'not PEM'],
  ['policy: modern', 'policy: moderne', 'listen.tls.policy', "write policy: 'modern'"],
  ['operation: { port: 9090 }', 'operation: { port: 8080 }', 'operation.port', 'write port: 8081'],
  ['deadline: 30', 'deadline: 30s', 'drain.deadline', 'write deadline: 30'],
  ['hosts: [localhost]', 'hosts: localhost', 'https.hosts', 'write hosts: ['],
  ['[https://shop.example]\n', '[https://shop.example/]\n', 'cors.origins[0]', "write 'https://shop.example'"],
  [
    'window: 60, partitionBy: ip',
    'windw: 60, partitionBy: ip',
    'rateLimit.policies[0].windw',
    'did you mean `window`?',
  ],
  ['limit: 600', 'limit: lots', 'rateLimit.policies[0].limit', 'write limit: 100'],
  ['apiKeys: {', 'apiKey: {', 'auth.apiKey', 'did you mean `apiKeys`?'],
  ['certFile: server.pem', 'cert: server.pem', 'listen.tls.cert', 'the path of a file is certFile'],
  [
    "'${file:gateway.key}'",
    'gateway.key',
    'gateway.internalToken.key',
    "-pkeyopt ec_paramgen_curve:P-256 -out gateway.key, and write key: '${file:gateway.key}'",
  ],
  ['issuer: gateway,', '', 'gateway.internalToken.issuer', "write issuer: 'gateway'"],
  ['[10.0.0.0/8]', '10.0.0.0/8', 'gateway.privateNetworks', "write privateNetworks: ['10.0.0.0/8']"],
  ['[https://orders', '[http://orders', 'gateway.upstreams.orders.targets[0]', "write 'https://orders.internal:7001'"],
  [
    '[https://orders',
    '[orders',
    'gateway.upstreams.orders.targets[0]',
    'must be an origin, or unix: and a path; write',
  ],
  ['connect: 2', 'conect: 2', 'gateway.upstreams.orders.timeouts.conect', 'did you mean `connect`?'],
  [
    'health: { path: /health }',
    'health: /health',
    'gateway.upstreams.orders.health',
    "write health: { path: '/health' }",
  ],
  ['least-connections', 'least_connections', 'gateway.upstreams.stock.balance', "write balance: 'least-connections'"],
  ['path: /stock/live', 'path: stock/live', 'gateway.routes[3].match.path', 'must be a path of plain segments'],
  ['path: /stock/live', "path: '/stock/{id}'", 'gateway.routes[3].match.path', '(`:id`, not `{id}`)'],
  ['/api/orders/:id', '/api/orders/', 'gateway.routes[0].rewrite', 'no slash at its end'],
  ['/api/orders/:id', '/api/orders/:ident', 'gateway.routes[0].rewrite', "write rewrite: '/orders/:id'"],
  ['upstream: stock', 'upstream: stok', 'gateway.routes[3].upstream', "write upstream: '"],
  ['method: POST, path: /web', 'method: POTS, path: /web', 'gateway.routes[2].match.method', "write method: 'GET'"],
  ["scopes: ['", "scope: ['", 'gateway.routes[0].policy.auth.scope', 'did you mean `scopes`?'],
  ["['orders:read']", 'orders:read', 'gateway.routes[0].policy.auth.scopes', "write scopes: ['orders:read']"],
  ['auth: { scopes', 'autz: { scopes', 'gateway.routes[0].policy.autz', 'did you mean `auth`?'],
  ['limit: 5', 'limit: 0', 'gateway.routes[1].policy.rateLimit.policies[0].limit', 'write limit: 1'],
  ['auth: false, cors', 'auth: no, cors', 'gateway.routes[2].policy.auth', 'write false'],
  // What only the rooms know, once they stand.
  ['auth: false, cors', 'auth: true, cors', 'gateway.routes[2].policy.auth', 'must be an object'],
  ['cors: false', 'csrf: {}', 'gateway.routes[2].policy.csrf', 'remove the policy'],
  ['bodyLimit: 20000', 'bodyLimit: 20kB', 'gateway.routes[2].bodyLimit', 'must be an integer'],
  [
    'origins: [https://shop.example] }',
    'origin: [https://shop.example] }',
    'gateway.routes[3].webSocket.origin',
    'did you mean `origins`?',
  ],
])('%s that is written %s is told with its line, and what to write', async (right, wrong, path, message) => {
  const at = COMPANY.indexOf(right)
  const line = COMPANY.slice(0, at).split('\n').length
  expect(await faultsOf(COMPANY.replace(right, () => wrong))).toMatchObject([
    { line, path, message: expect.stringContaining(message) },
  ])
})

it('a key that is missing is a file to be named', async () => {
  const message = "is required; write internalToken: { issuer: 'gateway', key: '${file:gateway.key}' }"
  expect(await faultsOf(COMPANY.replace(/ {2}internalToken: .*\n/, ''))).toMatchObject([
    { path: 'gateway.internalToken', message },
  ])
})

it('a certificate that nobody trusts does, where the file says so', async () => {
  const file = await write(COMPANY)
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
  const [key, cert] = ['server.key', 'server.pem'].map((name) => join(dirname(file), name)) as [string, string]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  execFileSync('openssl', [...args, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' })
  const lenient = 'dangerouslyAllowUntrustedCertificates: true'
  const text = 'policy: modern'
  const told = (): unknown => readConfig(file, {})
  expect(told).toThrow(`self-signed: no client has a reason to trust it; replace it, or write ${lenient} beside it`)
  writeFileSync(file, COMPANY.replace(text, lenient))
  expect(told).not.toThrow()
})

it('mistakes of the file, of policies and of certificates are told together', async () => {
  const text = COMPANY.replace('http2: true', 'http2: yes')
    .replace('server.key', 'serve.key')
    .replace('scopes:', 'scope:')
    .replace('upstream: stock', 'upstream: stok')
  expect((await faultsOf(text)).map(({ line }) => line)).toEqual([4, 6, 35, 44])
})

it('files that are missing are told together with the rest', async () => {
  const text = COMPANY.replace('keys.yaml', 'nowhere.yaml')
    .replace('  privateNetworks', '  openapi: openapi.yaml\n  privateNetworks')
    .replace('http2: true', 'http2: yes')
  const message = 'cannot be read: ENOENT'
  expect(await faultsOf(text)).toMatchObject([
    { line: 4, path: 'listen.http2' },
    { file: expect.stringMatching(/nowhere\.yaml$/), message },
    { file: 'openapi.yaml', message },
  ])
})

it('workers tell a policy that only rooms can judge with its line, too', async () => {
  const file = await write(COMPANY.replace('cors: false', 'csrf: {}'))
  const run = command(['--no-watch', '--workers', '2', file])
  expect(await run.ended).toBe(1)
  expect(run.output()).toMatch(/gateway\.yaml:41:\d+ {2}gateway\.routes\[2\]\.policy\.csrf has no effect/)
})
