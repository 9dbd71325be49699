import { generateKeyPairSync } from 'node:crypto'
import { describeSecurity, type Mistake } from '@portcullis/kernel'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import gateway, { type GatewayOptions } from '../src/index.ts'
import { optionsFor, pair } from './stage.ts'

type Operation = Mistake['fix'][number]

/** Applies a JSON Patch (RFC 6902) to a copy. */
function patched(options: object, fix: readonly Operation[]): object {
  const root = { at: prune(options) } as Record<string, unknown>
  const find = (pointer: string): [Record<string, unknown>, string] => {
    const keys = [
      'at',
      ...pointer
        .split('/')
        .slice(1)
        .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~')),
    ]
    const last = keys.pop() as string
    return [keys.reduce((value, key) => value[key] as Record<string, unknown>, root), last]
  }
  const remove = (pointer: string): unknown => {
    const [parent, key] = find(pointer)
    const value = parent[key]
    if (Array.isArray(parent)) parent.splice(Number(key), 1)
    else delete parent[key]
    return value
  }
  for (const operation of fix) {
    if (operation.op === 'remove') remove(operation.path)
    else {
      const value = operation.op === 'move' ? remove(operation.from) : operation.value
      const [parent, key] = find(operation.path)
      parent[key] = value
    }
  }
  return root['at'] as object
}

/** A copy without the members that are `undefined`, as if they had not been written. */
function prune(value: unknown): never {
  if (Array.isArray(value)) return value.map(prune) as never
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value as never
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(members.map(([key, member]) => [key, prune(member)])) as never
}

async function boot(options: object): Promise<readonly Mistake[]> {
  const app = Fastify()
  try {
    await app.register(gateway, options as GatewayOptions)
    await app.ready()
    return []
  } catch (error) {
    const { mistakes } = error as { mistakes?: readonly Mistake[] }
    if (mistakes === undefined) throw error
    return mistakes
  } finally {
    await app.close()
  }
}

const good = await optionsFor(7001)
const [route] = good.routes
const service = good.services['user-service']
const withService = (more: object): object => ({ ...good, services: { 'user-service': { ...service, ...more } } })
const withRoute = (more: object): object => ({ ...good, routes: [{ ...route, ...more }] })
const withToken = (more: object): object => ({ ...good, internalToken: { ...good.internalToken, ...more } })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey

