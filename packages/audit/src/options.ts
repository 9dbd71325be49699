import type { Finding, ObjectSchema, RoomOptions } from '@portcullis/kernel'

/** What this room asks of a logger; a pino instance is one. */
export interface AuditLogger {
  info(record: object, text: string): void
  warn(record: object, text: string): void
  error(record: object, text: string): void
  /** Asked before a record is built, where the logger has it. */
  isLevelEnabled?(level: string): boolean
}

/** What a registration and a route may both say. */
export interface AuditRoute {
  /** One record per request. */
  access?: boolean
  /** One record per security decision. */
  decisions?: boolean
  /** Whether access records name the client's software. */
  userAgent?: boolean
  /**
   * Route parameters whose values are secrets: a route that has one of them is recorded by its pattern
   * (`/reset/:token`), never by its path.
   */
  secretParams?: string[]
}

/** Options of a registration. */
export interface AuditOptions extends AuditRoute, RoomOptions {
  /** Where the records go: a pino instance. Without it, the app's own logger. */
  logger?: AuditLogger
}

const access = { type: 'boolean', description: 'One record per request.' }
const decisions = { type: 'boolean', description: 'One record per security decision.' }
const userAgent = { type: 'boolean', description: "Whether access records name the client's software." }
const secretParams = {
  type: 'array',
  items: { type: 'string', pattern: '^[^/:]+$', title: "a parameter's name without its colon", examples: ['token'] },
  description: 'Route parameters whose values are secrets: their routes are recorded by pattern, never by path.',
}

/** Schema of a registration's options. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    access: { ...access, default: true },
    decisions: { ...decisions, default: true },
    userAgent: { ...userAgent, default: true },
    secretParams: { ...secretParams, default: ['token', 'secret', 'password', 'code', 'key', 'otp'] },
    logger: {
      accepts: ['object'],
      description: "Where the records go: a pino instance. Without it, the app's own logger.",
    },
  },
}

/** Schema of `config.security.audit`. */
export const routeSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    access: { ...access, examples: [false] },
    decisions: { ...decisions, examples: [true] },
    userAgent: { ...userAgent, examples: [false] },
    secretParams: { ...secretParams, examples: [['token']] },
  },
}

/** Rules between fields. */
export function check({ logger }: Readonly<AuditOptions>): Finding[] {
  if (logger === undefined) return []
  const missing = (['info', 'warn', 'error'] as const).filter((method) => typeof logger[method] !== 'function')
  if (missing.length === 0) return []
  return [
    {
      at: '/logger',
      rule: 'not-a-logger',
      message: `has no ${missing.join(', ')}; pass a pino instance, or leave it out and the app's logger is used`,
      fix: [{ op: 'remove', path: '/logger' }],
    },
  ]
}
