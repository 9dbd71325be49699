export type {} from './types.ts'
export { errors } from './errors.ts'
export { events } from './events.ts'
export { optionsSchema, routeSchema } from './options.ts'
export type {
  ConcurrencyOptions,
  DelayAfterOptions,
  PartitionBy,
  PartitionKey,
  QueueOptions,
  RateOptions,
  ShedOptions,
  ThrottleOptions,
  ThrottleRoute,
} from './options.ts'
export { default } from './plugin.ts'
