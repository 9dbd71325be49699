import { constants } from 'node:crypto'
import type { ServerOptions } from 'node:https'
import { compileOptions, type Finding, type ObjectSchema, refuseToBoot } from '@portcullis/kernel'
import { isServerName } from './certificates/names.ts'
import { certificateOptions, planCertificates, planOf, readFile, type MadeTlsOptions } from './certificates/plan.ts'
import { checkSource, sourceProperties, type CertificateSource } from './certificates/source-options.ts'
import {
  checkClientCertificates,
  clientCertificatesSchema,
  flawOfAuthorities,
  type ClientCertificateOptions,
} from './client-certificates.ts'
import { demandCertificates } from './client-guard.ts'
import { errors } from './errors.ts'
import { policySchema, protocolOptions, type TlsPolicy } from './tls-policy.ts'

/**
 * What `tlsServerOptions` needs: where the certificate comes from (PEM, files, a function, ACME), and what differs from
 * the defaults.
 */
export interface TlsOptions extends CertificateSource {
  /**
   * Sources by server name (RFC 6066 §3), `api.example.com` or `*.example.com`; whoever asks for another name, or for
   * none, gets the certificate beside them.
   */
  names?: Record<string, CertificateSource>
  /** Admits certificates that are self-signed, expired, weak, or signed over SHA-1. */
  dangerouslyAllowUntrustedCertificates?: boolean
  /** Protocol versions. Default `intermediate`: TLS 1.3, and 1.2 with ECDHE and AEAD; `modern`: 1.3 alone. */
  policy?: TlsPolicy
  /** Asks clients for certificates (mutual TLS). Default: not. */
  clientCertificates?: ClientCertificateOptions
  /** Seconds until a handshake must be complete. Default 10. */
  handshakeTimeout?: number
  /** Seconds until a request's header section must be complete. Default 10. */
  headersTimeout?: number
  /** Seconds until a whole request must be complete. Default 30. Fastify's own `requestTimeout` wins if it is set. */
  requestTimeout?: number
}

const seconds = (value: number, description: string) =>
  ({ type: 'integer', minimum: 1, maximum: 3600, default: value, description }) as const
/** Strict JSON Schema of `TlsOptions`. */
export const tlsOptionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...sourceProperties,
    names: {
      type: 'object',
      additionalProperties: { type: 'object', additionalProperties: false, properties: sourceProperties },
      default: {},
      description:
        'Sources by server name, exact or with one leading `*.`; other names get the certificate beside them.',
    },
    dangerouslyAllowUntrustedCertificates: {
      type: 'boolean',
      default: false,
      description: 'Admits certificates that are self-signed, expired, weak, or signed over SHA-1.',
    },
    policy: policySchema,
    clientCertificates: clientCertificatesSchema,
    handshakeTimeout: seconds(10, 'Seconds until a handshake must be complete.'),
    headersTimeout: seconds(10, "Seconds until a request's header section must be complete."),
    requestTimeout: seconds(30, 'Seconds until a whole request must be complete.'),
  },
}

const inspect = compileOptions<TlsOptions>(tlsOptionsSchema, check)

