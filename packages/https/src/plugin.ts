import { Server as TlsServer } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { defineRoom, emit } from '@portcullis/kernel'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { openCertificates } from './certificates/attach.ts'
import { errors, reachable } from './errors.ts'
import { events } from './events.ts'
import { check, optionsSchema, type HttpsOptions } from './options.ts'
import { attachPlaintextListener, type PlaintextListener } from './plaintext-listener.ts'
import { compilePolicy, hstsValue } from './policy.ts'

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
  async setup(options, app) {
    const terminatesTls = (app.server as unknown) instanceof TlsServer
    if (!terminatesTls && !mayBeForwarded(app)) throw new errors.PTC_HTTPS_UNREACHABLE(reachable)
    if (options.plaintext !== undefined) openWith(app, options.plaintext)
    const certificates = await openCertificates(app, options.hosts, listeners.has(app.server))
    const isSecure = terminatesTls ? overTlsOrInjected : overTls
    return {
      compile(policy) {
        const compiled = compilePolicy(policy)
        const observing = policy.reportOnly === true
        // RFC 6797 §8.1: browsers remember HSTS for a year, so a trial does not write it.
        const hsts = observing ? null : compiled.hsts
        return {
          onRequest(request, reply) {
            if (isSecure(request)) {
              // RFC 6797 §7.2: never over plaintext.
              if (hsts !== null) reply.header('strict-transport-security', hsts)
              return undefined
            }
            const { method, host, originalUrl, headers } = request
            // RFC 8555 §8.3: a challenge is asked for over plaintext.
            const answer = certificates?.challengeAnswer(originalUrl)
            if (answer !== undefined) return reply.type('application/octet-stream').send(answer)
            const decision = compiled.decide({ method, host, target: originalUrl, fields: headers })
            if (decision.kind === 'exposed') {
              return errors.PTC_HTTPS_CREDENTIAL_EXPOSED.with({ detail: { credentials: decision.credentials } })
            }
            // RFC 9112 §3.2: 400, whatever else the answer would be.
            if (headers.host === undefined && request.raw.httpVersion === '1.1') return HOSTLESS
            if (decision.kind === 'refuse') return errors.PTC_HTTPS_REQUIRED
            emit(request, events['https.redirected'], { outcome: observing ? 'observed' : 'denied' })
            return observing ? undefined : redirect(reply, decision.location)
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

/** RFC 9110 §15.4.2: 301 for GET and HEAD, whose method survives it. */
function redirect(reply: FastifyReply, location: string): FastifyReply {
  return reply.code(301).header('location', location).send()
}

/** A trusted proxy may spell the scheme in capitals; untrusted peers are not asked (`trustProxy`). */
function overTls({ protocol }: FastifyRequest): boolean {
  return protocol === 'https' || (protocol as string | undefined)?.toLowerCase() === 'https'
}

/** An injected request has no connection: it counts as one to the main server, unless a trusted proxy says otherwise. */
function overTlsOrInjected(request: FastifyRequest): boolean {
  if (overTls(request)) return true
  if (!('isLightMyRequest' in request.raw)) return false
  Object.assign(request.raw.socket, { encrypted: true })
  return overTls(request)
}

/** Whether something in front may speak TLS for this app. Fastify keeps `trustProxy` out of `initialConfig`. */
function mayBeForwarded(app: FastifyInstance): boolean {
  for (let at: object | null = app; at !== null; at = Object.getPrototypeOf(at)) {
    const symbol = Object.getOwnPropertySymbols(at).find((one) => one.description === 'fastify.options')
    if (symbol === undefined) continue
    const { trustProxy } = (at as Record<symbol, { trustProxy?: unknown }>)[symbol] ?? {}
    return trustProxy !== undefined && trustProxy !== false && trustProxy !== null && trustProxy !== ''
  }
  return true
}

function openWith(app: FastifyInstance, { port, host }: NonNullable<HttpsOptions['plaintext']>): void {
  if (listeners.has(app.server)) throw new errors.PTC_HTTPS_PLAINTEXT_DUPLICATE()
  // The app's own router, so that audit, headers and this room act on what arrives here too.
  const listener = attachPlaintextListener(app.server, (request, response) => app.routing(request, response), {
    port,
    ...(host === undefined ? {} : { host }),
  })
  listeners.set(app.server, listener)
  app.addHook('preClose', async () => listener.stop())
  app.addHook('onClose', async () => listener.finish(1000))
}
