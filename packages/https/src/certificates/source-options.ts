import type { Finding } from '@portcullis/kernel'
import type { Material } from './chain.ts'
import { isServerName } from './names.ts'

/** Certificates from a certificate authority that speaks ACME (RFC 8555), proved over HTTP-01. */
export interface AcmeOptions {
  /** Your consent to the authority's terms of service. */
  agreeToTerms: true
  /** Folder for account and certificates; keep it between deployments. One process at a time. */
  folder: string
  /** The authority's directory. Default: Let's Encrypt; its staging directory is for trying. */
  directory?: string
  /** Where the authority sends warnings. */
  email?: string
  /** Names to ask for. Default: the names in the room's `hosts`, or the name that this source is for. */
  hosts?: string[]
  /** The authority's account of yours that the ACME account is bound to (RFC 8555 §7.3.4). */
  externalAccount?: { keyId: string; hmacKey: string }
  /** Certificates that vouch for the directory itself, PEM, for an authority of your own. */
  ca?: string | Buffer
  /** Seconds before the first try after a failure; twice as long after each, up to six hours. Default 60. */
  retryAfter?: number
}

/** One source of a key and its certificates: exactly one of PEM, files, function, ACME. */
export interface CertificateSource {
  /** Private key, PEM. */
  key?: string | Buffer
  /** Certificate, followed by its intermediates, PEM. */
  cert?: string | Buffer
  /** File with the private key; watched. */
  keyFile?: string
  /** File with the certificate and its intermediates; watched. */
  certFile?: string
  /** Passphrase of an encrypted key. */
  passphrase?: string
  /** Called at boot and every `refresh` seconds. */
  load?: () => Material | Promise<Material>
  /** Seconds between two calls of `load`. Default 3600. */
  refresh?: number
  acme?: AcmeOptions
}

const pem = (description: string) =>
  ({ accepts: ['string', 'Buffer'], examples: ['-----BEGIN …'], description }) as const
const text = (description: string, example: string) =>
  ({ type: 'string', minLength: 1, examples: [example], description }) as const

const acme = {
  type: 'object',
  additionalProperties: false,
  required: ['agreeToTerms', 'folder'],
  examples: [{ agreeToTerms: true, folder: '.acme' }],
  description: 'Certificates from an ACME authority (RFC 8555), proved over HTTP-01 on the plaintext port.',
  properties: {
    agreeToTerms: {
      type: 'boolean',
      enum: [true],
      examples: [true],
      description: "Your consent to the authority's terms of service.",
    },
    folder: text('Folder for account and certificates; keep it between deployments. One process at a time.', '.acme'),
    directory: {
      type: 'string',
      pattern: '^https://[^/?#@\\s]+/[^?#\\s]*$',
      title: 'an https URL with a path',
      default: 'https://acme-v02.api.letsencrypt.org/directory',
      description: "The authority's directory; https://acme-staging-v02.api.letsencrypt.org/directory is for trying.",
    },
    email: {
      type: 'string',
      pattern: '^[^@\\s,?]+@[^@\\s,?]+$',
      title: 'a mail address',
      examples: ['ops@example.com'],
      description: 'Where the authority sends warnings.',
    },
    hosts: {
      type: 'array',
      minItems: 1,
      maxItems: 100,
      uniqueItems: true,
      items: text('A name.', 'api.example.com'),
      examples: [['api.example.com']],
      description: "Names to ask for; absent, those in the room's `hosts`.",
    },
    externalAccount: {
      type: 'object',
      additionalProperties: false,
      required: ['keyId', 'hmacKey'],
      examples: [{ keyId: 'kid-1', hmacKey: '…' }],
      description: 'The account of yours that the ACME account is bound to (RFC 8555 §7.3.4).',
      properties: {
        keyId: text('Its key identifier.', 'kid-1'),
        hmacKey: { ...text('Its key, base64url.', '…'), writeOnly: true },
      },
    },
    ca: pem('Certificates that vouch for the directory itself, PEM, for an authority of your own.'),
    retryAfter: {
      type: 'integer',
      minimum: 1,
      maximum: 21_600,
      default: 60,
      description: 'Seconds before the first try after a failure; twice as long after each, up to six hours.',
    },
  },
} as const

/** The properties of a `CertificateSource`, as strict JSON Schema. */
export const sourceProperties = {
  key: { ...pem('Private key, PEM.'), writeOnly: true },
  cert: pem('Certificate, followed by its intermediates, PEM.'),
  keyFile: text('File with the private key; watched for changes.', 'server.key'),
  certFile: text('File with the certificate and its intermediates; watched for changes.', 'server.pem'),
  passphrase: { type: 'string', examples: ['…'], writeOnly: true, description: 'Passphrase of an encrypted key.' },
  load: { accepts: ['function'], description: 'Returns `{ key, cert }`, PEM, or a promise of it.' },
  refresh: {
    type: 'integer',
    minimum: 1,
    maximum: 604_800,
    examples: [3600],
    description: 'Seconds between two calls of `load`; absent, 3600.',
  },
  acme,
} as const

/** Rules between the fields of a source that lies `at` a pointer; `required` unless it may be absent altogether. */
export function checkSource(source: Readonly<CertificateSource>, at: string, required: boolean): Finding[] {
  const findings: Finding[] = []
  const find = (key: string, rule: string, message: string, fix: Finding['fix']): void => {
    findings.push({ at: `${at}/${key}`, rule, message, fix })
  }
  const pairGiven = (['key', 'cert', 'keyFile', 'certFile'] as const).filter((key) => source[key] !== undefined)
  for (const other of ['load', 'acme'] as const) {
    if (source[other] === undefined) continue
    const beside = other === 'load' && source.acme !== undefined ? 'acme' : pairGiven[0]
    if (beside === undefined) continue
    find(other, 'two-sources', `is given beside ${beside}, and one source is enough; remove one of them`, [
      { op: 'remove', path: `${at}/${other}` },
    ])
  }
  if (source.refresh !== undefined && source.load === undefined) {
    find('refresh', 'refresh-without-load', 'says how often load is called, and there is none; remove it', [
      { op: 'remove', path: `${at}/refresh` },
    ])
  }
  source.acme?.hosts?.forEach((host, index) => {
    if (isServerName(host) && !host.startsWith('*')) return
    find(
      `acme/hosts/${index}`,
      'acme-host',
      "is not a name in lower case that HTTP-01 can prove; write 'api.example.com'",
      [{ op: 'replace', path: `${at}/acme/hosts/${index}`, value: 'api.example.com' }],
    )
  })
  if (source.load !== undefined || source.acme !== undefined || (!required && pairGiven.length === 0)) return findings
  for (const [inline, file, example] of [
    ['key', 'keyFile', 'server.key'],
    ['cert', 'certFile', 'server.pem'],
  ] as const) {
    if (source[inline] === undefined && source[file] === undefined) {
      find(file, `${inline}-missing`, `or ${inline} is required; write ${file}: '${example}'`, [
        { op: 'add', path: `${at}/${file}`, value: example },
      ])
    } else if (source[inline] !== undefined && source[file] !== undefined) {
      find(file, `${inline}-twice`, `is given beside ${inline}; remove one of them`, [
        { op: 'remove', path: `${at}/${file}` },
      ])
    }
  }
  return findings
}
