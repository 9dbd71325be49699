import { createRequire } from 'node:module'
import { isIP } from 'node:net'
import { compileOptions, type Finding, type ObjectSchema, refuseToBoot } from '@portcullis/kernel'
import type { buildConnector, Dispatcher } from 'undici'
import type * as Undici from 'undici'
import { readFile } from './certificates/plan.ts'
import { flawOfAuthorities } from './client-certificates.ts'
import { errors } from './errors.ts'
import { policySchema, protocolOptions, type TlsPolicy } from './tls-policy.ts'

/** Options of `secureDispatcher`. */
export interface OutboundOptions {
  /** Certificates of the only authorities that are trusted, PEM. Default: the runtime's. */
  ca?: string | Buffer
  /** File with the same; read once. */
  caFile?: string
  /** Private key of our own client certificate, PEM. */
  key?: string | Buffer
  /** Our own client certificate and its intermediates, PEM. */
  cert?: string | Buffer
  /** Passphrase of an encrypted key. */
  passphrase?: string
  /** Protocol versions. Default `intermediate`: TLS 1.3, and 1.2 with ECDHE and AEAD; `modern`: 1.3 alone. */
  policy?: TlsPolicy
  /** Seconds until a connection must stand, its handshake included. Default 10. */
  connectTimeout?: number
  /** Seconds until an answer's header section must be complete. Default 30. */
  headersTimeout?: number
  /** Seconds between two pieces of an answer's body. Default 30. */
  bodyTimeout?: number
}

const pem = (description: string) =>
  ({ accepts: ['string', 'Buffer'], examples: ['-----BEGIN …'], description }) as const
const seconds = (value: number, description: string) =>
  ({ type: 'integer', minimum: 1, maximum: 3600, default: value, description }) as const

/** Strict JSON Schema of `OutboundOptions`. */
export const outboundSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ca: pem('Certificates of the only authorities that are trusted, PEM; absent, those of the runtime.'),
    caFile: { type: 'string', minLength: 1, examples: ['ca.pem'], description: 'File with the same; read once.' },
    key: { ...pem('Private key of our own client certificate, PEM.'), writeOnly: true },
    cert: pem('Our own client certificate and its intermediates, PEM.'),
    passphrase: { type: 'string', examples: ['…'], writeOnly: true, description: 'Passphrase of an encrypted key.' },
    policy: policySchema,
    connectTimeout: seconds(10, 'Seconds until a connection must stand, its handshake included.'),
    headersTimeout: seconds(30, "Seconds until an answer's header section must be complete."),
    bodyTimeout: seconds(30, "Seconds between two pieces of an answer's body."),
  },
}

function check({ ca, caFile, key, cert, passphrase }: Readonly<OutboundOptions>): Finding[] {
  const findings: Finding[] = []
  const remove = (name: string, rule: string, message: string): void => {
    findings.push({ at: `/${name}`, rule, message, fix: [{ op: 'remove', path: `/${name}` }] })
  }
  if (ca !== undefined && caFile !== undefined) remove('caFile', 'ca-twice', 'is given beside ca; remove one of them')
  if (key !== undefined && cert === undefined)
    remove('key', 'key-without-cert', 'belongs to a certificate, and cert is not given; give both, or remove it')
  if (cert !== undefined && key === undefined)
    remove('cert', 'cert-without-key', 'needs its private key, and key is not given; give both, or remove it')
  if (passphrase !== undefined && key === undefined)
    remove('passphrase', 'passphrase-without-key', 'opens a key, and key is not given; remove it')
  return findings
}

const inspect = compileOptions<OutboundOptions>(outboundSchema, check)

/**
 * A dispatcher for `fetch`, the runtime's or undici's, and undici's `request`: certificates are verified whatever `NODE_TLS_REJECT_UNAUTHORIZED`
 * and the caller say, against the name in the URL; nothing below TLS 1.2; no request and no redirect to plaintext.
 * @throws PTC_OPTIONS_INVALID, PTC_HTTPS_OUTBOUND_AUTHORITY_UNUSABLE; requests to plaintext fail with
 *   PTC_HTTPS_OUTBOUND_PLAINTEXT
 * @example const answer = await fetch('https://billing.internal/', { dispatcher: secureDispatcher({ caFile: 'ca.pem' }) })
 */
export function secureDispatcher(given: OutboundOptions = {}): Dispatcher {
  const { options, mistakes } = inspect(given)
  if (options === undefined) return refuseToBoot('the options of secureDispatcher()', mistakes)
  const { key, cert, passphrase } = options
  // Loaded when it is used: most apps never call out.
  const { Agent, buildConnector, Dispatcher1Wrapper } = createRequire(import.meta.url)('undici') as typeof Undici
  const ca = authorities(options)
  const connect = buildConnector({
    ...protocolOptions(options.policy as TlsPolicy),
    ...(ca === undefined ? {} : { ca }),
    ...(key === undefined || cert === undefined ? {} : { key, cert }),
    ...(passphrase === undefined ? {} : { passphrase }),
    // Said outright, so that the environment is not asked.
    rejectUnauthorized: true,
    timeout: (options.connectTimeout as number) * 1000,
  })
  const agent = new Agent({
    connect: (target: buildConnector.Options, done: buildConnector.Callback) => connect(byName(target), done),
    headersTimeout: (options.headersTimeout as number) * 1000,
    bodyTimeout: (options.bodyTimeout as number) * 1000,
  })
  // The runtime's own fetch is an undici of another version, whose handlers have other names.
  const older = new Dispatcher1Wrapper(agent)
  return agent.compose((dispatch) => (request, handler) => {
    const origin = String(request.origin)
    const current = handler.onRequestStart !== undefined
    if (/^https:/i.test(origin)) return current ? dispatch(request, handler) : older.dispatch(request, handler)
    const error = new errors.PTC_HTTPS_OUTBOUND_PLAINTEXT(URL.canParse(origin) ? new URL(origin).origin : 'such a URL')
    if (handler.onResponseError === undefined) throw error
    handler.onResponseError(null as never, error)
    return false
  })
}

/** undici verifies the name in a Host field if one is given; whoever writes that field would choose the certificate. */
function byName(target: buildConnector.Options): buildConnector.Options {
  const name = target.hostname.replace(/^\[|\]$/g, '')
  return { ...target, servername: isIP(name) === 0 ? name : '' }
}

function authorities({ ca, caFile }: Readonly<OutboundOptions>): string | Buffer | undefined {
  const pem = caFile === undefined ? ca : readFile(caFile, errors.PTC_HTTPS_OUTBOUND_AUTHORITY_UNUSABLE)
  const flaw = pem === undefined ? undefined : flawOfAuthorities(pem, Date.now())
  if (flaw !== undefined) throw new errors.PTC_HTTPS_OUTBOUND_AUTHORITY_UNUSABLE(flaw)
  return pem
}
