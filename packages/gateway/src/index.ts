export { default } from './plugin.ts'
export type { InternalAlgorithm } from './internal-token.ts'
export type { GatewayOptions, GatewayRoute, InternalTokenOptions, ServiceOptions, ServiceTimeouts } from './options.ts'
