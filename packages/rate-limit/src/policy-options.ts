import { partitionSchema, type BodyKey, type ObjectSchema, type PartitionKey as Key } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'
import { MOST_UNITS } from './amount.ts'

/** Whose quota a request spends: also a member of the validated body that is a string or a number. */
export type PartitionKey = Key | BodyKey

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
  /** What this policy does while the shared store is away. Absent: as the registration says. */
  onStoreError?: 'local' | 'closed' | 'open'
  /** What a refusal says: the seconds to wait, or only `later`. Default `seconds`. */
  sentence?: 'seconds' | 'later'
}

const METHODS = ['DELETE', 'GET', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY'] as const

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
      synonyms: { gcra: 'token-bucket' },
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
      ...partitionSchema(true),
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
    onStoreError: {
      type: 'string',
      enum: ['local', 'closed', 'open'],
      examples: ['closed'],
      description: 'What this policy does while the shared store is away. Absent: as the registration says.',
    },
    sentence: {
      type: 'string',
      enum: ['seconds', 'later'],
      default: 'seconds',
      description: 'What a refusal says: the seconds to wait, or only “later”.',
    },
  },
} as const satisfies ObjectSchema
