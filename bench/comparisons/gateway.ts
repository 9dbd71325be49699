import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Comparison, Program, Setup } from '../comparison.ts'
import { nginxIsHere, startNginx } from '../nginx.ts'

// All answer GET /users/101 with what the service says to GET /api/users/101.

const pem = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

async function official({ backend }: Setup): Promise<FastifyInstance> {
  const { default: proxy } = await import('@fastify/http-proxy')
  const app = Fastify()
  await app.register(proxy, {
    upstream: `http://127.0.0.1:${backend}`,
    prefix: '/users',
    rewritePrefix: '/api/users',
  })
  return app
}

async function withoutPolicy({ backend }: Setup): Promise<FastifyInstance> {
  const { default: gateway } = await import('@portcullis/gateway')
  const app = Fastify()
  await app.register(gateway, {
    upstreams: { service: { targets: [`http://127.0.0.1:${backend}`], dangerouslyPlaintext: true } },
    internalToken: { issuer: 'gateway', key: pem() },
    routes: [{ match: { path: '/users/:id' }, upstream: 'service', rewrite: '/api/users/:id' }],
    dangerouslyWithoutAuth: true,
  })
  return app
}

/** Tokens, a quota for each user, header fields, CORS, metrics and the internal token, from a file. */
async function withPolicies({ backend, publicKey, issuer, audience, origin }: Setup): Promise<Program> {
  const { startGateway } = await import('@portcullis/gateway-server')
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-gateway-'))
  const file = join(folder, 'gateway.json')
  writeFileSync(join(folder, 'issuer.pem'), publicKey)
  writeFileSync(join(folder, 'gateway.key'), pem())
  writeFileSync(
    file,
    JSON.stringify({
      listen: { host: '127.0.0.1', port: 0 },
      operation: { host: '127.0.0.1', port: 0 },
      logLevel: 'warn',
      auth: { jwt: { key: `\${file:issuer.pem}`, issuer, audience, algorithms: ['ES256'] } },
      cors: { origins: [origin] },
      rateLimit: { policies: [{ name: 'per-user', limit: 1_000_000, window: 60, partitionBy: 'identity' }] },
      gateway: {
        internalToken: { issuer: 'gateway', key: `\${file:gateway.key}` },
        upstreams: { service: { targets: [`http://127.0.0.1:${backend}`], dangerouslyPlaintext: true } },
        routes: [
          { match: { path: '/users/:id' }, upstream: 'service', rewrite: '/api/users/:id', policy: { auth: {} } },
        ],
      },
    }),
  )
  const server = await startGateway({ file })
  return {
    port: server.ports.public,
    cpu: () => process.cpuUsage(),
    close: () => rmSync(folder, { recursive: true }),
  }
}

if (!nginxIsHere) process.stderr.write('nginx is not here, and not in the table\n')

const comparison: Comparison = {
  title: 'a GET that is forwarded',
  bare: 'ours, no policy',
  official: '@fastify/http-proxy',
  path: '/users/101',
  proxies: true,
  // A thousand callers: as many tokens are verified, and as many signed.
  warmUp: 6,
  subjects: {
    '@fastify/http-proxy': official,
    'ours, no policy': withoutPolicy,
    'ours, all policies': withPolicies,
    ...(nginxIsHere ? { nginx: ({ backend }: Setup) => startNginx(backend as number) } : {}),
  },
}
export default comparison
