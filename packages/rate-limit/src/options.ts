import { apiKeyFieldSchema, type ObjectSchema, type RoomOptions } from '@portcullis/kernel'
import { loginGuardSchema, type LoginGuardOptions } from './login/login-options.ts'
import { policySchema, type PolicyOptions } from './policy-options.ts'
import { onStoreErrorSchema, storeSchema, type OnStoreError, type StoreOptions } from './stores/store-options.ts'

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
  /** The shared store away: count in this process (`local`), refuse (`closed`) or let pass (`open`). Default `local`. */
  onStoreError?: OnStoreError
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

const addresses = {
  type: 'array',
  maxItems: 10_000,
  items: { type: 'string', examples: ['192.0.2.0/24'] },
  examples: [['192.0.2.0/24']],
} as const

const allow = { ...addresses, description: 'Addresses and ranges that no policy limits.' } as const
const deny = { ...addresses, description: 'Addresses and ranges that are refused (403), allowed or not.' } as const

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
    apiKeyField: apiKeyFieldSchema,
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
    store: storeSchema,
    onStoreError: { ...onStoreErrorSchema, default: 'local' },
  },
}

/** JSON Schema of `config.security.rateLimit`. */
export const routeSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { loginGuard: loginGuardSchema, policies, allow, deny },
}
