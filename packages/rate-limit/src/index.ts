export type {} from './types.ts'
export { inspect, reset, topOffenders, type Caller, type CallerStanding } from './callers.ts'
export { errors } from './errors.ts'
export { events } from './events.ts'
export type { LoginAccount, LoginGuardOptions } from './login-options.ts'
export { optionsSchema, routeSchema } from './options.ts'
export type {
  BanOptions,
  PartitionBy,
  PartitionKey,
  PolicyOptions,
  RateLimitOptions,
  RateLimitRoute,
  RedisClient,
  StoreOptions,
} from './options.ts'
export type { TopOffender } from './penalties.ts'
export { default } from './plugin.ts'
