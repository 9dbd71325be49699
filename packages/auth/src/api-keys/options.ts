import type { ObjectSchema } from '@portcullis/kernel'
import { type ApiKeyEntry, type FindApiKey, ID_PATTERN, type Pepper, PREFIX_PATTERN } from './format.ts'
import type { RecordApiKeyUses } from './uses.ts'
import { rolesSchema, scopesSchema } from '../access/route-options.ts'

/** API keys that are accepted: `prefix_id_secret_checksum`, as `createApiKey` makes them. */
export interface ApiKeyOptions {
  /** Header field that carries the key, lower case. Default: `x-api-key`. */
  header?: string
  /** Begins every key. Default: `ptc`. */
  prefix?: string
  /** Known keys. Default: none. */
  keys?: ApiKeyEntry[]
  /** Finds keys that are not in the list, by id. */
  find?: FindApiKey
  /** Seconds for which what `find` said is remembered: a withdrawn key is refused by then; 0 asks each time. Default: 30. */
  cacheFor?: number
  /** Secret that goes into the hashes, at least 32 bytes; kept apart from the database. Default: none. */
  pepper?: Pepper
  /** Told which keys were used last when, at most once a minute. */
  recordUses?: RecordApiKeyUses
}

const entry: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'hash', 'subject'],
  properties: {
    id: {
      description: 'Names the key, in the key itself and in events: 12 letters and digits.',
      type: 'string',
      pattern: ID_PATTERN,
      title: '12 letters and digits, as `createApiKey` makes them',
      examples: ['7Hq2mZt0XbVa'],
    },
    hash: {
      description: 'Hash of the key: `hashApiKey(key)`.',
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
    roles: { ...rolesSchema, description: 'Roles of its owner.', examples: [['support']] },
    expires: {
      description: 'Seconds since the epoch from which the key is refused.',
      type: 'integer',
      minimum: 0,
      examples: [1_893_456_000],
    },
    claims: {
      description: 'Whatever else routes and limits go by: `identity.claims`.',
      accepts: ['object'],
      examples: [{ plan: 'gold' }],
    },
  },
}

/** Schema of `apiKeys`. */
export const apiKeySchema: ObjectSchema = {
  type: 'object',
  description: 'API keys that are accepted: `prefix_id_secret_checksum`, as `createApiKey` makes them.',
  additionalProperties: false,
  properties: {
    header: {
      description: 'Header field that carries the key, lower case.',
      type: 'string',
      pattern: "^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$",
      title: 'the name of a header field in lower case',
      default: 'x-api-key',
    },
    prefix: {
      description: 'Begins every key, so that scanners know whose keys they have found.',
      type: 'string',
      pattern: PREFIX_PATTERN,
      title: 'up to three words of lower-case letters and digits, joined by `_`',
      default: 'ptc',
    },
    keys: { description: 'Known keys, each by its hash.', type: 'array', default: [], items: entry },
    find: {
      description:
        'Finds keys that are not in the list, by id: an entry, both while the key is being rotated, or null.',
      accepts: ['function'],
      examples: [() => null],
    },
    cacheFor: {
      description:
        'Seconds for which what `find` said is remembered: a withdrawn key is refused by then; 0 asks each time.',
      type: 'integer',
      minimum: 0,
      maximum: 3600,
      default: 30,
    },
    pepper: {
      description: 'Secret of at least 32 bytes that goes into the hashes; kept apart from the database.',
      accepts: ['string', 'Buffer'],
      writeOnly: true,
      examples: ['Vw3k_8sQe1Jp-Zt6yNf0Lb9xRg4uHc7mXa2dKo5iTzE'],
    },
    recordUses: {
      description: 'Told which keys were used last when, in one batch a minute at most.',
      accepts: ['function'],
      examples: [() => undefined],
    },
  },
}
