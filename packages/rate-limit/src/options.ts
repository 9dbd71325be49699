import type { ObjectSchema, RoomOptions } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'

/**
 * Whose quota a request spends. `ip`: the client address (IPv6 by /64). `api-key`: the key sent in `apiKeyField`.
 * `identity`: the authenticated caller. A function returns a name for the caller, or null.
 * Whoever has no key, identity or name is counted by address.
 */
export type PartitionBy = 'ip' | 'identity' | 'api-key' | ((request: FastifyRequest) => string | null)

/** When refusals become a ban: `after` refusals of one policy `within` so many seconds are answered with a ban `for` so many. */
export interface BanOptions {
  /** Refusals. */
  after: number
  /** Seconds, from the first of them on. */
  within: number
  /** Seconds. */
  for: number
}

/** One quota. */
export interface PolicyOptions {
  /** The quota's name, shown to clients. Routes that use the same name share the quota. */
  name: string
  /**
   * `fixed-window`: starts at the caller's first request. `sliding-window`: never more than `limit` in any stretch of
   * `window`. `token-bucket`: refills evenly. `leaky-bucket`: the same by its level. Default `fixed-window`.
   */
  algorithm?: 'fixed-window' | 'sliding-window' | 'token-bucket' | 'leaky-bucket'
  /** Requests (or units of cost) per window. */
  limit: number
  /** Seconds. */
  window: number
  /** Only buckets: how much may be spent at once. Default: `limit`. */
  burst?: number
  /** Units that one request spends. Default 1. */
  cost?: number
  /** Default `ip`. */
  partitionBy?: PartitionBy
  /** Bans callers whom this policy refuses again and again. */
  ban?: BanOptions
  /** What a refusal says: the seconds to wait, or only `later`. Default `seconds`. */
  sentence?: 'seconds' | 'later'
}

/** The commands of a Redis client that the room uses; an ioredis client has them. */
export interface RedisClient {
  /** The connection's state; while it is lost, nothing is sent. */
  readonly status?: string
  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown>
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>
}

/** Where quotas are kept. */
export interface StoreOptions {
  /** Callers remembered per policy in this process's memory. Default 100000. */
  maxKeys?: number
  /** A connected ioredis client: quotas are then shared by every process that uses the same server. */
  redis?: RedisClient
  /** Begins every key in Redis. Default `ptc:rl:`. */
  prefix?: string
  /** Milliseconds that a request waits for Redis before `onStoreError` applies. Default 50. */
  timeoutMs?: number
}

/** Options of a registration. */
export interface RateLimitOptions extends RoomOptions {
  /** Quotas that every request must fit: all or none is spent. */
  policies: readonly PolicyOptions[]
  /** Header field of API keys, lower case. Default `x-api-key`. */
  apiKeyField?: string
  store?: StoreOptions
  /** Redis away: count in this process (`local`), refuse (`closed`) or let pass (`open`). Default `local`. */
  onStoreError?: 'local' | 'closed' | 'open'
}

/** Options of one route. */
export interface RateLimitRoute {
  /** Replaces the scope's list. */
  policies?: readonly PolicyOptions[]
}

/** JSON Schema of one quota. */
export const policySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'limit', 'window'],
  properties: {
    name: {
      type: 'string',
      title: 'a name of letters, digits, ".", "_" and "-"',
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
      description: 'The quota’s name, shown to clients. Routes that use the same name share the quota.',
      examples: ['per-ip'],
    },
    algorithm: {
      type: 'string',
      enum: ['fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket'],
      default: 'fixed-window',
      description:
        '`fixed-window` starts at the caller’s first request; `sliding-window` holds in every stretch of that length; `token-bucket` refills evenly; `leaky-bucket` is the same by its level.',
    },
    limit: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      description: 'Requests (or units of cost) per window.',
      examples: [100],
    },
    window: { type: 'integer', minimum: 1, maximum: 31_536_000, description: 'Seconds.', examples: [60] },
    burst: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      description: 'Only buckets: how much may be spent at once. Absent: `limit`.',
      examples: [10],
    },
    cost: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      default: 1,
      description: 'Units that one request spends.',
    },
    partitionBy: {
      accepts: ['function', 'string'],
      title: '"ip", "identity", "api-key" or a function',
      pattern: '^(?:ip|identity|api-key)$',
      default: 'ip',
      description:
        'Whose quota is spent: `ip`, `identity`, `api-key`, or a function `(request) => string | null`. Whoever has none is counted by address.',
    },
    ban: {
      type: 'object',
      additionalProperties: false,
      required: ['after', 'within', 'for'],
      description: 'Bans callers whom this policy refuses again and again: refused at once until the ban is over.',
      examples: [{ after: 100, within: 60, for: 3600 }],
      properties: {
        after: { type: 'integer', minimum: 1, maximum: 1_000_000, description: 'Refusals.', examples: [100] },
        within: {
          type: 'integer',
          minimum: 1,
          maximum: 86_400,
          description: 'Seconds, from the first of them on.',
          examples: [60],
        },
        for: { type: 'integer', minimum: 1, maximum: 31_536_000, description: 'Seconds of the ban.', examples: [3600] },
      },
    },
    sentence: {
      type: 'string',
      enum: ['seconds', 'later'],
      default: 'seconds',
      description: 'What a refusal says: the seconds to wait, or only “later”.',
    },
  },
} as const satisfies ObjectSchema

const policies = {
  type: 'array',
  minItems: 1,
  maxItems: 16,
  items: policySchema,
  description: 'Quotas that every request must fit: all or none is spent.',
  examples: [[{ name: 'per-ip', limit: 100, window: 60 }]],
} as const

/** JSON Schema of a registration. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['policies'],
  properties: {
    policies,
    apiKeyField: {
      type: 'string',
      title: 'a header field name in lower case',
      pattern: '^[a-z0-9-]{1,64}$',
      default: 'x-api-key',
      description: 'Header field of API keys.',
    },
    store: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Where quotas are kept.',
      properties: {
        maxKeys: {
          type: 'integer',
          minimum: 1,
          maximum: 10_000_000,
          default: 100_000,
          description: 'Callers remembered per policy in this process’s memory.',
        },
        redis: {
          accepts: ['object'],
          description: 'A connected ioredis client: quotas are shared by every process that uses the same server.',
          examples: [{}],
        },
        prefix: {
          type: 'string',
          title: 'a prefix of letters, digits, ".", "_", ":" and "-"',
          pattern: '^[A-Za-z0-9._:-]{0,64}$',
          default: 'ptc:rl:',
          description: 'Begins every key in Redis.',
        },
        timeoutMs: {
          type: 'integer',
          minimum: 1,
          maximum: 10_000,
          default: 50,
          description: 'Milliseconds that a request waits for Redis before `onStoreError` applies.',
        },
      },
    },
    onStoreError: {
      type: 'string',
      enum: ['local', 'closed', 'open'],
      default: 'local',
      description: 'Redis away: count in this process (`local`), refuse (`closed`) or let pass (`open`).',
    },
  },
}

/** JSON Schema of `config.security.rateLimit`. */
export const routeSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { policies },
}
