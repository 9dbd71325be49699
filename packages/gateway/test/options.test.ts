import { copied, patched } from '@portcullis/testing/patch'
import { generateKeyPairSync } from 'node:crypto'
import { describeSecurity } from '@portcullis/kernel'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import gateway, { type GatewayOptions } from '../src/index.ts'
import { boot } from './boot.ts'
import { optionsFor, pair } from './stage.ts'

const good = await optionsFor(7001)
const [route] = good.routes
const upstream = good.upstreams['user-service']
const withUpstream = (more: object): object => ({ ...good, upstreams: { 'user-service': { ...upstream, ...more } } })
const withMatch = (more: object): object => withRoute({ match: { ...route?.match, ...more } })
const withRoute = (more: object): object => ({ ...good, routes: [{ ...route, ...more }] })
const withToken = (more: object): object => ({ ...good, internalToken: { ...good.internalToken, ...more } })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey

describe('a mistake is refused at boot, with a fix that boots', () => {
  it.each<[string, string, object]>([
    ['upstreams', 'required', { ...good, upstreams: undefined }],
    ['upstreams.user-service.targets[0]', 'pattern', withUpstream({ targets: ['https://user-service.local/api'] })],
    [
      'upstreams.user-service.targets[0]',
      'target-unreadable',
      withUpstream({ targets: ['https://user-service.local:99999'] }),
    ],
    [
      'upstreams.user-service.targets[0]',
      'plaintext-target',
      withUpstream({ targets: ['http://user-service.local:7001'] }),
    ],
    ['upstreams.user-service.ca', 'ca-unreadable', withUpstream({ ca: 'certificate' })],
    ['upstreams.user-service.ca', 'accepts', withUpstream({ ca: 5 })],
    ['upstreams.user-service.timeouts.connect', 'minimum', withUpstream({ timeouts: { connect: 0 } })],
    ['upstreams.user-service.timeouts.headers', 'type', withUpstream({ timeouts: { headers: '30' } })],
    ['upstreams.user-service.timeouts.body', 'type', withUpstream({ timeouts: { body: 0.5 } })],
    ['upstreams.user-service.timeouts.connect', 'maximum', withUpstream({ timeouts: { connect: 30_000 } })],
    ['upstreams.user-service.concurrency', 'minimum', withUpstream({ concurrency: 0 })],
    ['upstreams.user-service.rejectUnauthorized', 'additionalProperties', withUpstream({ rejectUnauthorized: false })],
    ['upstreams["user service"]', 'target-missing', { ...good, upstreams: { ...good.upstreams, 'user service': {} } }],
    ['upstreams.user-service.targets', 'minItems', withUpstream({ targets: [] })],
    ['upstreams.user-service.balance', 'enum', withUpstream({ balance: 'random' })],
    ['upstreams.user-service.circuit.share', 'maximum', withUpstream({ circuit: { share: 50 } })],
    ['upstreams.user-service.health.path', 'required', withUpstream({ health: {} })],
    ['upstreams.user-service.health.path', 'pattern', withUpstream({ health: { path: 'health' } })],
    ['upstreams.user-service.retries.budget', 'maximum', withUpstream({ retries: { budget: 10 } })],
    [
      'upstreams.user-service.clientCertificate',
      'client-certificate-unreadable',
      withUpstream({ clientCertificate: { cert: 'x', key: 'y' } }),
    ],
    [
      'upstreams.user-service.clientCertificate.key',
      'client-key-unusable',
      withUpstream({
        clientCertificate: { cert: upstream?.ca, key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) },
      }),
    ],
    ['privateNetworks[0]', 'network-unreadable', { ...good, privateNetworks: ['10.0.0.0/33'] }],
    ['routes', 'type', { ...good, routes: {} }],
    ['routes[0].match.method', 'minItems', withMatch({ method: [] })],
    ['routes[0].match.method[0]', 'enum', withMatch({ method: ['TRACE'] })],
    ['routes[0].match.method', 'pattern', withMatch({ method: 'TRACE' })],
    ['routes[0].match.path', 'pattern', withMatch({ path: 'users' })],
    ['routes[0].match.path', 'pattern', withMatch({ path: '/users/*/x' })],
    ['routes[0].match.path', 'required', withMatch({ path: undefined })],
    ['routes[0].match.host', 'pattern', withMatch({ host: 'https://api.example.com' })],
    ['routes[0].upstream', 'upstream-unknown', withRoute({ upstream: 'user-servise' })],
    ['routes[0].rewrite', 'rewrite-parameter-unknown', withRoute({ rewrite: '/api/:id' })],
    ['routes[0].rewrite', 'pattern', withRoute({ rewrite: 'https://elsewhere/' })],
    ['routes[0].rewirte', 'additionalProperties', withRoute({ rewirte: '/x' })],
    ['routes[0].bodyLimit', 'minimum', withRoute({ bodyLimit: -1 })],
    ['routes[0].timeouts.headers', 'type', withRoute({ timeouts: { headers: '30s' } })],
    ['routes[0].forwardCookies[0]', 'pattern', withRoute({ forwardCookies: ['a=b'] })],
    ['routes[0].redirectOrigins[0]', 'pattern', withRoute({ redirectOrigins: ['*'] })],
    ['routes[0].policy', 'accepts', withRoute({ policy: false })],
    [
      'routes[1]',
      'route-duplicate',
      { ...good, routes: [route, { ...route, match: { ...route?.match, method: 'POST' } }] },
    ],
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
    const given: object = copied(options)
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
    [
      'plaintext, dangerously',
      withUpstream({ targets: ['http://user-service.local:7001'], dangerouslyPlaintext: true }),
    ],
    [
      'one path for two methods',
      {
        ...good,
        routes: [
          { ...route, match: { path: '/a' } },
          { ...route, match: { path: '/a', method: 'POST' } },
        ],
      },
    ],
    [
      'the root and a wildcard',
      {
        ...good,
        routes: [
          { ...route, match: { path: '/' } },
          { ...route, match: { path: '/*' }, rewrite: '/site/*' },
        ],
      },
    ],
    ['a field of the application', { ...good, forwardFields: ['X-Tenant', 'x-client-version'] }],
    [
      'one path for two hosts',
      {
        ...good,
        routes: [
          { ...route, match: { path: '/a', host: 'a.example.com' } },
          { ...route, match: { path: '/a', host: 'b.example.com' } },
        ],
      },
    ],
    ['an upstream that is named after its host', { ...good, upstreams: { ...good.upstreams, 'pay.local': {} } }],
    ['a socket of this machine', withUpstream({ targets: ['unix:/run/user.sock', ...(upstream?.targets ?? [])] })],
    ['private networks', { ...good, privateNetworks: ['10.0.0.0/8', 'fd00::/8', '192.168.1.7'] }],
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
