import type { PeerCertificate, TLSSocket } from 'node:tls'
import { isIP } from 'node:net'
import type { Finding } from '@portcullis/kernel'
import { readChain } from './certificates/chain.ts'

/** Which clients may connect (mutual TLS). */
export interface ClientCertificateOptions {
  /** Certificates of the authorities that vouch for clients, PEM. */
  ca?: string | Buffer
  /** File with the same; read at boot. */
  caFile?: string
  /** Whether a client without a certificate is refused in the handshake. Default true. */
  required?: boolean
  /**
   * Names of which a client's certificate must hold one: `DNS:billing.internal`, `URI:spiffe://a/billing`,
   * `IP:10.0.0.7`, `email:ops@example.com`. Default: whatever the authorities vouch for.
   */
  allow?: string[]
}

/** A client's certificate, verified: signed by one of `ca`, in its time, admitted by `allow`. */
export interface ClientCertificate {
  /** Distinguished name by attribute, such as `{ CN: 'billing' }`. */
  readonly subject: Readonly<Record<string, string | readonly string[]>>
  /** Subject alternative names as `allow` writes them. */
  readonly san: readonly string[]
  /** SHA-256 over the certificate, `AB:CD:…`. */
  readonly fingerprint256: string
  /** The issuer's distinguished name by attribute. */
  readonly issuer: Readonly<Record<string, string | readonly string[]>>
}

/** The options as a decision. */
export interface ClientPolicy {
  readonly required: boolean
  readonly allow: ReadonlySet<string> | undefined
}

/** Why a client may not connect. */
export type ClientRefusal = 'missing' | 'untrusted' | 'not-allowed'

/** A client that may not connect, and what is known of it. */
interface RefusedClient {
  readonly certificate: null
  readonly refused: ClientRefusal
  readonly detail: Readonly<Record<string, unknown>>
}

/** What is known of the client of one connection. */
export type Client = { readonly certificate: ClientCertificate | null; readonly refused?: undefined } | RefusedClient

/** Strict JSON Schema of `ClientCertificateOptions`. */
export const clientCertificatesSchema = {
  type: 'object',
  additionalProperties: false,
  examples: [{ caFile: 'clients-ca.pem' }],
  description: 'Which clients may connect (mutual TLS).',
  properties: {
    ca: {
      accepts: ['string', 'Buffer'],
      examples: ['-----BEGIN …'],
      description: 'Certificates of the authorities that vouch for clients, PEM.',
    },
    caFile: {
      type: 'string',
      minLength: 1,
      examples: ['clients-ca.pem'],
      description: 'File with the same; read at boot.',
    },
    required: {
      type: 'boolean',
      default: true,
      description: 'Whether a client without a certificate is refused in the handshake.',
    },
    allow: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { type: 'string', minLength: 1, examples: ['DNS:billing.internal'] },
      examples: [['DNS:billing.internal']],
      description: "Names of which a client's certificate must hold one; absent, the authorities' word is enough.",
    },
  },
} as const

/** Rules between the fields. */
export function checkClientCertificates(options: Readonly<ClientCertificateOptions> | undefined): Finding[] {
  if (options === undefined) return []
  const findings: Finding[] = []
  const { ca, caFile, allow = [] } = options
  if (ca === undefined && caFile === undefined) {
    findings.push({
      at: '/clientCertificates/caFile',
      rule: 'ca-missing',
      message: "or ca is required: nobody else's word should count; write caFile: 'clients-ca.pem'",
      fix: [{ op: 'add', path: '/clientCertificates/caFile', value: 'clients-ca.pem' }],
    })
  } else if (ca !== undefined && caFile !== undefined) {
    findings.push({
      at: '/clientCertificates/caFile',
      rule: 'ca-twice',
      message: 'is given beside ca; remove one of them',
      fix: [{ op: 'remove', path: '/clientCertificates/caFile' }],
    })
  }
  allow.forEach((entry, index) => {
    if (canonicalName(entry) === entry) return
    const at = `/clientCertificates/allow/${index}`
    const value = meant(entry)
    findings.push({
      at,
      rule: 'client-name',
      message: `is not DNS:, URI:, IP: or email: before one exact name; write '${value}'`,
      fix: [{ op: 'replace', path: at, value }],
    })
  })
  return findings
}

