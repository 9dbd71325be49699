import './install.ts'

export { addressKey } from './address.ts'
export { refuseToBoot } from './boot.ts'
export { compileOptions, type Inspection } from './compile-options.ts'
export { defineRoom } from './define-room.ts'
export { describeSecurity, type RouteDescription } from './describe.ts'
export { defineErrors, type BootErrorEntry, type Errors, type ErrorTable, type RefusalEntry } from './errors.ts'
export { defineEvents, type Events, type Outcome, type SecurityEventKind, type Severity } from './event-kinds.ts'
export { emit, onSecurityEvent, type SecurityEvent, type SecurityEventListener } from './events.ts'
export type { Accepted, Finding, Mistake, ObjectSchema, Operation, Schema } from './options.ts'
export type { Problem, Refusal, RefusalDetails } from './refusal.ts'
export { reconfigure } from './reconfigure.ts'
export { refuse } from './refuse.ts'
export type {
  DeclaredRoute,
  PrefixPolicy,
  Room,
  RoomDefinition,
  RoomOptions,
  RoomPlugin,
  RouteReport,
  Subject,
} from './room.ts'
export { routesAt, type RouteFact } from './routes.ts'
export { serverOptions, type SecureServerOptions } from './server-options.ts'
export type { Phase, Step, Steps, Verdict } from './steps.ts'
export type * from './types.ts'
