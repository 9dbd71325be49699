import { readFileSync } from 'node:fs'
import type { ServerOptions } from 'node:https'
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { errors } from '../errors.ts'
import type { Material } from './chain.ts'
import { examine } from './flaws.ts'
import { byServerName, uncovered } from './names.ts'
import type { CertificateSource } from './source-options.ts'

/** One place that needs a certificate. */
export interface PlannedCertificate {
  /** The name it is served for; null for everybody else. */
  readonly servedFor: string | null
  readonly source: Readonly<CertificateSource>
  /** What was read and found good when the options were made; undefined if it can only be fetched later. */
  readonly initial: Material | undefined
}

/** All certificates of one TLS server, as `tlsServerOptions` planned them. */
export interface CertificatePlan {
  readonly entries: readonly PlannedCertificate[]
  readonly allowUntrusted: boolean
}

/** What `tlsServerOptions` makes: TLS options of `node:https`, as the `https` of Fastify's options takes them. */
export interface MadeTlsOptions extends ServerOptions {
  /** Finds the certificate by server name; the certificates that are kept fresh are known by it. */
  readonly SNICallback: NonNullable<ServerOptions['SNICallback']>
}

/** A server's own contexts by server name, once an app keeps its certificates fresh. */
export type ContextFinder = (servername: string) => SecureContext | undefined

const plans = new WeakMap<object, CertificatePlan>()
const finders = new WeakMap<object, ContextFinder>()

/** The plan that TLS options were made with, whatever was spread around them. */
export function planOf(options: object | undefined): CertificatePlan | undefined {
  const callback: unknown = (options as ServerOptions | undefined)?.SNICallback
  return typeof callback === 'function' ? plans.get(callback) : undefined
}

/** From now on a server finds its contexts by server name here. */
export function findContextsIn(server: object, find: ContextFinder): void {
  finders.set(server, find)
}

/**
 * Plans the certificates of a server. What can be read is read and examined now, so that a mistake fails boot.
 * @throws PTC_HTTPS_KEY_UNUSABLE, PTC_HTTPS_CERTIFICATE_UNUSABLE
 */
export function planCertificates(
  fallback: Readonly<CertificateSource> | undefined,
  names: Readonly<Record<string, Readonly<CertificateSource>>>,
  { now, allowUntrusted }: { readonly now: number; readonly allowUntrusted: boolean },
): CertificatePlan {
  const places: (readonly [string | null, Readonly<CertificateSource>])[] = Object.entries(names)
  if (fallback !== undefined) places.unshift([null, fallback])
  const entries = places.map(([servedFor, source]) => {
    const initial = readNow(source)
    if (initial !== undefined) refuseFlaws(initial, servedFor, now, allowUntrusted)
    return { servedFor, source, initial }
  })
  return { entries, allowUntrusted }
}

/**
 * The part of the TLS options that holds the certificates.
 * @param policy the other TLS options: contexts by server name are made with all of them
 */
export function certificateOptions(plan: CertificatePlan, policy: ServerOptions): MadeTlsOptions {
  const unkept = new Map<string, SecureContext>()
  for (const { servedFor, initial } of plan.entries) {
    if (servedFor !== null && initial !== undefined)
      unkept.set(servedFor, createSecureContext({ ...policy, ...initial }))
  }
  // An app without the room serves what was there at the start.
  const find = byServerName(unkept)
  // The function is also what the plan is found by: it passes through copies and spreads of the options as it is.
  function SNICallback(
    this: TLSSocket & { readonly server?: object },
    servername: string,
    done: (error: Error | null, context?: SecureContext) => void,
  ): void {
    const own = this?.server === undefined ? undefined : finders.get(this.server)
    done(null, (own ?? find)(servername))
  }
  plans.set(SNICallback, plan)
  const initial = plan.entries.find(({ servedFor }) => servedFor === null)?.initial
  return { ...initial, SNICallback }
}

/** The pair that can be had without waiting. */
function readNow({ key, keyFile, cert, certFile, passphrase }: Readonly<CertificateSource>): Material | undefined {
  if ((key ?? keyFile) === undefined) return undefined
  return {
    key: key ?? readFile(keyFile as string, errors.PTC_HTTPS_KEY_UNUSABLE),
    cert: cert ?? readFile(certFile as string, errors.PTC_HTTPS_CERTIFICATE_UNUSABLE),
    ...(passphrase === undefined ? {} : { passphrase }),
  }
}

/** Reads a file now. @throws the given error, with what is wrong */
export function readFile(file: string, Failure: typeof errors.PTC_HTTPS_KEY_UNUSABLE): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new Failure(`${file} cannot be read (${String((error as NodeJS.ErrnoException).code)})`)
  }
}

/** @throws PTC_HTTPS_KEY_UNUSABLE, PTC_HTTPS_CERTIFICATE_UNUSABLE with the first flaw of a pair */
export function refuseFlaws(material: Material, servedFor: string | null, now: number, allowUntrusted: boolean): void {
  const { chain, flaws } = examine(material, now, allowUntrusted)
  const whose = servedFor === null ? '' : `for ${servedFor} `
  const [flaw] = flaws
  if (flaw !== undefined) {
    const Failure = flaw.about === 'key' ? errors.PTC_HTTPS_KEY_UNUSABLE : errors.PTC_HTTPS_CERTIFICATE_UNUSABLE
    throw new Failure(whose + flaw.message)
  }
  const [leaf] = chain
  if (servedFor !== null && leaf !== undefined && uncovered(leaf, [servedFor]).length > 0) {
    throw new errors.PTC_HTTPS_CERTIFICATE_UNUSABLE(`${whose}does not cover that name`)
  }
}