describe('a mistake is refused at boot, with a fix that boots', () => {
  it.each<[string, string, object]>([
    ['services', 'required', { ...good, services: undefined }],
    ['services.user-service.origin', 'required', withService({ origin: undefined })],
    ['services.user-service.origin', 'pattern', withService({ origin: 'https://user-service.local/api' })],
    ['services.user-service.origin', 'origin-unreadable', withService({ origin: 'https://user-service.local:99999' })],
    ['services.user-service.origin', 'plaintext-origin', withService({ origin: 'http://user-service.local:7001' })],
    ['services.user-service.ca', 'ca-unreadable', withService({ ca: 'certificate' })],
    ['services.user-service.ca', 'accepts', withService({ ca: 5 })],
    ['services.user-service.timeouts.connect', 'minimum', withService({ timeouts: { connect: 0 } })],
    ['services.user-service.timeouts.headers', 'type', withService({ timeouts: { headers: '30' } })],
    ['services.user-service.timeouts.body', 'type', withService({ timeouts: { body: 0.5 } })],
    ['services.user-service.timeouts.connect', 'maximum', withService({ timeouts: { connect: 30_000 } })],
    ['services.user-service.concurrency', 'minimum', withService({ concurrency: 0 })],
    ['services.user-service.rejectUnauthorized', 'additionalProperties', withService({ rejectUnauthorized: false })],
    ['routes', 'type', { ...good, routes: {} }],
    ['routes[0].methods', 'minItems', withRoute({ methods: [] })],
    ['routes[0].methods[0]', 'enum', withRoute({ methods: ['TRACE'] })],
    ['routes[0].methods', 'type', withRoute({ methods: 'GET' })],
    ['routes[0].path', 'pattern', withRoute({ path: 'users' })],
    ['routes[0].path', 'pattern', withRoute({ path: '/users/*/x' })],
    ['routes[0].path', 'required', withRoute({ path: undefined })],
    ['routes[0].service', 'service-unknown', withRoute({ service: 'user-servise' })],
    ['routes[0].rewrite', 'rewrite-parameter-unknown', withRoute({ rewrite: '/api/:id' })],
    ['routes[0].rewrite', 'pattern', withRoute({ rewrite: 'https://elsewhere/' })],
    ['routes[0].rewirte', 'additionalProperties', withRoute({ rewirte: '/x' })],
    ['routes[0].bodyLimit', 'minimum', withRoute({ bodyLimit: -1 })],
    ['routes[0].timeout', 'type', withRoute({ timeout: '30s' })],
    ['routes[0].forwardCookies[0]', 'pattern', withRoute({ forwardCookies: ['a=b'] })],
    ['routes[0].redirectOrigins[0]', 'pattern', withRoute({ redirectOrigins: ['*'] })],
    ['routes[0].security', 'accepts', withRoute({ security: false })],
    ['routes[1]', 'route-duplicate', { ...good, routes: [route, { ...route, methods: ['POST'] }] }],
    ['internalToken', 'required', { ...good, internalToken: undefined }],
    ['internalToken.issuer', 'required', withToken({ issuer: undefined })],
    ['internalToken.key', 'required', withToken({ key: undefined })],
    ['internalToken.key', 'accepts', withToken({ key: 5 })],
    ['internalToken.key', 'key-unusable', withToken({ key: 'secret' })],
    ['internalToken.key', 'key-unusable', withToken({ key: rsa })],
    ['internalToken.key', 'key-unusable', withToken({ key: pair.publicKey })],
    ['internalToken.key', 'key-unusable', withToken({ algorithm: 'EdDSA' })],
    ['internalToken.algorithm', 'enum', withToken({ algorithm: 'HS256' })],
    ['internalToken.lifetime', 'minimum', withToken({ lifetime: 5 })],
    ['internalToken.lifetime', 'maximum', withToken({ lifetime: 3600 })],
    ['resolve["user-service.local"]', 'pattern', { ...good, resolve: { 'user-service.local': 'localhost' } }],
    [
      'resolve["user-service.local"]',
      'resolve-unreadable',
      { ...good, resolve: { 'user-service.local': '300.0.0.1' } },
    ],
    ['resolve["user-servise.local"]', 'resolve-unused', { ...good, resolve: { 'user-servise.local': '127.0.0.1' } }],
    ['bodyLimit', 'type', { ...good, bodyLimit: '1mb' }],
    ['forwardFields[0]', 'field-reserved', { ...good, forwardFields: ['X-User-Id'] }],
    ['forwardFields[0]', 'field-reserved', { ...good, forwardFields: ['authorization'] }],
    ['forwardFields[0]', 'field-reserved', { ...good, forwardFields: ['x_forwarded_for'] }],
    ['forwardFields[0]', 'pattern', { ...good, forwardFields: ['x tenant'] }],
  ])('%s: %s', async (path, rule, options) => {
    const given: object = prune(options)
    const mistakes = await boot(given)
    expect(mistakes).toContainEqual(expect.objectContaining({ path, rule }))
    let fixed = given
    for (const mistake of mistakes.toReversed()) fixed = patched(fixed, mistake.fix)
    expect(await boot(fixed)).toEqual([])
  })
})

describe('options that are right', () => {
  it.each<[string, object]>([
    [
      'an Ed25519 key as PEM',
      withToken({
        algorithm: 'EdDSA',
        key: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
      }),
    ],
    ['an IPv6 address with a port', { ...good, resolve: { 'user-service.local': '[::1]:7001' } }],
    ['plaintext, dangerously', withService({ origin: 'http://user-service.local:7001', dangerouslyPlaintext: true })],
    [
      'one path for two methods',
      {
        ...good,
        routes: [
          { ...route, methods: ['GET'] },
          { ...route, methods: ['POST'] },
        ],
      },
    ],
    [
      'the root and a wildcard',
      {
        ...good,
        routes: [
          { ...route, path: '/' },
          { ...route, path: '/*', rewrite: '/site/*' },
        ],
      },
    ],
    ['a field of the application', { ...good, forwardFields: ['X-Tenant', 'x-client-version'] }],
    ['nothing to forward yet', { ...good, routes: [] }],
  ])('boot: %s', async (_name, options) => {
    expect(await boot(options)).toEqual([])
  })

  it('show neither the key nor its example in the description of the app', async () => {
    const app = Fastify()
    await app.register(
      gateway,
      withToken({ key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) }) as GatewayOptions,
    )
    await app.ready()
    expect(JSON.stringify(describeSecurity(app))).not.toContain('PRIVATE KEY')
    await app.close()
  })
})
