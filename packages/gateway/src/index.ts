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
export { upstreamStatus } from './upstreams/status.ts'
export { openTargetStates, type TargetStates } from './upstreams/target-states.ts'
export type { TargetStatus } from './upstreams/target.ts'
export type { UpstreamStatus } from './upstreams/upstream.ts'
export { endWebSockets } from './web-sockets/registry.ts'