function check(options: Readonly<TlsOptions>): Finding[] {
  const names = Object.entries(options.names ?? {})
  const findings = [
    ...checkSource(options, '', names.length === 0),
    ...checkClientCertificates(options.clientCertificates),
  ]
  for (const [name, source] of names) {
    const at = `/names/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (!isServerName(name)) {
      findings.push({
        at,
        rule: 'server-name',
        message: 'is not a name in lower case, exact or with one leading `*.`; remove it',
        fix: [{ op: 'remove', path: at }],
      })
    } else findings.push(...checkSource(source, at, true), ...checkProvable(name, source, at))
  }
  const { headersTimeout = 0, requestTimeout = headersTimeout } = options
  if (headersTimeout > requestTimeout) {
    findings.push({
      at: '/headersTimeout',
      rule: 'headers-outlast-request',
      message: `must not be longer than requestTimeout; write headersTimeout: ${requestTimeout}`,
      fix: [{ op: 'replace', path: '/headersTimeout', value: requestTimeout }],
    })
  }
  return findings
}

/** What an authority is asked for has to serve the name that it is asked for. */
function checkProvable(name: string, { acme }: Readonly<CertificateSource>, at: string): Finding[] {
  if (acme === undefined) return []
  if (name.startsWith('*')) {
    const message = 'is a wildcard, and HTTP-01 cannot prove one (RFC 8555 §8.3); write exact names, or remove it'
    return [{ at, rule: 'acme-wildcard', message, fix: [{ op: 'remove', path: at }] }]
  }
  if (acme.hosts === undefined || acme.hosts.includes(name)) return []
  return [
    {
      at: `${at}/acme/hosts`,
      rule: 'acme-other-host',
      message: `does not hold '${name}', for which the certificate is served; add it, or leave hosts out`,
      fix: [{ op: 'add', path: `${at}/acme/hosts/-`, value: name }],
    },
  ]
}

/**
 * The `https` part of Fastify's options: TLS 1.3, and 1.2 with ECDHE and AEAD suites only; time-outs that fire.
 * Key and certificate are read and examined now, so that a mistake fails boot and not the first handshake. The room
 * keeps them fresh: files are watched, `load` is called again, ACME renews.
 * @param given where the certificate comes from; what this function made before is returned as it is
 * @param now the time at which the certificate must be valid
 * @throws PTC_OPTIONS_INVALID, PTC_HTTPS_KEY_UNUSABLE, PTC_HTTPS_CERTIFICATE_UNUSABLE,
 *   PTC_HTTPS_CLIENT_AUTHORITY_UNUSABLE
 * @example Fastify({ https: tlsServerOptions({ keyFile: 'server.key', certFile: 'server.pem' }) })
 */
export function tlsServerOptions(given: TlsOptions | MadeTlsOptions, now: Date = new Date()): MadeTlsOptions {
  if (isMade(given)) return given
  const { options, mistakes } = inspect(given)
  if (options === undefined) return refuseToBoot('the options of tlsServerOptions()', mistakes)
  const { names = {}, dangerouslyAllowUntrustedCertificates: allowUntrusted = false } = options
  const ofItsOwn = (['key', 'keyFile', 'load', 'acme'] as const).some((one) => options[one] !== undefined)
  const plan = planCertificates(ofItsOwn ? options : undefined, names, { now: now.getTime(), allowUntrusted })
  const clients = clientOptions(options.clientCertificates, now.getTime())
  const policy: ServerOptions = {
    ...protocolOptions(options.policy as TlsPolicy),
    ...clients,
    honorCipherOrder: true,
    // CVE-2011-1473: renegotiation lets a client make the server work for nothing.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: (options.handshakeTimeout as number) * 1000,
    headersTimeout: (options.headersTimeout as number) * 1000,
    requestTimeout: (options.requestTimeout as number) * 1000,
    // Node looks at time-outs only so often: 30 s by default, which is longer than they are.
    connectionsCheckingInterval: 1000,
    // The kernel answers a missing Host itself; Node's own answer carries no field of ours.
    requireHostHeader: false,
  }
  const made: MadeTlsOptions = { ...policy, ...certificateOptions(plan, policy) }
  const { required = true, allow } = options.clientCertificates ?? {}
  if (clients !== undefined)
    demandCertificates(made, { required, allow: allow === undefined ? undefined : new Set(allow) })
  return made
}

const isMade = (given: TlsOptions | MadeTlsOptions): given is MadeTlsOptions => planOf(given) !== undefined

/** Node refuses a bad certificate only if none is optional; where one is, the guard refuses the bad ones. */
function clientOptions(
  given: Readonly<ClientCertificateOptions> | undefined,
  now: number,
): Pick<ServerOptions, 'ca' | 'requestCert' | 'rejectUnauthorized'> | undefined {
  if (given === undefined) return undefined
  const ca = given.ca ?? readFile(given.caFile as string, errors.PTC_HTTPS_CLIENT_AUTHORITY_UNUSABLE)
  const flaw = flawOfAuthorities(ca, now)
  if (flaw !== undefined) throw new errors.PTC_HTTPS_CLIENT_AUTHORITY_UNUSABLE(flaw)
  return { ca, requestCert: true, rejectUnauthorized: given.required !== false }
}
