import { documentSecurity } from '@portcullis/auth'
import { sendToken } from '@portcullis/csrf'
import security, { serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance, type RouteSecurity } from 'fastify'
import type { Redis } from 'ioredis'
import { names, type Ports } from '../addresses.ts'
import type { LeafCertificate } from '../certificates.ts'
import { closeInTime } from '../closing.ts'
import { createOwnTokens, forwardedClaims, gatewayIssuer, type KeyPair } from '../internal-tokens.ts'
import type { Limits } from '../limits.ts'
import { logging, type LogSettings } from '../logging.ts'
import { openapiDocument } from '../openapi.ts'
import { accessTokens, keyPrefix } from '../tokens.ts'
import { refreshCookie } from '../user-service/refresh-cookie.ts'
import { openApiKeys } from './api-keys.ts'
import { quotas } from './limits.ts'
import { routes } from './routes.ts'

/** What the gateway is made with. */
export interface GatewayParts {
  readonly certificate: LeafCertificate
  /** The CA that vouches for the services, PEM. */
  readonly ca: string
  readonly ports: Ports
  /** The one origin whose pages may read answers, and change anything. */
  readonly appOrigin: string
  /** Makes CSRF tokens; the same in every process. */
  readonly csrfSecret: string
  /** Signs internal tokens. */
  readonly internalKeys: KeyPair
  /** Where the services really listen, as URLs. */
  readonly services: { readonly user: string; readonly payment: string }
  readonly limits: Limits
  readonly redis: Redis | undefined
  readonly log: LogSettings
}

/** Bytes of a body, where a route does not say less. */
const BODY_LIMIT = 65_536

/** The public gateway: every room there is, and no logic of its own. */
export async function createGateway(parts: GatewayParts): Promise<FastifyInstance> {
  const { ports, ca, redis, internalKeys, appOrigin } = parts
  const quota = quotas(parts.limits)
  const { key, cert } = parts.certificate
  const userService = `${names.userService}:${new URL(parts.services.user).port}`
  const paymentService = `${names.paymentService}:${new URL(parts.services.payment).port}`

  const app = Fastify({
    ...serverOptions({ trustProxy: false, https: { key, cert }, bodyLimit: BODY_LIMIT }),
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
      origins: [appOrigin],
      credentials: true,
      exposedHeaders: ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
    },
    // Bodies are judged as bytes here; what they say, by the services.
    validation: { strict: true, looseSchemas: 'refuse' },
    throttle: {},
    rateLimit: {
      policies: [quota.perAddress, quota.perUser],
      ...(redis === undefined ? {} : { store: { redis } }),
    },
    // The refresh cookie travels by itself: our page's requests say whose they are, a script's show a token of the session.
    csrf: { origins: [appOrigin], jsonOnly: true, secrets: [parts.csrfSecret], session: refreshCookie },
    xss: {},
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
      upstreams: {
        // Hundreds of clients at once are hundreds of handshakes, and they are all on this machine.
        'user-service': { targets: [`https://${userService}`], ca, timeouts: { connect: 15 } },
        'payment-service': { targets: [`https://${paymentService}`], ca, timeouts: { connect: 15 } },
      },
      resolve: { [names.userService]: '127.0.0.1', [names.paymentService]: '127.0.0.1' },
      internalToken: {
        issuer: gatewayIssuer,
        key: internalKeys.privateKey,
        anonymousSubject: 'anonymous',
        claims: forwardedClaims,
      },
      bodyLimit: BODY_LIMIT,
      routes: routes(quota),
    },
  })

  const { transform } = documentSecurity(app)
  const server = `https://${names.api}:${ports.gateway}`
  let document: object | undefined
  const open: { readonly security: RouteSecurity } = {
    security: { auth: false, rateLimit: { policies: [quota.perAddress] }, validation: { empty: ['query'] } },
  }
  app.get('/csrf-token', { config: open }, sendToken)
  app.get(
    '/openapi.json',
    { config: open },
    // The policies are known once the app is ready.
    () => (document ??= openapiDocument(server, transform)),
  )
  return app
}
