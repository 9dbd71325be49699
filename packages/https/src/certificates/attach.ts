import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerOptions } from 'node:https'
import { emit } from '@portcullis/kernel'
import type { FastifyInstance } from 'fastify'
import { serversOf, tlsOptionsOf } from '../app-internals.ts'
import { errors } from '../errors.ts'
import { events } from '../events.ts'
import { parseDestination } from '../host.ts'
import type { HttpsOptions } from '../options.ts'
import { CHALLENGES } from './challenge-path.ts'
import { systemClock } from './clock.ts'
import { keepCertificates, type Keeping } from './keeping.ts'
import type { CertificateFact, CertificateStatus } from './keeper.ts'
import { planOf, refuseFlaws } from './plan.ts'

/** What an app keeps, by its main server: all scopes share it. */
const kept = new WeakMap<object, Keeping>()
const examined = new WeakSet<object>()

const LOG: Readonly<Record<CertificateFact, 'info' | 'warn' | 'error'>> = {
  replaced: 'info',
  failed: 'warn',
  expiring: 'warn',
  rejected: 'error',
  expired: 'error',
}

/**
 * What is known of an app's certificates, as data: names, issuer, end, source, last swap, last error, next renewal.
 * Empty for an app without the room, or whose TLS options are not those of `tlsServerOptions()`.
 * @example certificateStatus(app)[0]?.notAfter
 */
export function certificateStatus(app: { readonly server: object }): readonly CertificateStatus[] {
  return kept.get(app.server)?.status() ?? []
}

/**
 * Answers a request over plaintext if it is an ACME challenge that waits for its answer (RFC 8555 §8.3), whatever
 * routes, scopes and modes the app has: whoever knows a token knows it from the authority.
 * @returns whether it was one
 */
export function answerChallenge(
  server: object,
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
): boolean {
  if (!url.startsWith(CHALLENGES) || (method !== 'GET' && method !== 'HEAD')) return false
  const answer = kept.get(server)?.challengeAnswer(url.slice(CHALLENGES.length))
  if (answer === undefined) return false
  response
    .writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': answer.length,
      connection: 'close',
    })
    .end(method === 'GET' ? answer : undefined)
  return true
}

/**
 * Keeps the certificates of an app's TLS server from now until it closes. Of TLS options that are none of ours the pair
 * is examined as well, and stays.
 * @param answersPlaintext whether the app has a plaintext listener
 * @throws PTC_HTTPS_CERTIFICATE_UNAVAILABLE, PTC_HTTPS_ACME_UNPROVABLE, PTC_HTTPS_ACME_CLIENT_MISSING,
 *   PTC_HTTPS_KEY_UNUSABLE, PTC_HTTPS_CERTIFICATE_UNUSABLE
 */
export async function openCertificates(
  app: FastifyInstance,
  { hosts, plaintext }: Readonly<HttpsOptions>,
  answersPlaintext: boolean,
): Promise<void> {
  const tls = tlsOptionsOf(app)
  const plan = planOf(tls)
  if (tls === undefined) return
  if (plan === undefined) return examineForeign(app, tls)
  const names = hosts.map((host) => parseDestination(host)?.name).filter((name) => name !== undefined)
  const known = kept.get(app.server)
  known?.addHosts(names)
  if (known !== undefined) return

  if (!answersPlaintext && plan.entries.some(({ source }) => source.acme !== undefined)) {
    throw new errors.PTC_HTTPS_ACME_UNPROVABLE(
      `HTTP-01 asks on the plaintext port, and ${plaintext?.mode === 'off' ? "mode: 'off' opens none" : 'there is none'}`,
      plaintext?.mode === undefined || plaintext.mode === 'redirect'
        ? 'plaintext: { port: 80 }'
        : "plaintext: { mode: 'refuse', port: 80 }",
    )
  }
  if (plan.allowUntrusted)
    app.log.warn('dangerouslyAllowUntrustedCertificates is on: clients may have no reason to trust this server')
  const keeping = keepCertificates(plan, {
    clock: systemClock,
    random: Math.random,
    servers: () => serversOf(app),
    policy: tls,
    tell(fact, detail) {
      app.log[LOG[fact]]({ certificate: detail }, `certificate ${fact}`)
      emit(app, events[`https.certificate-${fact}`], { outcome: fact === 'rejected' ? 'denied' : 'allowed', detail })
    },
  })
  kept.set(app.server, keeping)
  keeping.addHosts(names)
  // First of all: a boot that fails leaves no timer and no watcher behind.
  app.addHook('onClose', async () => keeping.stop())
  await keeping.start()
  app.addHook('onReady', async () => {
    const missing = keeping.uncoveredHosts()
    if (missing.length > 0) app.log.warn({ hosts: missing }, 'hosts that no certificate of this server covers')
  })
  app.addHook('onListen', async () => keeping.listening())
}

/** A pair that `Fastify({ https: { key, cert } })` was given outright is examined like one of ours, and never renewed. */
function examineForeign(app: FastifyInstance, { key, cert, passphrase }: ServerOptions): void {
  if (examined.has(app.server)) return
  examined.add(app.server)
  app.log.warn('TLS options were not made by tlsServerOptions(): their versions and suites are those of Node')
  if (!isPem(key) || !isPem(cert)) return
  const material = { key, cert, ...(passphrase === undefined ? {} : { passphrase }) }
  refuseFlaws(material, null, systemClock.now(), false)
}

const isPem = (value: unknown): value is string | Buffer => typeof value === 'string' || Buffer.isBuffer(value)
