import { randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { defineRoom, emit } from '@portcullis/kernel'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { warnOfHabits } from './boot-warnings.ts'
import { answerChallenge, openCertificates } from './certificates/attach.ts'
import { clientOf, clientPolicyOf } from './client-guard.ts'
import { errors, exposedBefore, reachable } from './errors.ts'
import { events } from './events.ts'
import { isMisdirected } from './misdirected.ts'
import { check, optionsSchema, type HttpsOptions } from './options.ts'
import { mayBeForwarded, overTls, overTlsOrInjected, proxyKnower } from './over-tls.ts'
import { attachPlaintextListener, type PlaintextListener } from './plaintext-listener.ts'
import { compilePolicy, hstsValue, keyFieldOf } from './policy.ts'
import { reportOnce } from './reported-credentials.ts'
import { fireRequestTimeout } from './request-timeout.ts'

const HOSTLESS = errors.PTC_HTTPS_REQUIRED.at(400)

/** Listeners by main server: all scopes of an app share both. */
const listeners = new WeakMap<object, PlaintextListener>()

/**
 * Where the plaintext listener of an app listens; null if it has none, or not yet, or no more.
 * @example const { port } = plaintextAddress(app)!
 */
export function plaintextAddress(app: { readonly server: object }): AddressInfo | null {
  return listeners.get(app.server)?.address() ?? null
}

/** Keeps traffic on TLS: redirects or refuses plaintext, writes HSTS, serves the plaintext port. */
const plugin: FastifyPluginAsync<HttpsOptions> = defineRoom<HttpsOptions>({
  concern: 'https',
  optionsSchema,
  errors,
  events,
  check,
  // A key that a route takes is a credential on every route, whatever its field is called.
  heeds: ['auth'],
  async setup(options, app) {
    const terminatesTls = (app.server as unknown) instanceof TlsServer
    if (!terminatesTls && !mayBeForwarded(app)) throw new errors.PTC_HTTPS_UNREACHABLE(reachable)
    if (options.plaintext?.port !== undefined) openWith(app, options.plaintext.port, options.plaintext.host)
    warnOfHabits(app, options)
    await openCertificates(app, options, listeners.has(app.server))
    fireRequestTimeout(app)
    const credentialFields = [...(options.credentialFields ?? [])]
    const toTell = reportOnce(randomBytes(32))
    const clients = clientPolicyOf(app)
    const isProxy = proxyKnower(app)
    const isSecure = terminatesTls ? overTlsOrInjected : overTls
    return {
      compile(policy, { heeded }) {
        const keyField = keyFieldOf(heeded['auth'])
        if (keyField !== undefined && !credentialFields.includes(keyField)) credentialFields.push(keyField)
        const compiled = compilePolicy(policy, credentialFields)
        const observing = policy.reportOnly === true
        // RFC 6797 §8.1: browsers remember HSTS for a year, so a trial does not write it.
        const hsts = observing ? null : compiled.hsts
        return {
          onRequest(request, reply) {
            if (isSecure(request)) {
              // RFC 6797 §7.2: never over plaintext.
              if (hsts !== null) reply.header('strict-transport-security', hsts)
              const { raw } = request
              if (clients !== undefined && !('isLightMyRequest' in raw)) {
                const client = clientOf(clients, raw.socket)
                if (client.refused !== undefined) {
                  const { refused, detail } = client
                  return errors.PTC_HTTPS_CLIENT_CERTIFICATE_REFUSED.with({ detail: { refused, ...detail } })
                }
                request.security.clientCertificate = client.certificate
              }
              // A proxy may ask for another name in its handshake than its clients do.
              if ('stream' in raw && isMisdirected(raw as never) && !isProxy(raw.socket.remoteAddress))
                return errors.PTC_HTTPS_MISDIRECTED
              return undefined
            }
            const { method, host, originalUrl, headers } = request
            const decision = compiled.decide({ method, host, target: originalUrl, fields: headers })
            const exposed = 'credentials' in decision ? decision.credentials : []
            const credentials = exposed.length === 0 ? exposed : toTell(exposed, headers, originalUrl)
            if (decision.kind === 'exposed') {
              if (credentials.length === 0) return exposedBefore
              return errors.PTC_HTTPS_CREDENTIAL_EXPOSED.with({ detail: { credentials } })
            }
            // RFC 9112 §3.2: 400, whatever else the answer would be.
            if (headers.host === undefined && request.raw.httpVersion === '1.1') return HOSTLESS
            if (decision.kind === 'refuse') return errors.PTC_HTTPS_REQUIRED
            const outcome = observing ? 'observed' : 'denied'
            const { status, location } = decision
            if (credentials.length === 0) emit(request, events['https.redirected'], { outcome })
            else
              emit(request, events['https.credential-exposed'], { outcome, detail: { credentials, redirected: true } })
            return observing ? undefined : reply.code(status).header('location', location).send()
          },
        }
      },
      earlyFields(encrypted): Record<string, string> {
        const value = encrypted && options.reportOnly !== true ? hstsValue(options.hsts) : null
        return value === null ? {} : { 'strict-transport-security': value }
      },
    }
  },
})
export default plugin

function openWith(app: FastifyInstance, port: number, host: string | undefined): void {
  if (listeners.has(app.server)) throw new errors.PTC_HTTPS_PLAINTEXT_DUPLICATE()
  // The app's own router, so that audit, headers and this room act on what arrives here too.
  const route: RequestListener = (request, response) => {
    if (!answerChallenge(app.server, request, response)) app.routing(request, response)
  }
  const listener = attachPlaintextListener(app.server, route, { port, ...(host === undefined ? {} : { host }) })
  listeners.set(app.server, listener)
  app.addHook('preClose', async () => listener.stop())
  app.addHook('onClose', async () => listener.finish(1000))
}
