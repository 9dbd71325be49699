import type { ObjectSchema, RoomOptions } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'
import { loginGuardSchema, type LoginGuardOptions } from './login-options.ts'
import { MOST_UNITS } from './amount.ts'

/**
 * Whose quota a request spends. `ip`: the client address (IPv6 by /64). `api-key`: the key sent in `apiKeyField`.
 * `identity`: the authenticated caller. `global`: everybody's together. A header field (lower case), or a member of the
 * validated body that is a string or a number. A function returns a name for the caller, or null.
 * Whoever has no key, identity, field, member or name is counted by address.
 */
export type PartitionKey =
  | 'ip'
  | 'identity'
  | 'api-key'
  | 'global'
  | { header: string }
  | { body: string }
  | ((request: FastifyRequest) => string | null)

/** One key, or several that name a caller together: `['ip', { body: 'email' }]` counts by pair. */
export type PartitionBy = PartitionKey | readonly PartitionKey[]

/** When refusals become a ban: `after` refusals of one policy `within` so many seconds are answered with a ban `for` so many. */
export interface BanOptions {
  /** Refusals. */
  after: number
  /** Seconds, from the first of them on. */
  within: number
  /** Seconds. */
  for: number
}

/** What a policy may be limited to. */
export type Method = (typeof METHODS)[number]

/** One quota. */
export interface PolicyOptions {
  /** The quota's name, shown to clients. Routes that use the same name share the quota. */
  name: string
  /**
   * `fixed-window`: starts at the caller's first request. `sliding-window`: never more than `limit` in any stretch of
   * `window`. `token-bucket`: refills evenly. `leaky-bucket`: the same by its level. Default `fixed-window`.
   */
  algorithm?: 'fixed-window' | 'sliding-window' | 'token-bucket' | 'leaky-bucket'
  /**
   * Requests (or units of cost) per window, or a function that names them. A function that throws or gives anything
   * but a whole number from 1 to 1000000 refuses the request (`PTC_RATE_LIMIT_AMOUNT_INVALID`).
   */
  limit: number | ((request: FastifyRequest) => number)
  /** Seconds. */
  window: number
  /** Only buckets: how much may be spent at once. Default: `limit`. */
  burst?: number
  /** Units that one request spends, or a function that names them, 0 included. Default 1. */
  cost?: number | ((request: FastifyRequest) => number)
  /** Default `ip`. */
  partitionBy?: PartitionBy
  /** A quota for each route, each method, or each pair of both, instead of one for all that name the policy. */
  per?: readonly ('route' | 'method')[]
  /** Only requests of these methods. HEAD counts as GET. Absent: all. */
  methods?: readonly Method[]
  /** Decides, spends and raises its event, but refuses nobody. Default false. */
  reportOnly?: boolean
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
  /** Addresses and ranges that no policy limits, such as `10.0.0.0/8`. On a route: instead of the scope's. */
  allow?: readonly string[]
  /** Addresses and ranges that are refused (403), even if they are allowed too. */
  deny?: readonly string[]
  /** `rate-limit.nearing` is raised when no more than this share of a quota is left; 0: never. Default 0.2. */
  nearing?: number
  /** `X-RateLimit-Reset`: the time in Unix seconds, or the seconds until then. Default `unix`. */
  reset?: 'unix' | 'delta'
  store?: StoreOptions
  /** Redis away: count in this process (`local`), refuse (`closed`) or let pass (`open`). Default `local`. */
  onStoreError?: 'local' | 'closed' | 'open'
}

/** Options of one route. */
export interface RateLimitRoute {
  /** Replaces the scope's list. */
  policies?: readonly PolicyOptions[]
  /** Holds off whoever guesses passwords or codes here. */
  loginGuard?: LoginGuardOptions
  /** Replaces the scope's list. */
  allow?: readonly string[]
  /** Replaces the scope's list. */
  deny?: readonly string[]
}

const METHODS = ['DELETE', 'GET', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY'] as const

const partitionKey = {
  accepts: ['function', 'string', 'object'],
  title: '"ip", "identity", "api-key", "global", { header }, { body } or a function',
  pattern: '^(?:ip|identity|api-key|global)$',
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
  properties: {
    header: {
      type: 'string',
      title: 'a header field name in lower case',
      pattern: '^[a-z0-9-]{1,64}$',
      description: 'A header field: whatever it says is the name.',
      examples: ['x-tenant'],
    },
    body: {
      type: 'string',
      minLength: 1,
      maxLength: 64,
      description: 'A member of the validated body, a string or a number.',
      examples: ['email'],
    },
  },
  examples: ['ip'],
} as const

const addresses = {
  type: 'array',
  maxItems: 10_000,
  items: { type: 'string', examples: ['192.0.2.0/24'] },
  examples: [['192.0.2.0/24']],
} as const

const allow = { ...addresses, description: 'Addresses and ranges that no policy limits.' } as const
const deny = { ...addresses, description: 'Addresses and ranges that are refused (403), allowed or not.' } as const

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
      accepts: ['integer', 'function'],
      minimum: 1,
      maximum: MOST_UNITS,
      description: 'Requests (or units of cost) per window, or a function `(request) => number`.',
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
      accepts: ['integer', 'function'],
      minimum: 1,
      maximum: MOST_UNITS,
      default: 1,
      description: 'Units that one request spends, or a function `(request) => number`.',
    },
    partitionBy: {
      ...partitionKey,
      accepts: [...partitionKey.accepts, 'array'],
      minItems: 1,
      maxItems: 4,
      items: partitionKey,
      default: 'ip',
      description:
        'Whose quota is spent: `ip`, `identity`, `api-key`, `global`, `{ header }`, `{ body }`, a function `(request) => string | null`, or a list of these. Whoever has none is counted by address.',
    },
    per: {
      type: 'array',
      uniqueItems: true,
      minItems: 1,
      items: { type: 'string', enum: ['route', 'method'] },
      examples: [['route']],
      description:
        'A quota for each `route`, each `method`, or each pair, instead of one for all that name the policy.',
    },
    methods: {
      type: 'array',
      uniqueItems: true,
      minItems: 1,
      items: { type: 'string', enum: METHODS },
      examples: [['POST']],
      description: 'Only requests of these methods; HEAD counts as GET. Absent: all.',
    },
    reportOnly: {
      type: 'boolean',
      default: false,
      description: 'Decides, spends and raises its event, but refuses nobody.',
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
    allow,
    deny,
    nearing: {
      type: 'number',
      minimum: 0,
      maximum: 1,
      default: 0.2,
      description: '`rate-limit.nearing` is raised when no more than this share of a quota is left; 0: never.',
    },
    reset: {
      type: 'string',
      enum: ['unix', 'delta'],
      default: 'unix',
      description: '`X-RateLimit-Reset`: the time in Unix seconds, or the seconds until then.',
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
  properties: { loginGuard: loginGuardSchema, policies, allow, deny },
}
