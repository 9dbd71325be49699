export type {} from './types.ts'

export type { AccessRecord, DecisionRecord } from './record.ts'
export type { AuditLogger, AuditOptions, AuditRoute } from './options.ts'
export { default } from './plugin.ts'
