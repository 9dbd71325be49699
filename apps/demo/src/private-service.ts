import security, { serverOptions, type SecurityOptions } from '@portcullis/security'
import type { SqlOptions } from '@portcullis/sql'
import Fastify, { type FastifyInstance } from 'fastify'
import type { LeafCertificate } from './certificates.ts'
import { closeInTime } from './closing.ts'
import { isGoneUser } from './database/gone-user.ts'
import { gatewayIssuer } from './internal-tokens.ts'
import { logging, type LogSettings } from './logging.ts'
import { answerProblem } from './problem.ts'

/** What a private service is made with. */
export interface PrivateServiceOptions {
  readonly certificate: LeafCertificate
  /** PEM of the key that checks the gateway's tokens. */
  readonly gatewayKey: string
  /** The service's own name: tokens for another service are of no use here. */
  readonly audience: string
  /** Its role, and all that this role may do. */
  readonly database: Pick<SqlOptions, 'url' | 'rights' | 'rowSecurity'>
  /** Rooms of its own, beside those that every service has. */
  readonly rooms?: (app: FastifyInstance) => Pick<SecurityOptions, 'rateLimit' | 'issuer'>
  readonly log: LogSettings
}

/**
 * A service behind the gateway: TLS on loopback, and nobody is admitted without the gateway's token, made for this
 * service within the last minute. Where a caller sits on the network proves nothing.
 */
export async function createPrivateService(options: PrivateServiceOptions): Promise<FastifyInstance> {
  const { key, cert } = options.certificate
  const app = Fastify({
    // The gateway says who its client is. Steps that use it come after `auth`, which believes only the gateway.
    ...serverOptions({ trustProxy: 'loopback', https: { key, cert } }),
    ...logging(options.audience, options.log),
    // The gateway sends each request under the number it has there.
    requestIdHeader: 'x-request-id',
  })
  await app.register(security, {
    ...options.rooms?.(app),
    validation: { strict: true, looseSchemas: 'refuse', requireResponse: true },
    xss: {},
    sql: { ...options.database, connectTimeout: 3, statementTimeout: 3, transactionTimeout: 5 },
    auth: {
      jwt: {
        key: options.gatewayKey,
        issuer: gatewayIssuer,
        audience: options.audience,
        algorithms: ['ES256'],
      },
    },
  })
  closeInTime(app)
  app.setErrorHandler((error, _request, reply) => {
    if (isGoneUser(error)) return answerProblem(reply, 404, 'DEMO_USER_UNKNOWN', 'There is no such user.')
    throw error
  })
  return app
}
