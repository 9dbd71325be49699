import Fastify, { type FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, it } from 'vitest'
import auth, { type AuthOptions } from '../src/index.ts'
import { jwt } from './apps.ts'
import { token } from './forge.ts'
import { https, presented } from './neighbours.ts'

const clientCertificate = {
  identities: [
    { name: 'DNS:billing.internal', subject: 'billing', scopes: ['invoices:read'], roles: ['service'] },
    { name: 'URI:spiffe://a/billing', subject: 'billing', scopes: ['invoices:write'] },
    { name: 'DNS:orders.internal', subject: 'orders' },
  ],
}
const bearing = (...san: string[]) => ({ san, fingerprint256: 'AB:CD' })

async function mesh(options: AuthOptions): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(https)
  await app.register(auth, options)
  app.get('/any', { config: { security: { auth: {} } } }, async ({ security }) => security.identity)
  const tokens = { config: { security: { auth: { anyOf: ['jwt' as const] } } } }
  if (options.jwt !== undefined) app.get('/jwt', tokens, async ({ security }) => security.identity)
  await app.ready()
  return app
}

beforeEach(() => {
  presented.certificate = undefined
})

describe('a client certificate', () => {
  it('needs the https room, which verifies it', async () => {
    const app = Fastify()
    await app.register(auth, { clientCertificate })
    await expect(app.ready()).rejects.toMatchObject({
      code: 'PTC_ROOM_MISSING',
      message: expect.stringContaining('needs @portcullis/https'),
    })
  })

  it('is who its names say, with what all of them grant', async () => {
    const app = await mesh({ clientCertificate })
    presented.certificate = bearing('DNS:billing.internal', 'URI:spiffe://a/billing', 'DNS:other.internal')
    expect((await app.inject('/any')).json()).toEqual({
      subject: 'billing',
      scheme: 'client-certificate',
      scopes: ['invoices:read', 'invoices:write'],
      roles: ['service'],
      credentialId: 'AB:CD',
      claims: { san: presented.certificate.san },
    })
  })

  it.each<[string, typeof presented.certificate]>([
    ['none', null],
    ['no TLS', undefined],
    ['another name', bearing('DNS:evil.internal')],
    ['a name of another kind', bearing('URI:billing.internal', 'email:billing.internal')],
    ['a longer name', bearing('DNS:billing.internal.evil.test')],
    ['names of two callers', bearing('DNS:billing.internal', 'DNS:orders.internal')],
    ['no names', bearing()],
  ])('admits nobody with %s', async (_name, certificate) => {
    const app = await mesh({ clientCertificate })
    presented.certificate = certificate
    const refused = await app.inject('/any')
    expect([refused.statusCode, refused.headers['www-authenticate']]).toEqual([401, 'ClientCertificate realm="api"'])
  })

  it('is read from the connection alone: fields that proxies write name nobody', async () => {
    const app = await mesh({ clientCertificate })
    const headers = { 'x-client-cert': 'DNS:billing.internal', 'x-forwarded-client-cert': 'DNS=billing.internal' }
    expect((await app.inject({ url: '/any', headers })).statusCode).toBe(401)
  })

  it('beside a token is refused where the route admits both, and passed over where it does not', async () => {
    const app = await mesh({ jwt, clientCertificate })
    const headers = { authorization: `Bearer ${token()}` }
    presented.certificate = bearing('DNS:billing.internal')
    expect((await app.inject({ url: '/any', headers })).json()).toMatchObject({
      code: 'PTC_AUTH_CREDENTIALS_AMBIGUOUS',
    })
    expect((await app.inject({ url: '/jwt', headers })).json()).toMatchObject({ scheme: 'jwt' })
    // Every service of a mesh has a certificate: one of no known name is no credential.
    presented.certificate = bearing('DNS:gateway.internal')
    expect((await app.inject({ url: '/any', headers })).json()).toMatchObject({ scheme: 'jwt' })
  })
})
