import security, { serverOptions, type SecurityOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import type { LeafCertificate } from './certificates.ts'
import { closeInTime } from './closing.ts'
import { isGoneUser } from './database/gone-user.ts'
import { isOutage } from './database/outage.ts'
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
  /** Rooms of its own, beside those that every service has. */
  readonly rooms?: Pick<SecurityOptions, 'rateLimit' | 'issuer'>
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
    // Without coercion: "5" is no amount of money.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
    // The gateway sends each request under the number it has there.
    requestIdHeader: 'x-request-id',
  })
  await app.register(security, {
    ...options.rooms,
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
  // JSON alone: text is what a page of any origin may post without asking first (Fetch, "CORS-safelisted").
  app.removeContentTypeParser('text/plain')
  app.setErrorHandler((error, request, reply) => {
    if (isGoneUser(error)) return answerProblem(reply, 404, 'DEMO_USER_UNKNOWN', 'There is no such user.')
    if (!isOutage(error)) throw error
    request.log.error({ err: error }, 'the database does not answer')
    return answerProblem(
      reply,
      503,
      'DEMO_DATABASE_AWAY',
      'This service cannot work right now. Try again in 5 seconds.',
      5,
    )
  })
  return app
}
