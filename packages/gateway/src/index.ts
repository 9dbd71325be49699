export type {} from './types.ts'
export { internalKeySet } from './internal-keys.ts'
export type {
  GatewayOptions,
  GatewayRoute,
  InternalTokenOptions,
  RouteMatch,
  RouteSchema,
  UpstreamOptions,
} from './options.ts'
export { default } from './plugin.ts'
export { upstreamStatus, type TargetStatus, type UpstreamStatus } from './upstreams/status.ts'
export { openTargetStates, type TargetStates } from './upstreams/target-states.ts'
export { endWebSockets } from './web-sockets/registry.ts'
