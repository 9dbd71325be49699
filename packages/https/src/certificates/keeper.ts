import { createHash, type X509Certificate } from 'node:crypto'
import type { Material } from './chain.ts'
import type { Clock } from './clock.ts'
import { examine, type Flaw } from './flaws.ts'
import { namesOf, uncovered } from './names.ts'
import { expiringTime } from './schedule.ts'
import { reasonOf, type Offer, type Source, type SourceKind } from './source.ts'

/** What is known of one certificate, as data. */
export interface CertificateStatus {
  /** The name it is served for; null for the one that everybody else gets. */
  readonly servedFor: string | null
  readonly source: SourceKind
  /** Names and addresses in it; empty while there is none. */
  readonly names: readonly string[]
  /** Its issuer's distinguished name, or null while there is none; the same holds for what follows. */
  readonly issuer: string | null
  readonly notBefore: Date | null
  readonly notAfter: Date | null
  /** SHA-256 over it, as `openssl x509 -fingerprint -sha256` prints it. */
  readonly fingerprint: string | null
  /** When it took the place of another one. */
  readonly lastSwap: Date | null
  /** Why the newest pair was not taken, or could not be fetched; null if the newest try went well. */
  readonly lastError: { readonly at: Date; readonly reason: string } | null
  /** When the source acts next: a renewal, a refresh, a try after a failure. */
  readonly nextRenewal: Date | null
}

/** What a keeper tells of. */
export type CertificateFact = 'replaced' | 'rejected' | 'failed' | 'expiring' | 'expired'

/** What a keeper needs. */
export interface KeeperContext {
  readonly servedFor: string | null
  readonly source: Source
  /** What was read and found good at boot. */
  readonly initial: Material | undefined
  readonly clock: Clock
  readonly allowUntrusted: boolean
  random(): number
  /** Hosts that a new certificate must cover: all of them if `strict`, else those that the running one covers. */
  hosts(): readonly string[]
  readonly strict: boolean
  /** Serves a pair; throws if it cannot be served, and then nothing has changed. */
  serve(material: Material): void
  tell(fact: CertificateFact, detail: Readonly<Record<string, unknown>>): void
}

/** Keeps one place supplied with a certificate. */
export interface Keeper {
  status(): CertificateStatus
  /** The pair that runs. */
  current(): Material | undefined
  /** The hosts that the running certificate does not cover. */
  uncovered(): string[]
  /** Resolves when what the source has at once is served. */
  start(): Promise<void>
  listening(): void
  stop(): void
}

/** Examines what a source offers, serves what is good, and watches the running certificate's end. */
export function keep(context: KeeperContext): Keeper {
  const { source, clock, servedFor } = context
  let running: { readonly material: Material; readonly leaf: X509Certificate; readonly digest: string } | undefined
  let lastSwap: number | null = null
  let lastError: { at: number; reason: string } | null = null
  let next: number | null = null
  let rejected = ''
  let cancels: (() => void)[] = []

  const describe = (leaf: X509Certificate): Record<string, unknown> => ({
    servedFor,
    source: source.kind,
    names: namesOf(leaf),
    notAfter: leaf.validToDate.toISOString(),
    fingerprint: leaf.fingerprint256,
  })

  function flawsOf(material: Material): { flaws: readonly Flaw[]; leaf: X509Certificate | undefined } {
    const { chain, flaws } = examine(material, clock.now(), context.allowUntrusted)
    const leaf = chain[0]
    if (leaf === undefined || flaws.length > 0) return { flaws, leaf }
    const hosts = context.hosts()
    const before = context.strict ? [] : running === undefined ? hosts : uncovered(running.leaf, hosts)
    const missing = uncovered(leaf, hosts).filter((host) => !before.includes(host))
    if (missing.length === 0) return { flaws, leaf }
    const message = `does not cover ${missing.join(', ')}`
    return { flaws: [{ rule: 'names', about: 'certificate', message }], leaf }
  }

  function offer(material: Material, patient = false): Offer {
    const digest = digestOf(material)
    if (digest === running?.digest) {
      lastError = null
      rejected = ''
      return 'same'
    }
    // What was rejected before is bad still: nobody is told twice. Only time can mend it.
    const { flaws, leaf } = flawsOf(material)
    if (patient && flaws.some(({ passing }) => passing === true)) return digest === rejected ? 'rejected' : 'passing'
    let reason = flaws
      .map(({ about, message }) => `the ${about === 'key' ? 'private key' : about} ${message}`)
      .join('; ')
    if (reason === '') {
      try {
        context.serve(material)
      } catch (error) {
        reason = `TLS cannot serve it: ${reasonOf(error)}`
      }
    }
    if (reason !== '' || leaf === undefined) {
      lastError = { at: clock.now(), reason }
      if (digest !== rejected) {
        context.tell('rejected', { servedFor, source: source.kind, reason, rules: flaws.map(({ rule }) => rule) })
      }
      rejected = digest
      return 'rejected'
    }
    const first = running === undefined
    running = { material, leaf, digest }
    rejected = ''
    lastError = null
    if (!first || source.kind === 'acme') {
      lastSwap = clock.now()
      context.tell('replaced', describe(leaf))
    }
    watchEnd(leaf)
    return 'replaced'
  }

  function watchEnd(leaf: X509Certificate): void {
    for (const cancel of cancels) cancel()
    const [from, to] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()]
    const at = (time: number, fact: CertificateFact): (() => void) =>
      clock.after(Math.max(0, time - clock.now()), () => context.tell(fact, describe(leaf)))
    // What has expired already is not about to.
    cancels = [at(to, 'expired')]
    if (clock.now() < to) cancels.push(at(expiringTime(from, to), 'expiring'))
  }

  const date = (time: number | null): Date | null => (time === null ? null : new Date(time))
  return {
    current: () => running?.material,
    status: () => ({
      servedFor,
      source: source.kind,
      names: running === undefined ? [] : namesOf(running.leaf),
      issuer: running?.leaf.issuer.replaceAll('\n', ', ') ?? null,
      notBefore: running?.leaf.validFromDate ?? null,
      notAfter: running?.leaf.validToDate ?? null,
      fingerprint: running?.leaf.fingerprint256 ?? null,
      lastSwap: date(lastSwap),
      lastError: lastError === null ? null : { at: new Date(lastError.at), reason: lastError.reason },
      nextRenewal: date(next),
    }),
    uncovered: () => (running === undefined ? [] : uncovered(running.leaf, context.hosts())),
    async start() {
      if (context.initial !== undefined) offer(context.initial)
      await source.start({
        clock,
        random: context.random,
        offer,
        failed(reason) {
          lastError = { at: clock.now(), reason }
          context.tell('failed', { servedFor, source: source.kind, reason })
        },
        planned: (at) => (next = at),
      })
    },
    listening: () => source.listening?.(),
    stop() {
      for (const cancel of cancels) cancel()
      source.stop()
    },
  }
}

function digestOf({ key, cert }: Material): string {
  return createHash('sha256').update(key).update('\0').update(cert).digest('hex')
}
