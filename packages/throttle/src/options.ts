import {
  apiKeyFieldSchema,
  partitionSchema,
  type ObjectSchema,
  type PartitionBy,
  type RoomOptions,
} from '@portcullis/kernel'

/** A pace: what comes faster waits. */
export interface RateOptions {
  /** Requests per window. */
  limit: number
  /** Seconds. Default 1. */
  window?: number
  /** Requests that may go at once after a rest. Default: `limit`. */
  burst?: number
  /** Whose pace it is. Default `ip`. */
  partitionBy?: PartitionBy
}

/** How many requests may be under way at once. */
export interface ConcurrencyOptions {
  /** Requests at once. */
  limit: number
  /** Whose requests these are. Default `global`. */
  partitionBy?: PartitionBy
  /** Seconds after which a place is given on although its request is not over. Default: never. */
  maxHold?: number
}

/** Waiting that grows with what a caller asks. */
export interface DelayAfterOptions {
  /** Requests per window that do not wait. */
  limit: number
  /** Seconds. Default 60. */
  window?: number
  /** Milliseconds that each request above the limit waits more than the one before. Default 500. */
  stepMs?: number
  /** Milliseconds that none waits longer than. Default 5000. */
  maxMs?: number
  /** Whose requests are counted. Default `ip`. */
  partitionBy?: PartitionBy
}

/** Refusing while the process is overloaded. */
export interface ShedOptions {
  /** Milliseconds that the event loop may run late, as a mean over half a second. Default 250. */
  eventLoopDelayMs?: number
  /** Seconds after which clients may come back. Default 5. */
  retryAfter?: number
}

/** Bounds of waiting, for each rule by itself; `delayAfter` has `maxMs` instead of `waitMs`. */
export interface QueueOptions {
  /** Requests that wait at once. Default 1000. */
  length?: number
  /** The same, of one caller. Default 100. */
  perCaller?: number
  /** Milliseconds that one request waits at the longest. Default 10000. */
  waitMs?: number
  /** Who is one caller in the queue: callers are served in turn. Default `identity`, which is `ip` until it is known. */
  partitionBy?: PartitionBy
}

/** Options of one route. `false` switches one rule off. */
export interface ThrottleRoute {
  rate?: Partial<RateOptions> | false
  concurrency?: Partial<ConcurrencyOptions> | false
  delayAfter?: Partial<DelayAfterOptions> | false
  shed?: ShedOptions | false
  queue?: QueueOptions
}

/** Options of a registration. */
export interface ThrottleOptions extends RoomOptions {
  /** A pace: what comes faster waits. */
  rate?: RateOptions | false
  /** How many requests may be under way at once: others wait. */
  concurrency?: ConcurrencyOptions | false
  /** Waiting that grows with what a caller asks. */
  delayAfter?: DelayAfterOptions | false
  /** Refusing while the process is overloaded. */
  shed?: ShedOptions | false
  queue?: QueueOptions
  /** Header field of API keys, lower case. Default `x-api-key`. */
  apiKeyField?: string
}

// No body: who waits for its pace has not sent it yet.
const partitionBy = partitionSchema(false)

const integer = (minimum: number, maximum: number | undefined, rest: object): Record<string, unknown> => ({
  type: 'integer',
  minimum,
  ...(maximum !== undefined && { maximum }),
  ...rest,
})

/** A rule: its options, or `false`. */
const rule = (description: string, example: object, properties: Record<string, object>): Record<string, unknown> => ({
  accepts: ['object', 'boolean'],
  additionalProperties: false,
  description,
  examples: [example],
  properties,
})

const rules = {
  rate: rule(
    'A pace: what comes faster waits. `false`: none.',
    { limit: 10 },
    {
      limit: integer(1, 1_000_000, { examples: [10], description: 'Requests per window. Required.' }),
      window: integer(1, 86_400, { default: 1, description: 'Seconds.' }),
      burst: integer(1, 1_000_000, {
        examples: [1],
        description: 'Requests that may go at once after a rest. Absent: `limit`.',
      }),
      partitionBy: { ...partitionBy, default: 'ip', description: 'Whose pace it is.' },
    },
  ),
  concurrency: rule(
    'How many requests may be under way at once: others wait. `false`: any number.',
    { limit: 100 },
    {
      limit: integer(1, 1_000_000, { examples: [100], description: 'Requests at once. Required.' }),
      partitionBy: { ...partitionBy, default: 'global', description: 'Whose requests these are.' },
      maxHold: integer(1, 86_400, {
        examples: [60],
        description: 'Seconds after which a place is given on although its request is not over. Absent: never.',
      }),
    },
  ),
  delayAfter: rule(
    'Waiting that grows with what a caller asks. `false`: none.',
    { limit: 100 },
    {
      limit: integer(1, 1_000_000, { examples: [100], description: 'Requests per window that do not wait. Required.' }),
      window: integer(1, 86_400, { default: 60, description: 'Seconds.' }),
      stepMs: integer(1, 60_000, {
        default: 500,
        description: 'Milliseconds that each request above the limit waits more than the one before.',
      }),
      maxMs: integer(1, undefined, { default: 5000, description: 'Milliseconds that none waits longer than.' }),
      partitionBy: { ...partitionBy, default: 'ip', description: 'Whose requests are counted.' },
    },
  ),
  shed: rule(
    'Refusing while the process is overloaded. `false`: never.',
    { eventLoopDelayMs: 250 },
    {
      eventLoopDelayMs: integer(10, 60_000, {
        default: 250,
        description: 'Milliseconds that the event loop may run late, as a mean over half a second.',
      }),
      retryAfter: integer(1, 3600, { default: 5, description: 'Seconds after which clients may come back.' }),
    },
  ),
} as const

const queueProperties = {
  length: integer(1, 1_000_000, { default: 1000, description: 'Requests that wait at once.' }),
  perCaller: integer(1, 1_000_000, { default: 100, description: 'The same, of one caller.' }),
  waitMs: integer(1, undefined, {
    default: 10_000,
    description: 'Milliseconds that one request waits at the longest.',
  }),
  partitionBy: {
    ...partitionBy,
    default: 'identity',
    description: 'Who is one caller in the queue: callers are served in turn. `identity` is `ip` until it is known.',
  },
}

const queue = {
  type: 'object',
  additionalProperties: false,
  description: 'Bounds of waiting, for each rule by itself; `delayAfter` has `maxMs` instead of `waitMs`.',
  properties: queueProperties,
} as const

/** JSON Schema of a registration. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...rules,
    queue: { ...queue, default: {} },
    apiKeyField: apiKeyFieldSchema,
  },
}

/** JSON Schema of `config.security.throttle`. */
export const routeSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { ...rules, queue: { ...queue, examples: [{ waitMs: 2000 }] } },
}
