import type { ObjectSchema, RoomOptions } from '@portcullis/kernel'
import type { ApiKeyEntry, FindApiKey } from './api-key.ts'
import type { VerifyBasic } from './basic.ts'
import { scopesSchema } from './route-options.ts'
import { type Algorithm, ALGORITHMS, EXAMPLE_PUBLIC_KEY, type KeyMaterial } from './verification-key.ts'

/** Tokens that are accepted. */
export interface JwtOptions {
  /** The issuer's public key (PEM, DER as Buffer, KeyObject), or the shared secret of HS256, at least 32 random bytes. */
  key: KeyMaterial
  /** Algorithms that a token may be signed with: those that the key is made for. */
  algorithms: Algorithm[]
  /** `iss` of every token, exactly. */
  issuer: string
  /** What `aud` of every token is or contains: this API's name. */
  audience: string
  /** Admitted `typ` header values, compared without case and without `application/`. Default: `['JWT', 'at+jwt']`. */
  types?: string[]
  /** Seconds by which the clocks of issuer and server may differ. Default: 5. */
  clockTolerance?: number
  /** Longest token, in bytes. Default: 8192. */
  maxTokenBytes?: number
  /** Verified tokens remembered, so that each is verified once; 0 remembers none. Default: 10000. */
  cacheSize?: number
}

/** API keys that are accepted. */
export interface ApiKeyOptions {
  /** Header field that carries the key, lower case. Default: `x-api-key`. */
  header?: string
  /** Known keys. Default: none. */
  keys?: ApiKeyEntry[]
  /** Finds keys that are not in the list. */
  find?: FindApiKey
}

/** User names and passwords that are accepted. */
export interface BasicOptions {
  /** Checks a user name and a password. */
  verify: VerifyBasic
}

/** Options of the registration. At least one of `jwt`, `apiKeys` and `basic`. */
export interface AuthOptions extends RoomOptions {
  jwt?: JwtOptions
  apiKeys?: ApiKeyOptions
  basic?: BasicOptions
  /** Names the protection space in challenges. Default: `api`. */
  realm?: string
  /** Seconds until a `verify` or `find` function counts as unavailable. Default: 5. */
  lookUpTimeout?: number
  /** Refuse to boot if a route does not say who may use it. Default: false: such routes are listed and admit nobody. */
  strict?: boolean
}

/** The smallest `jwt` that is accepted. */
export const EXAMPLE_JWT: JwtOptions = {
  key: EXAMPLE_PUBLIC_KEY,
  algorithms: ['ES256'],
  issuer: 'https://id.example.com',
  audience: 'https://api.example.com',
}

// No control characters, quotes or backslashes: realm stands in a quoted-string.
const QUOTABLE = '^[\\x20\\x21\\x23-\\x5B\\x5D-\\x7E]+$'

const jwt: ObjectSchema = {
  type: 'object',
  description: 'Tokens that are accepted.',
  additionalProperties: false,
  required: ['key', 'algorithms', 'issuer', 'audience'],
  properties: {
    key: {
      description:
        'The issuer’s public key (PEM, DER as Buffer, KeyObject), or the shared secret of HS256, at least 32 random bytes.',
      accepts: ['string', 'Buffer', 'KeyObject'],
      writeOnly: true,
      examples: [EXAMPLE_PUBLIC_KEY],
    },
    algorithms: {
      description: 'Algorithms that a token may be signed with: those that the key is made for.',
      type: 'array',
      items: { type: 'string', enum: ALGORITHMS, examples: ['ES256'] },
      minItems: 1,
      uniqueItems: true,
      examples: [['ES256']],
    },
    issuer: {
      description: '`iss` of every token, exactly.',
      type: 'string',
      minLength: 1,
      examples: [EXAMPLE_JWT.issuer],
    },
    audience: {
      description: 'What `aud` of every token is or contains: this API’s name.',
      type: 'string',
      minLength: 1,
      examples: [EXAMPLE_JWT.audience],
    },
    types: {
      description: 'Admitted `typ` header values, compared without case and without `application/`.',
      type: 'array',
      items: { type: 'string', minLength: 1, examples: ['at+jwt'] },
      minItems: 1,
      uniqueItems: true,
      default: ['JWT', 'at+jwt'],
    },
    clockTolerance: {
      description: 'Seconds by which the clocks of issuer and server may differ.',
      type: 'integer',
      minimum: 0,
      maximum: 300,
      default: 5,
    },
    maxTokenBytes: {
      description: 'Longest token, in bytes.',
      type: 'integer',
      minimum: 256,
      maximum: 65536,
      default: 8192,
    },
    cacheSize: {
      description: 'Verified tokens remembered, so that each is verified once; 0 remembers none.',
      type: 'integer',
      minimum: 0,
      maximum: 1_000_000,
      default: 10_000,
    },
  },
}

const apiKeys: ObjectSchema = {
  type: 'object',
  description: 'API keys that are accepted.',
  additionalProperties: false,
  properties: {
    header: {
      description: 'Header field that carries the key, lower case.',
      type: 'string',
      pattern: "^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$",
      title: 'the name of a header field in lower case',
      default: 'x-api-key',
    },
    keys: {
      description: 'Known keys, each by its hash.',
      type: 'array',
      default: [],
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['id', 'sha256', 'subject'],
        properties: {
          id: {
            description: 'Names the key in events and logs.',
            type: 'string',
            minLength: 1,
            maxLength: 255,
            examples: ['key-1'],
          },
          sha256: {
            description: 'SHA-256 of the key: `hashApiKey(key)`.',
            // The hash of a key that a person made up can be guessed.
            writeOnly: true,
            type: 'string',
            pattern: '^[0-9a-f]{64}$',
            title: 'a SHA-256 as 64 lower-case hexadecimal digits',
            // The hash of 256 random bits that nobody has kept.
            examples: ['a3f19d0c5b7e42860f6d1c94e8b27a53d05c9e14f7823b6ad1e0946c58b3f72e'],
          },
          subject: {
            description: 'Whose key it is.',
            type: 'string',
            minLength: 1,
            maxLength: 255,
            examples: ['billing'],
          },
          scopes: { ...scopesSchema, description: 'Scopes the key grants.', examples: [['profile:read']] },
        },
      },
    },
    find: {
      description: 'Finds keys that are not in the list, by SHA-256: an entry or null.',
      accepts: ['function'],
      examples: [() => null],
    },
  },
}

const basic: ObjectSchema = {
  type: 'object',
  description: 'User names and passwords that are accepted.',
  additionalProperties: false,
  required: ['verify'],
  properties: {
    verify: {
      description: 'Checks a user name and a password: an identity or null; a throw becomes 503.',
      accepts: ['function'],
      examples: [() => null],
    },
  },
}

/** Schema of the registration's options. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    jwt: { ...jwt, examples: [EXAMPLE_JWT] },
    apiKeys: { ...apiKeys, examples: [{ keys: [] }] },
    basic: { ...basic, examples: [{ verify: () => null }] },
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
