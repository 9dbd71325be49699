import type { ObjectSchema, PrefixOptions, RoomOptions } from '@portcullis/kernel'
import { type ApiKeyOptions, apiKeySchema } from './api-keys/options.ts'
import type { BasicIdentity, VerifyBasic } from './clients/basic.ts'
import { type ClientCertificateOptions, clientCertificateSchema } from './clients/certificate.ts'
import { EXAMPLE_INTROSPECTION, type IntrospectionOptions, introspectionSchema } from './introspection/options.ts'
import { EXAMPLE_JWT, type JwtOptions, jwtSchema } from './jwt/options.ts'
import { JWT_SYNONYMS } from './jwt/synonyms.ts'
import { type ResourceMetadataOptions, resourceMetadataSchema } from './answers/resource-metadata.ts'
import { type RevocationOptions, revocationSchema } from './revocation/options.ts'
import type { AuthRoute } from './access/route-options.ts'
import { type SessionOptions, sessionSchema } from './clients/session.ts'

export type { ApiKeyOptions, BasicIdentity, VerifyBasic }

/** User names and passwords that are accepted. */
export interface BasicOptions {
  /** Checks a user name and a password. */
  verify: VerifyBasic
}

/** Options of the registration. At least one kind of credential. */
export interface AuthOptions extends PrefixOptions<AuthRoute>, RoomOptions {
  jwt?: JwtOptions
  /** Refuse tokens before they expire. Default: tokens are good until they expire. */
  revocation?: RevocationOptions
  apiKeys?: ApiKeyOptions
  basic?: BasicOptions
  introspection?: IntrospectionOptions
  clientCertificate?: ClientCertificateOptions
  session?: SessionOptions
  /** What this API says of itself to clients (RFC 9728). Default: nothing. */
  resourceMetadata?: ResourceMetadataOptions
  /** Names the protection space in challenges. Default: `api`. */
  realm?: string
  /** Seconds until a `verify` or `find` function counts as unavailable. Default: 5. */
  lookUpTimeout?: number
  /** Refuse to boot if a route does not say who may use it. Default: false: such routes are listed and admit nobody. */
  strict?: boolean
}

// No control characters, quotes or backslashes: realm stands in a quoted-string.
const QUOTABLE = '^[\\x20\\x21\\x23-\\x5B\\x5D-\\x7E]+$'

const basic: ObjectSchema = {
  type: 'object',
  description: 'User names and passwords that are accepted.',
  additionalProperties: false,
  // @fastify/basic-auth, passport-http.
  synonyms: { validate: 'verify', authorizer: 'verify', authenticate: 'verify' },
  required: ['verify'],
  properties: {
    verify: {
      description: 'Checks a user name and a password: an identity or null; a throw becomes 503.',
      accepts: ['function'],
      examples: [() => null],
    },
  },
}

/** Options of one strategy, written where packages of one strategy have theirs. */
const SYNONYMS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(JWT_SYNONYMS).map(([theirs, ours]) => [theirs, `jwt.${ours}`])),
  issuer: 'jwt.issuer',
  audience: 'jwt.audience',
  validate: 'basic.verify',
  introspectionUrl: 'introspection.endpoint',
  introspection_endpoint: 'introspection.endpoint',
}

/** Schema of the registration's options. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  synonyms: SYNONYMS,
  properties: {
    jwt: { ...jwtSchema, examples: [EXAMPLE_JWT] },
    revocation: { ...revocationSchema, examples: [{}] },
    apiKeys: { ...apiKeySchema, examples: [{ keys: [] }] },
    basic: { ...basic, examples: [{ verify: () => null }] },
    introspection: { ...introspectionSchema, examples: [EXAMPLE_INTROSPECTION] },
    clientCertificate: {
      ...clientCertificateSchema,
      examples: [{ identities: [{ name: 'DNS:billing.internal', subject: 'billing' }] }],
    },
    session: { ...sessionSchema, examples: [{ find: () => null }] },
    resourceMetadata: { ...resourceMetadataSchema, examples: [{ resource: 'https://api.example.com' }] },
    realm: {
      description: 'Names the protection space in challenges.',
      type: 'string',
      pattern: QUOTABLE,
      maxLength: 128,
      title: 'visible ASCII and spaces without quote or backslash',
      default: 'api',
    },
    lookUpTimeout: {
      description: 'Seconds until a `verify` or `find` function counts as unavailable.',
      type: 'integer',
      minimum: 1,
      maximum: 60,
      default: 5,
    },
    strict: {
      description:
        'Refuse to boot if a route does not say who may use it; otherwise such routes are listed and admit nobody.',
      type: 'boolean',
      default: false,
    },
  },
}
