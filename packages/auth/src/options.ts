import type { ObjectSchema, RoomOptions } from '@portcullis/kernel'
import type { ApiKeyEntry, FindApiKey } from './api-key.ts'
import type { VerifyBasic } from './basic.ts'
import { EXAMPLE_JWT, type JwtOptions, jwtSchema } from './jwt-options.ts'
import { type RevocationOptions, revocationSchema } from './revocation-options.ts'
import { scopesSchema } from './route-options.ts'

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
  /** Refuse tokens before they expire. Default: tokens are good until they expire. */
  revocation?: RevocationOptions
  apiKeys?: ApiKeyOptions
  basic?: BasicOptions
  /** Names the protection space in challenges. Default: `api`. */
  realm?: string
  /** Seconds until a `verify` or `find` function counts as unavailable. Default: 5. */
  lookUpTimeout?: number
  /** Refuse to boot if a route does not say who may use it. Default: false: such routes are listed and admit nobody. */
  strict?: boolean
}

// No control characters, quotes or backslashes: realm stands in a quoted-string.
const QUOTABLE = '^[\\x20\\x21\\x23-\\x5B\\x5D-\\x7E]+$'

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
    jwt: { ...jwtSchema, examples: [EXAMPLE_JWT] },
    revocation: { ...revocationSchema, examples: [{}] },
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
