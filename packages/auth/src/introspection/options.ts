import type { ObjectSchema } from '@portcullis/kernel'
import { claimPlace, type KeyMaterial } from '../jwt/options.ts'
import { EXAMPLE_CLIENT_KEY } from './client-key.ts'

/** Opaque access tokens, about which the authorization server is asked (OAuth 2.0 Token Introspection, RFC 7662). */
export interface IntrospectionOptions {
  /** URL of the introspection endpoint, https. */
  endpoint: string
  /** What this API is called at the authorization server. */
  clientId: string
  /** Its secret there; with `private_key_jwt` it has none. */
  clientSecret?: string
  /** Its private key (PEM, KeyObject) for `private_key_jwt`: P-256, Ed25519, or RSA of 2048 bits or more. */
  clientKey?: KeyMaterial
  /** `kid` of that key. Default: none. */
  clientKeyId?: string
  /** How it proves who it is. Default: `client_secret_basic`. */
  clientAuthentication?: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt'
  /** What `aud` of every token is or contains. Required, unless `dangerouslyAnyAudience`. */
  audience?: string
  /** Accept tokens that were issued for other APIs. Default: false. */
  dangerouslyAnyAudience?: boolean
  /** `iss` of every token; required with `private_key_jwt`. Default: not looked at, for many servers leave it out. */
  issuer?: string
  /** The member that names the caller; `client_id` for machines. Default: `sub`. */
  subjectClaim?: string
  /** The member that holds the scopes, or the names on the way to it. Default: `scope`, else `scp`, else `scopes`. */
  scopesClaim?: string | readonly string[]
  /** The member that holds the roles, a list of names, or the way to it. Default: `roles`. */
  rolesClaim?: string | readonly string[]
  /** Seconds for which an answer is remembered: a revoked token is refused by then. Default: 30. */
  cacheFor?: number
  /** Longest token, in bytes. Default: 4096. */
  maxTokenBytes?: number
  /** Certificates (PEM) of the authority that the server is checked against. Default: those of Node. */
  ca?: string
  /** Ask over plain http, this machine only: for development. Default: false. */
  dangerouslyAllowHttp?: boolean
}

/** The smallest `introspection` that is accepted. */
export const EXAMPLE_INTROSPECTION: IntrospectionOptions = {
  endpoint: 'https://id.example.com/introspect',
  clientId: 'orders-api',
  clientSecret: 'from your configuration',
  audience: 'https://api.example.com',
}

/** Schema of `introspection`. */
export const introspectionSchema: ObjectSchema = {
  type: 'object',
  description: 'Opaque access tokens, about which the authorization server is asked (RFC 7662).',
  additionalProperties: false,
  synonyms: {
    url: 'endpoint',
    introspectionUrl: 'endpoint',
    introspectionURL: 'endpoint',
    introspection_endpoint: 'endpoint',
    secret: 'clientSecret',
    aud: 'audience',
    iss: 'issuer',
  },
  required: ['endpoint', 'clientId'],
  properties: {
    endpoint: {
      description: 'URL of the introspection endpoint, https.',
      type: 'string',
      minLength: 1,
      examples: [EXAMPLE_INTROSPECTION.endpoint],
    },
    clientId: {
      description: 'What this API is called at the authorization server.',
      type: 'string',
      minLength: 1,
      examples: [EXAMPLE_INTROSPECTION.clientId],
    },
    clientSecret: {
      description: 'Its secret there; with `private_key_jwt` it has none.',
      type: 'string',
      writeOnly: true,
      minLength: 1,
      examples: [EXAMPLE_INTROSPECTION.clientSecret],
    },
    clientKey: {
      description:
        'Its private key (PEM, KeyObject) for `private_key_jwt`: P-256, Ed25519, or RSA of 2048 bits or more.',
      accepts: ['string', 'Buffer', 'KeyObject'],
      writeOnly: true,
      examples: [EXAMPLE_CLIENT_KEY],
    },
    clientKeyId: {
      description: '`kid` of that key; absent: none.',
      type: 'string',
      minLength: 1,
      maxLength: 255,
      examples: ['orders-api-1'],
    },
    clientAuthentication: {
      description: 'How this API proves who it is.',
      type: 'string',
      enum: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      default: 'client_secret_basic',
    },
    audience: {
      description: 'What `aud` of every token is or contains; required, unless `dangerouslyAnyAudience`.',
      type: 'string',
      minLength: 1,
      examples: [EXAMPLE_INTROSPECTION.audience],
    },
    dangerouslyAnyAudience: {
      description: 'Accept tokens that were issued for other APIs.',
      type: 'boolean',
      default: false,
    },
    issuer: {
      description:
        '`iss` of every token; absent: not looked at, for many servers leave it out. Required with `private_key_jwt`.',
      type: 'string',
      minLength: 1,
      examples: ['https://id.example.com'],
    },
    subjectClaim: {
      description: 'The member that names the caller; `client_id` for machines.',
      type: 'string',
      minLength: 1,
      maxLength: 255,
      default: 'sub',
    },
    scopesClaim: {
      ...claimPlace,
      description:
        'The member that holds the scopes, or a list of the names on the way to it; absent: `scope`, else `scp`, else `scopes`.',
      examples: ['scope'],
    },
    rolesClaim: {
      ...claimPlace,
      description: 'The member that holds the roles, a list of names, or the way to it; absent: `roles`.',
      examples: ['roles'],
    },
    cacheFor: {
      description: 'Seconds for which an answer is remembered: a revoked token is refused by then; 0 asks each time.',
      type: 'integer',
      minimum: 0,
      maximum: 3600,
      default: 30,
    },
    maxTokenBytes: {
      description: 'Longest token, in bytes.',
      type: 'integer',
      minimum: 16,
      maximum: 65536,
      default: 4096,
    },
    ca: {
      description: 'Certificates (PEM) of the authority that the server is checked against; absent: Node’s.',
      type: 'string',
      title: 'certificates in PEM',
      pattern: '^\\s*-----BEGIN CERTIFICATE-----',
      examples: ['-----BEGIN CERTIFICATE-----\n…'],
    },
    dangerouslyAllowHttp: {
      description: 'Ask over plain http, this machine only: for development.',
      type: 'boolean',
      default: false,
    },
  },
}
