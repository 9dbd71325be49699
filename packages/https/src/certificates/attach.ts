import { emit } from '@portcullis/kernel'
import type { FastifyInstance } from 'fastify'
import { serversOf, tlsOptionsOf } from '../app-internals.ts'
import { errors } from '../errors.ts'
import { events } from '../events.ts'
import { parseDestination } from '../host.ts'
import { systemClock } from './clock.ts'
import { keepCertificates, type Keeping } from './keeping.ts'
import type { CertificateFact, CertificateStatus } from './keeper.ts'
import { planOf } from './plan.ts'

/** What an app keeps, by its main server: all scopes share it. */
const kept = new WeakMap<object, Keeping>()

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
 * Keeps the certificates of an app's TLS server from now until it closes; undefined if they are none of ours.
 * @param hosts the room's `hosts`
 * @param answersPlaintext whether the app has a plaintext listener
 * @throws PTC_HTTPS_CERTIFICATE_UNAVAILABLE, PTC_HTTPS_ACME_UNPROVABLE, PTC_HTTPS_ACME_CLIENT_MISSING
 */
export async function openCertificates(
  app: FastifyInstance,
  hosts: readonly string[],
  answersPlaintext: boolean,
): Promise<Keeping | undefined> {
  const tls = tlsOptionsOf(app)
  const plan = planOf(tls)
  if (plan === undefined || tls === undefined) return undefined
  const names = hosts.map((host) => parseDestination(host)?.name).filter((name) => name !== undefined)
  const known = kept.get(app.server)
  known?.addHosts(names)
  if (known !== undefined) return known

  if (!answersPlaintext && plan.entries.some(({ source }) => source.acme !== undefined)) {
    throw new errors.PTC_HTTPS_ACME_UNPROVABLE(
      'HTTP-01 asks on the plaintext port, and there is none',
      'plaintext: { port: 80 }',
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
  return keeping
}