function meant(entry: string): string {
  const text = entry.trim().replaceAll('*.', '')
  const guesses = [text, text.replace(/^(\w+): */, (_, kind: string) => `${kind.toUpperCase()}:`)]
  if (text.includes('://')) guesses.push(`URI:${text}`)
  guesses.push(`IP:${text}`, `email:${text}`, `DNS:${text.toLowerCase()}`)
  const found = guesses.map(canonicalName).find((one) => one !== undefined)
  return found ?? 'DNS:billing.internal'
}

/** A name inside an organization may have one label. */
const NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/

/** One spelling for one name, as compared; undefined if it is none. */
function canonicalName(entry: string): string | undefined {
  const [, kind, name = ''] = /^(DNS|URI|IP|email):(\S+)$/.exec(entry) ?? []
  if (kind === undefined) return undefined
  switch (kind) {
    case 'DNS': {
      const lower = name.toLowerCase()
      return NAME.test(lower) && isIP(lower) === 0 ? `DNS:${lower}` : undefined
    }
    case 'IP':
      if (isIP(name) === 0 || name.includes('%')) return undefined
      return isIP(name) === 6 ? `IP:${new URL(`http://[${name}]`).hostname.slice(1, -1)}` : entry
    case 'email':
      return /^[^@]+@[^@]+$/.test(name) ? entry : undefined
    default:
      return /^[a-z][a-z0-9+.-]*:./i.test(name) ? entry : undefined
  }
}

/**
 * The names in a certificate, as `allow` writes them. Node quotes what could be mistaken for several names
 * (CVE-2021-44532); a text that does not read to its end names nobody.
 */
export function alternativeNames(text: string | undefined): string[] {
  if (text === undefined) return []
  const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y
  const names: string[] = []
  while (entry.lastIndex < text.length) {
    const [, kind, value = ''] = entry.exec(text) ?? []
    if (kind === undefined) return []
    const name = value.startsWith('"') ? quoted(value) : value
    const known = canonicalName(`${kind === 'IP Address' ? 'IP' : kind}:${name}`)
    if (known !== undefined) names.push(known)
  }
  return names
}

function quoted(value: string): string {
  try {
    return String(JSON.parse(value))
  } catch {
    return ''
  }
}

/** Why the certificates of the authorities cannot vouch; undefined if they can. */
export function flawOfAuthorities(pem: string | Buffer, now: number): string | undefined {
  try {
    const authorities = readChain(pem)
    if (authorities.length === 0) return 'hold no certificate in PEM'
    if (authorities.some(({ ca }) => !ca)) return 'hold a certificate that may not sign others'
    return authorities.some(({ validToDate }) => validToDate.getTime() < now) ? 'hold one that has expired' : undefined
  } catch {
    return 'are not PEM, or damaged'
  }
}

/** Judges a client that showed no certificate. */
export function withoutCertificate({ required }: Pick<ClientPolicy, 'required'>): Client {
  return required ? { certificate: null, refused: 'missing', detail: {} } : { certificate: null }
}

/** Judges the client of a connection that has passed its handshake. */
export function judge({ required, allow }: ClientPolicy, socket: TLSSocket): Client {
  const given = socket.getPeerX509Certificate()
  if (given === undefined) return withoutCertificate({ required })
  const san = alternativeNames(given.subjectAltName)
  const { fingerprint256 } = given
  if (!socket.authorized) {
    const reason = String(socket.authorizationError)
    return { certificate: null, refused: 'untrusted', detail: { fingerprint256, san, reason } }
  }
  if (allow !== undefined && !san.some((name) => allow.has(name)))
    return { certificate: null, refused: 'not-allowed', detail: { fingerprint256, san } }
  const { subject, issuer } = given.toLegacyObject() as unknown as Record<
    'subject' | 'issuer',
    PeerCertificate['subject']
  >
  return {
    certificate: Object.freeze({
      subject: Object.freeze({ ...subject }) as never,
      san: Object.freeze(san),
      fingerprint256,
      issuer: Object.freeze({ ...issuer }) as never,
    }),
  }
}
