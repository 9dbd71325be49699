import type { ObjectSchema } from '@portcullis/kernel'
import type { RequestSecurity, SecurityIdentity } from 'fastify'
import { identityOf, type Strategy } from '../identity.ts'
import { rolesSchema, scopesSchema } from '../access/route-options.ts'

/** Who a client with a certificate is, by a name in the certificate. */
export interface CertificateIdentity {
  /** Subject alternative name: `DNS:billing.internal`, `URI:spiffe://a/billing`, `IP:10.0.0.7` or `email:ops@example.com`. */
  name: string
  /** Who that is. */
  subject: string
  scopes?: readonly string[]
  roles?: readonly string[]
}

/** Clients that are known by their certificate (mutual TLS): the https room verifies it, this says who it is. */
export interface ClientCertificateOptions {
  /** Who is admitted, by name. */
  identities: CertificateIdentity[]
}

/** As the https room writes names. */
const NAME = '^(?:DNS:[a-z0-9_.-]+|URI:[A-Za-z][A-Za-z0-9+.-]*:\\S+|IP:[0-9a-f.:]+|email:[^\\s@]+@[^\\s@]+)$'

/** Schema of `clientCertificate`. */
export const clientCertificateSchema: ObjectSchema = {
  type: 'object',
  description: 'Clients that are known by their certificate, which the https room verifies (`clientCertificates`).',
  additionalProperties: false,
  required: ['identities'],
  properties: {
    identities: {
      description: 'Who is admitted, by a subject alternative name.',
      type: 'array',
      minItems: 1,
      examples: [[{ name: 'DNS:billing.internal', subject: 'billing' }]],
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['name', 'subject'],
        examples: [{ name: 'DNS:billing.internal', subject: 'billing' }],
        properties: {
          name: {
            description: 'Subject alternative name: `DNS:`, `URI:`, `IP:` or `email:` before one exact name.',
            type: 'string',
            pattern: NAME,
            title: 'DNS:, URI:, IP: or email: before one exact name',
            examples: ['DNS:billing.internal'],
          },
          subject: { description: 'Who that is.', type: 'string', minLength: 1, maxLength: 255, examples: ['billing'] },
          scopes: { ...scopesSchema, description: 'Scopes it has.', examples: [['invoices:read']] },
          roles: { ...rolesSchema, description: 'Roles it has.', examples: [['service']] },
        },
      },
    },
  },
}

/** What the https room says of a certificate. */
interface VerifiedCertificate {
  readonly san: readonly string[]
  readonly fingerprint256: string
}

/** The certificate that the https room has verified; null without one. */
function certificateOf(security: RequestSecurity | undefined): VerifiedCertificate | null {
  return (security as { clientCertificate?: VerifiedCertificate | null } | undefined)?.clientCertificate ?? null
}

/**
 * Client certificates. One that has none of the names is no credential here: services of a mesh all have one, and bring
 * tokens too.
 */
export function clientCertificateStrategy({ identities }: Readonly<ClientCertificateOptions>): Strategy {
  const known = new Map(identities.map((one) => [one.name, one]))
  // A certificate lasts as long as its connection.
  const remembered = new WeakMap<VerifiedCertificate, SecurityIdentity>()

  return {
    scheme: 'client-certificate',
    find(_fields, security) {
      const certificate = certificateOf(security)
      return certificate !== null && certificate.san.some((name) => known.has(name)) ? certificate.fingerprint256 : null
    },
    verify(_credential, security) {
      const certificate = certificateOf(security)
      if (certificate === null) return 'unknown'
      const seen = remembered.get(certificate)
      if (seen !== undefined) return seen
      const named = certificate.san.flatMap((name) => known.get(name) ?? [])
      const [first] = named
      // Two names of two callers: which one counts is never guessed.
      if (first === undefined || named.some(({ subject }) => subject !== first.subject)) return 'unknown'
      const identity = identityOf({
        subject: first.subject,
        scheme: 'client-certificate',
        scopes: [...new Set(named.flatMap(({ scopes = [] }) => scopes))],
        roles: [...new Set(named.flatMap(({ roles = [] }) => roles))],
        credentialId: certificate.fingerprint256,
        claims: { san: certificate.san },
      })
      remembered.set(certificate, identity)
      return identity
    },
  }
}
