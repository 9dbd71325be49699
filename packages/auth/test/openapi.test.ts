import Fastify from 'fastify'
import { expect, it } from 'vitest'
import auth, { documentSecurity } from '../src/index.ts'
import { https } from './neighbours.ts'

const clientCertificate = { identities: [{ name: 'DNS:billing.internal', subject: 'billing', roles: ['service'] }] }
const given = { schema: {}, url: '/', route: { method: 'GET', url: '/' } }

it.each([
  ['3.1.0', { type: 'mutualTLS' }, [{ clientCertificate: ['service'] }]],
  // Version 3.0 knows no mutual TLS, and without a scheme the operation would read as open.
  ['3.0.3', { type: 'http', scheme: 'ClientCertificate' }, [{ clientCertificate: [] }]],
])('an OpenAPI document of version %s asks for a certificate', async (openapi, scheme, security) => {
  const app = Fastify()
  await app.register(https)
  await app.register(auth, { clientCertificate })
  app.get('/', { config: { security: { auth: { roles: ['service'] } } } }, async () => '')
  await app.ready()
  const openapiObject: { openapi: string; components?: object } = { openapi }
  const { schema } = documentSecurity(app).transform({ ...given, openapiObject })
  expect(schema).toMatchObject({ security, response: { 401: {}, 403: {} } })
  expect(schema.response).not.toHaveProperty('503')
  expect(openapiObject.components).toEqual({ securitySchemes: { clientCertificate: scheme } })
})

it('an issuer that describes itself is the scheme, with its scopes', async () => {
  const app = Fastify()
  const jwt = { issuer: 'http://127.0.0.1:1', audience: 'a', discovery: true, dangerouslyAllowHttp: true }
  await app.register(auth, { jwt })
  app.get('/', { config: { security: { auth: { scopes: ['profile:read'], roles: ['b'] } } } }, async () => '')
  await app.ready()
  const openapiObject: { openapi: string; components?: object } = { openapi: '3.0.3' }
  const { schema } = documentSecurity(app).transform({ ...given, openapiObject })
  expect(schema).toMatchObject({ security: [{ openIdConnect: ['profile:read'] }], response: { 503: {} } })
  const openIdConnectUrl = 'http://127.0.0.1:1/.well-known/openid-configuration'
  expect(openapiObject.components).toEqual({
    securitySchemes: { openIdConnect: { type: 'openIdConnect', openIdConnectUrl } },
  })
})
