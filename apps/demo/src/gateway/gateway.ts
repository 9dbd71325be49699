import security, { serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import { names, type Ports } from '../addresses.ts'
import type { LeafCertificate } from '../certificates.ts'
import { closeInTime } from '../closing.ts'
import { logging, type LogSettings } from '../logging.ts'
import { openapiDocument } from '../openapi.ts'
import { gatewayIssuer } from '../private-service.ts'
import { accessTokens } from '../tokens.ts'
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
  /** Checks access tokens, PEM. */
  readonly accessTokenKey: string
  /** Signs internal tokens, PEM. */
  readonly internalKey: string
  /** Where the services really listen, as URLs. */
  readonly services: { readonly user: string; readonly payment: string }
  readonly redis: Redis | undefined
  readonly log: LogSettings
}

/** The public gateway: every room there is, and no logic of its own. */
export async function createGateway(parts: GatewayParts): Promise<FastifyInstance> {
  const { ports, ca, redis } = parts
  const { key, cert } = parts.certificate
  const userService = `${names.userService}:${new URL(parts.services.user).port}`
  const paymentService = `${names.paymentService}:${new URL(parts.services.payment).port}`

  const app = Fastify({
    ...serverOptions({ trustProxy: false, https: { key, cert } }),
    ...logging('gateway', parts.log),
  })
  closeInTime(app)
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
        key: parts.accessTokenKey,
        issuer: accessTokens.issuer,
        audience: accessTokens.audience,
        algorithms: [accessTokens.algorithm],
      },
      strict: true,
    },
    gateway: {
      services: {
        'user-service': { origin: `https://${userService}`, ca },
        'payment-service': { origin: `https://${paymentService}`, ca },
      },
      resolve: { [names.userService]: '127.0.0.1', [names.paymentService]: '127.0.0.1' },
      internalToken: { issuer: gatewayIssuer, key: parts.internalKey, anonymousSubject: 'anonymous' },
      bodyLimit: 65_536,
      routes,
    },
  })

  const document = openapiDocument(`https://${names.api}:${ports.gateway}`)
  app.get(
    '/openapi.json',
    { config: { security: { auth: false, rateLimit: { policies: [perAddress] } } } },
    () => document,
  )
  return app
}
