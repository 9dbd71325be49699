import { documentSecurity } from '@portcullis/auth'
import security, { serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import { names, type Ports } from '../addresses.ts'
import type { LeafCertificate } from '../certificates.ts'
import { closeInTime } from '../closing.ts'
import { createOwnTokens, forwardedClaims, gatewayIssuer, type KeyPair } from '../internal-tokens.ts'
import { logging, type LogSettings } from '../logging.ts'
import { openapiDocument } from '../openapi.ts'
import { accessTokens, keyPrefix } from '../tokens.ts'
import { openApiKeys } from './api-keys.ts'
import { perAddress, perUser } from './limits.ts'
import { routes } from './routes.ts'

/** What the gateway is made with. */
export interface GatewayParts {
  readonly certificate: LeafCertificate
  /** The CA that vouches for the services, PEM. */
  readonly ca: string
  readonly ports: Ports
  /** The one origin whose pages may read answers. */
  readonly appOrigin: string
  /** Signs internal tokens. */
  readonly internalKeys: KeyPair
  /** Where the services really listen, as URLs. */
  readonly services: { readonly user: string; readonly payment: string }
  readonly redis: Redis | undefined
  readonly log: LogSettings
}

/** The public gateway: every room there is, and no logic of its own. */
export async function createGateway(parts: GatewayParts): Promise<FastifyInstance> {
  const { ports, ca, redis, internalKeys } = parts
  const { key, cert } = parts.certificate
  const userService = `${names.userService}:${new URL(parts.services.user).port}`
  const paymentService = `${names.paymentService}:${new URL(parts.services.payment).port}`

  const app = Fastify({
    ...serverOptions({ trustProxy: false, https: { key, cert } }),
    ...logging('gateway', parts.log),
  })
  closeInTime(app)
  const tokens = await createOwnTokens(internalKeys)
  app.addHook('onClose', () => tokens.close())
  const apiKeys = openApiKeys({ userService: parts.services.user, ca, tokens })
  app.addHook('onClose', () => apiKeys.close())
  await app.register(security, {
    https: {
      hosts: [`${names.local}:${ports.gateway}`, `${names.api}:${ports.gateway}`],
      plaintext: { port: ports.plaintext },
    },
    cors: {
      origins: [parts.appOrigin],
      credentials: true,
      exposedHeaders: ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
    },
    throttle: {},
    rateLimit: {
      policies: [perAddress, perUser],
      ...(redis === undefined ? {} : { store: { redis } }),
    },
    auth: {
      jwt: {
        // From the user service's private address: keys that rotate there are known here.
        jwks: `${parts.services.user}/.well-known/jwks.json`,
        ca,
        // A key that has leaked is thrown away there, and refused here within a minute.
        jwksMaxAge: 60,
        issuer: accessTokens.issuer,
        audience: accessTokens.audience,
        algorithms: [accessTokens.algorithm],
      },
      // Access tokens live for minutes: while Redis is away, what is known has to do, and each process tells it later.
      revocation: {
        maxTokenAge: accessTokens.lifetime,
        ...(redis === undefined ? {} : { redis, onStoreError: 'open' }),
      },
      apiKeys: { prefix: keyPrefix, find: apiKeys.find, recordUses: apiKeys.recordUses, cacheFor: 5 },
      strict: true,
    },
    gateway: {
      services: {
        'user-service': { origin: `https://${userService}`, ca },
        'payment-service': { origin: `https://${paymentService}`, ca },
      },
      resolve: { [names.userService]: '127.0.0.1', [names.paymentService]: '127.0.0.1' },
      internalToken: {
        issuer: gatewayIssuer,
        key: internalKeys.privateKey,
        anonymousSubject: 'anonymous',
        claims: forwardedClaims,
      },
      bodyLimit: 65_536,
      routes,
    },
  })

  const { transform } = documentSecurity(app)
  const server = `https://${names.api}:${ports.gateway}`
  let document: object | undefined
  app.get(
    '/openapi.json',
    { config: { security: { auth: false, rateLimit: { policies: [perAddress] } } } },
    // The policies are known once the app is ready.
    () => (document ??= openapiDocument(server, transform)),
  )
  return app
}
