import { constants } from 'node:crypto'
import type { ServerOptions } from 'node:https'
import { compileOptions, type Finding, type ObjectSchema, refuseToBoot } from '@portcullis/kernel'
import { isServerName } from './certificates/names.ts'
import { certificateOptions, planCertificates } from './certificates/plan.ts'
import { checkSource, sourceProperties, type CertificateSource } from './certificates/source-options.ts'

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
  /** Lowest protocol version. Default TLSv1.2, which RFC 9325 §3.1.1 still admits; everything below never is. */
  minVersion?: 'TLSv1.2' | 'TLSv1.3'
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
    minVersion: {
      type: 'string',
      enum: ['TLSv1.2', 'TLSv1.3'],
      default: 'TLSv1.2',
      description: 'Lowest protocol version.',
    },
    handshakeTimeout: seconds(10, 'Seconds until a handshake must be complete.'),
    headersTimeout: seconds(10, "Seconds until a request's header section must be complete."),
    requestTimeout: seconds(30, 'Seconds until a whole request must be complete.'),
  },
}

// RFC 9325 §4.2: forward secrecy and authenticated encryption only. ECDSA and RSA certificates both find theirs.
const SUITES = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

const inspect = compileOptions<TlsOptions>(tlsOptionsSchema, check)

function check(options: Readonly<TlsOptions>): Finding[] {
  const names = Object.entries(options.names ?? {})
  const findings = checkSource(options, '', names.length === 0)
  for (const [name, source] of names) {
    const at = `/names/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (!isServerName(name)) {
      findings.push({
        at,
        rule: 'server-name',
        message: 'is not a name in lower case, exact or with one leading `*.`; remove it',
        fix: [{ op: 'remove', path: at }],
      })
    } else findings.push(...checkSource(source, at, true))
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

/**
 * The `https` part of Fastify's options: TLS 1.3, and 1.2 with ECDHE and AEAD suites only; time-outs that fire.
 * Key and certificate are read and examined now, so that a mistake fails boot and not the first handshake. The room
 * keeps them fresh: files are watched, `load` is called again, ACME renews.
 * @param given where the certificate comes from
 * @param now the time at which the certificate must be valid
 * @throws PTC_OPTIONS_INVALID, PTC_HTTPS_KEY_UNUSABLE, PTC_HTTPS_CERTIFICATE_UNUSABLE
 * @example Fastify({ https: tlsServerOptions({ keyFile: 'server.key', certFile: 'server.pem' }), requestTimeout: 30_000 })
 */
export function tlsServerOptions(given: TlsOptions, now: Date = new Date()): ServerOptions {
  const { options, mistakes } = inspect(given)
  if (options === undefined) return refuseToBoot('the options of tlsServerOptions()', mistakes)
  const { names = {}, dangerouslyAllowUntrustedCertificates: allowUntrusted = false } = options
  const ofItsOwn = (['key', 'keyFile', 'load', 'acme'] as const).some((one) => options[one] !== undefined)
  const plan = planCertificates(ofItsOwn ? options : undefined, names, { now: now.getTime(), allowUntrusted })
  const policy: ServerOptions = {
    minVersion: options.minVersion as 'TLSv1.2' | 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: SUITES,
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
  return { ...policy, ...certificateOptions(plan, policy) }
}
