import type { FastifyRequest } from 'fastify'
import type { Finding, Schema } from './options.ts'

/**
 * Who counts as one. `ip`: the client address (IPv6 by /64). `identity`: the authenticated caller. `api-key`: the key
 * sent in `apiKeyField`. `global`: everybody together. A header field (lower case). A function returns a name, or null.
 * Whoever has no key, identity, field or name counts by address.
 */
export type PartitionKey =
  | 'ip'
  | 'identity'
  | 'api-key'
  | 'global'
  | { header: string }
  | ((request: FastifyRequest) => string | null)

/** A member of the validated body that is a string or a number: for rooms that count after validation. */
export interface BodyKey {
  body: string
}

/** One key, or several that name a caller together. */
export type PartitionBy = PartitionKey | readonly PartitionKey[]

const header: Schema = {
  type: 'string',
  title: 'a header field name in lower case',
  pattern: '^[a-z0-9-]{1,64}$',
  description: 'A header field: whatever it says is the name.',
  examples: ['x-tenant'],
}
const body: Schema = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  description: 'A member of the validated body, a string or a number.',
  examples: ['email'],
}

/**
 * JSON Schema of `partitionBy`, without default and description.
 * @param withBody whether it may name a member of the body
 */
export function partitionSchema(withBody: boolean): Schema {
  const key: Schema = {
    accepts: ['function', 'string', 'object'],
    title: `"ip", "identity", "api-key", "global", { header }${withBody ? ', { body }' : ''} or a function`,
    pattern: '^(?:ip|identity|api-key|global)$',
    synonyms: { user: 'identity', apiKey: 'api-key', key: 'api-key', address: 'ip', all: 'global' },
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
    properties: { header, ...(withBody ? { body } : {}) },
    examples: ['ip'],
  }
  return { ...key, accepts: [...(key['accepts'] as string[]), 'array'], minItems: 1, maxItems: 4, items: key }
}

/** JSON Schema of `apiKeyField`. */
export const apiKeyFieldSchema: Schema = {
  type: 'string',
  title: 'a header field name in lower case',
  pattern: '^[a-z0-9-]{1,64}$',
  default: 'x-api-key',
  description: 'Header field of API keys.',
}

const AsyncFunction = (async () => {}).constructor

/** `Bearer x` is `bearer  x`, and a cookie is found wherever it stands. */
const RESPELT: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie'])

const respelt = (field: string): string =>
  `is '${field}', in which one credential has many spellings and each would be a caller`

/** What a schema of `partitionBy` cannot see. */
export function checkPartition(at: string, partitionBy: unknown): Finding[] {
  const keys: readonly unknown[] = Array.isArray(partitionBy) ? partitionBy : [partitionBy]
  return keys.flatMap((key, index) => {
    const path = Array.isArray(partitionBy) ? `${at}/${index}` : at
    const wrong = (rule: string, message: string, value: string): Finding[] => [
      { at: path, rule, message: `${message}; write '${value}'`, fix: [{ op: 'replace', path, value }] },
    ]
    if (typeof key === 'function' && key instanceof AsyncFunction)
      return wrong('synchronous-partition', 'must return a string or null, not a promise', 'ip')
    const named: unknown = typeof key === 'object' && key !== null ? (key as { header?: unknown }).header : undefined
    return typeof named === 'string' && RESPELT.has(named) ? wrong('respelt-field', respelt(named), 'identity') : []
  })
}

/** What a schema of `apiKeyField` cannot see. */
export function checkApiKeyField(field: string | undefined): Finding[] {
  if (field === undefined || !RESPELT.has(field)) return []
  return [
    {
      at: '/apiKeyField',
      rule: 'respelt-field',
      message: `${respelt(field)}; write apiKeyField: 'x-api-key', or partitionBy: 'identity'`,
      fix: [{ op: 'replace', path: '/apiKeyField', value: 'x-api-key' }],
    },
  ]
}
