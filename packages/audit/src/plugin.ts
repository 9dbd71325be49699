import { defineRoom, onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import type { FastifyPluginAsync } from 'fastify'
import { type AuditLogger, type AuditOptions, type AuditRoute, check, optionsSchema, routeSchema } from './options.ts'
import { accessRecord, decisionRecord, secretRoutes } from './record.ts'

/** Events bubble from the innermost scope outwards: the first registration that sees one owns it. */
const owned = new WeakSet<SecurityEvent>()

const now = (): number => performance.now()

/** The logger of an app without one (`logger: false`): every level is the same empty function, and none can be enabled. */
const isSilent = (logger: AuditLogger): boolean =>
  logger.isLevelEnabled === undefined && (logger.info as unknown) === logger.error

/**
 * Remembers every security decision: one record per request and one per decision, through pino.
 * Records hold no query, no field but User-Agent, and no body.
 * @throws `PTC_OPTIONS_INVALID` with all mistakes, before the app is ready.
 */
const plugin: FastifyPluginAsync<AuditOptions> = defineRoom<AuditOptions, AuditRoute>({
  concern: 'audit',
  optionsSchema,
  routeSchema,
  check,
  setup(options, app) {
    // Not `request.log`: a route's `logLevel` and the app's bindings are for diagnosis, not for the audit trail.
    const logger: AuditLogger = options.logger ?? app.log
    if (isSilent(logger)) return { compile: () => ({}) }

    const secretsOf = new Map<string, (pattern: string) => boolean>()
    const secretsFor = (params: readonly string[] = []): ((pattern: string) => boolean) => {
      const key = params.join('/')
      const known = secretsOf.get(key) ?? secretRoutes(params)
      secretsOf.set(key, known)
      return known
    }

    const recordDecision = (event: SecurityEvent): void => {
      if (owned.has(event)) return
      owned.add(event)
      const own = event.request?.routeOptions.config.security?.audit
      const policy = own === false ? { decisions: false } : { ...options, ...own }
      if (policy.decisions === false) return
      const record = decisionRecord(event, secretsFor(policy.secretParams))
      if (event.severity === 'critical') logger.error(record, 'security decision')
      else if (event.outcome === 'allowed' && event.severity === 'info') logger.info(record, 'security decision')
      else logger.warn(record, 'security decision')
    }
    app.addHook('onClose', async () => stopListening())
    const stopListening = onSecurityEvent(app, recordDecision)

    return {
      compile({ access, userAgent = true, secretParams }) {
        const isSecret = secretsFor(secretParams)
        return {
          onRequest(request) {
            // Read now: the address of a client that has left is unknown.
            request.security.arrival = { at: now(), remoteAddress: request.ip }
          },
          ...(access === false
            ? {}
            : {
                close(request, reply, aborted) {
                  if (logger.isLevelEnabled?.('info') === false) return
                  const { raw } = reply
                  const answer = {
                    status: raw.headersSent ? raw.statusCode : null,
                    length: reply.getHeader('content-length'),
                    aborted,
                  }
                  logger.info(accessRecord(request, answer, now(), { isSecret, userAgent }), 'request over')
                },
              }),
        }
      },
    }
  },
})

export default plugin
