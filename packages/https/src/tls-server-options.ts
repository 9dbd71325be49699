import { constants, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ServerOptions } from 'node:https'
import { compileOptions, type Finding, type ObjectSchema, refuseToBoot } from '@portcullis/kernel'
import { errors } from './errors.ts'

/** What `tlsServerOptions` needs: a key and a certificate, as PEM or as files, and what differs from the defaults. */
export interface TlsOptions {
  /** Private key, PEM. */
  key?: string | Buffer
  /** Certificate, followed by its intermediates, PEM. */
  cert?: string | Buffer
  /** File with the private key, instead of `key`. */
  keyFile?: string
  /** File with the certificate and its intermediates, instead of `cert`. */
  certFile?: string
  /** Passphrase of an encrypted key. */
  passphrase?: string
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
const pem = (description: string) =>
  ({ accepts: ['string', 'Buffer'], examples: ['-----BEGIN …'], description }) as const

/** Strict JSON Schema of `TlsOptions`. */
export const tlsOptionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    key: { ...pem('Private key, PEM.'), writeOnly: true },
    cert: pem('Certificate, followed by its intermediates, PEM.'),
    keyFile: { type: 'string', minLength: 1, examples: ['server.key'], description: 'File with the private key.' },
    certFile: {
      type: 'string',
      minLength: 1,
      examples: ['server.pem'],
      description: 'File with the certificate and its intermediates.',
    },
    passphrase: { type: 'string', examples: ['…'], writeOnly: true, description: 'Passphrase of an encrypted key.' },
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
  const findings: Finding[] = []
  for (const [text, file, example] of [
    ['key', 'keyFile', 'server.key'],
    ['cert', 'certFile', 'server.pem'],
  ] as const) {
    if (options[text] === undefined && options[file] === undefined) {
      findings.push({
        at: `/${file}`,
        rule: `${text}-missing`,
        message: `or ${text} is required; write ${file}: '${example}'`,
        fix: [{ op: 'add', path: `/${file}`, value: example }],
      })
    } else if (options[text] !== undefined && options[file] !== undefined) {
      findings.push({
        at: `/${file}`,
        rule: `${text}-twice`,
        message: `is given beside ${text}; remove one of them`,
        fix: [{ op: 'remove', path: `/${file}` }],
      })
    }
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
 * Key and certificate are read and compared now, so that a mistake fails boot and not the first handshake.
 * @param given key and certificate, as PEM or as files
 * @param now the time at which the certificate must be valid
 * @throws PTC_OPTIONS_INVALID, PTC_HTTPS_KEY_UNUSABLE, PTC_HTTPS_CERTIFICATE_UNUSABLE
 * @example Fastify({ https: tlsServerOptions({ keyFile: 'server.key', certFile: 'server.pem' }), requestTimeout: 30_000 })
 */
export function tlsServerOptions(given: TlsOptions, now: Date = new Date()): ServerOptions {
  const { options, mistakes } = inspect(given)
  if (options === undefined) return refuseToBoot('the options of tlsServerOptions()', mistakes)
  const key = options.key ?? read(options.keyFile as string, errors.PTC_HTTPS_KEY_UNUSABLE)
  const cert = options.cert ?? read(options.certFile as string, errors.PTC_HTTPS_CERTIFICATE_UNUSABLE)
  examine(key, cert, options.passphrase, now)
  return {
    key,
    cert,
    ...(options.passphrase === undefined ? {} : { passphrase: options.passphrase }),
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
}

function read(file: string, Failure: typeof errors.PTC_HTTPS_KEY_UNUSABLE): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new Failure(`${file} cannot be read (${String((error as NodeJS.ErrnoException).code)})`)
  }
}

function examine(key: string | Buffer, cert: string | Buffer, passphrase: string | undefined, now: Date): void {
  const Certificate = errors.PTC_HTTPS_CERTIFICATE_UNUSABLE
  const Key = errors.PTC_HTTPS_KEY_UNUSABLE
  let certificate: X509Certificate
  let secret: KeyObject
  try {
    certificate = new X509Certificate(cert)
  } catch {
    throw new Certificate('is not PEM, or damaged')
  }
  try {
    secret = createPrivateKey({ key, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) })
  } catch {
    throw new Key('is not PEM, or damaged, or its passphrase is wrong')
  }
  if (!certificate.checkPrivateKey(secret)) throw new Key('does not belong to the certificate')
  // RFC 9325 §4.5: at least 112 bits of security.
  if ((secret.asymmetricKeyDetails?.modulusLength ?? 2048) < 2048) throw new Key('is an RSA key of less than 2048 bits')
  if (now > certificate.validToDate) throw new Certificate(`expired on ${certificate.validToDate.toISOString()}`)
  if (now < certificate.validFromDate) {
    throw new Certificate(`is valid from ${certificate.validFromDate.toISOString()} on`)
  }
}
