import { createSecureContext, type SecureContext, type SecureContextOptions, type Server } from 'node:tls'
import { errors } from '../errors.ts'
import { acmeSource } from './acme-source.ts'
import type { Material } from './chain.ts'
import type { Clock } from './clock.ts'
import { fileSource } from './file-source.ts'
import { functionSource } from './function-source.ts'
import { keep, type CertificateFact, type CertificateStatus, type Keeper } from './keeper.ts'
import { byServerName, isServerName } from './names.ts'
import { findContextsIn, type CertificatePlan, type PlannedCertificate } from './plan.ts'
import { pemSource, type Source } from './source.ts'

/** What the certificates of an app need of it. */
export interface KeepingContext {
  readonly clock: Clock
  random(): number
  /** Every server of the app: Fastify opens a second one for localhost. */
  servers(): readonly Server[]
  /** The TLS options that the app was made with: all of them are applied again at each swap. */
  readonly policy: SecureContextOptions
  tell(fact: CertificateFact, detail: Readonly<Record<string, unknown>>): void
}

/** The certificates of one app. */
export interface Keeping {
  /** Adds names under which clients reach the app. */
  addHosts(names: readonly string[]): void
  /** @throws PTC_HTTPS_CERTIFICATE_UNAVAILABLE if a source that has to answer at once did not. */
  start(): Promise<void>
  /** The ports are open. */
  listening(): void
  stop(): void
  status(): CertificateStatus[]
  /** Hosts that no certificate of the app covers. */
  uncoveredHosts(): string[]
  /** The answer to an ACME challenge by its token; undefined if none waits for one. */
  challengeAnswer(token: string): string | undefined
}

/** Keeps what a plan names. */
export function keepCertificates(plan: CertificatePlan, context: KeepingContext): Keeping {
  const { clock } = context
  const hosts = new Set<string>()
  const challenges = new Map<string, string>()
  const contexts = new Map<string, SecureContext>()
  const find = byServerName(contexts)

  const secured = (material: Material): SecureContextOptions => {
    const { key: _, cert: __, passphrase: ___, ...policy } = context.policy
    return { ...policy, ...material }
  }

  function serve(servedFor: string | null, material: Material): void {
    // Throws before anything has changed if OpenSSL does not take the pair.
    const made = createSecureContext(secured(material))
    if (servedFor !== null) contexts.set(servedFor, made)
    else for (const server of context.servers()) server.setSecureContext(secured(material))
  }

  /** Names that one place answers for. */
  function hostsOf({ servedFor }: PlannedCertificate): string[] {
    if (servedFor !== null) return [servedFor]
    const others = byServerName(new Map(plan.entries.map((one) => [one.servedFor ?? '', true])))
    return [...hosts].filter((host) => others(host) === undefined)
  }

  const keepers: Keeper[] = plan.entries.map((entry) => {
    const { servedFor, initial, source } = entry
    const asked = source.acme?.hosts
    const wanted =
      source.acme === undefined
        ? () => hostsOf(entry)
        : () => asked ?? hostsOf(entry).filter((host) => isServerName(host) && !host.startsWith('*.'))
    return keep({
      servedFor,
      source: sourceOf(entry, wanted, challenges),
      initial,
      clock,
      allowUntrusted: plan.allowUntrusted,
      random: context.random,
      hosts: wanted,
      strict: servedFor !== null || source.acme !== undefined,
      serve: (material) => serve(servedFor, material),
      tell: context.tell,
    })
  })

  /** Servers that were opened since, and those opened with what was on disk long ago, get what runs now. */
  function applyAgain(): void {
    for (const server of context.servers()) {
      findContextsIn(server, find)
      const material = keepers.find((_, index) => plan.entries[index]?.servedFor === null)?.current()
      if (material !== undefined) server.setSecureContext(secured(material))
    }
  }

  return {
    addHosts: (names) => names.forEach((name) => hosts.add(name)),
    async start() {
      applyAgain()
      await Promise.all(keepers.map((keeper) => keeper.start()))
      const missing = plan.entries.findIndex(
        ({ source }, index) => source.acme === undefined && keepers[index]?.current() === undefined,
      )
      if (missing !== -1) {
        const { servedFor, lastError } = (keepers[missing] as Keeper).status()
        const reason = lastError?.reason ?? 'it offered nothing'
        throw new errors.PTC_HTTPS_CERTIFICATE_UNAVAILABLE(servedFor === null ? '' : ` for ${servedFor}`, reason)
      }
    },
    listening() {
      applyAgain()
      for (const keeper of keepers) keeper.listening()
    },
    stop() {
      for (const keeper of keepers) keeper.stop()
    },
    status: () => keepers.map((keeper) => keeper.status()),
    uncoveredHosts: () => keepers.flatMap((keeper) => keeper.uncovered()),
    challengeAnswer: (token) => challenges.get(token),
  }
}

function sourceOf(entry: PlannedCertificate, hosts: () => readonly string[], challenges: Map<string, string>): Source {
  const { keyFile, certFile, passphrase, load, refresh = 3600, acme } = entry.source
  // The schema has filled in both.
  if (acme !== undefined) return acmeSource({ directory: '', retryAfter: 60, ...acme, challenges, hosts })
  if (load !== undefined) return functionSource(load, refresh)
  if (keyFile !== undefined && certFile !== undefined) {
    return fileSource({ keyFile, certFile, ...(passphrase === undefined ? {} : { passphrase }) })
  }
  return pemSource
}
