import type { AuditOptions } from '@portcullis/audit'
import type { AuthOptions } from '@portcullis/auth'
import type { CorsOptions } from '@portcullis/cors'
import type { CsrfOptions } from '@portcullis/csrf'
import type { GatewayOptions } from '@portcullis/gateway'
import type { HeadersOptions } from '@portcullis/headers'
import type { HttpsOptions } from '@portcullis/https'
import type { IssuerOptions } from '@portcullis/issuer'
import type { Finding, ObjectSchema } from '@portcullis/kernel'
import type { RateLimitOptions } from '@portcullis/rate-limit'
import type { SqlOptions } from '@portcullis/sql'
import type { ThrottleOptions } from '@portcullis/throttle'
import type { ValidationOptions } from '@portcullis/validation'
import type { XssOptions } from '@portcullis/xss'
import { rooms } from './rooms.ts'

/** Options by room. An absent key: `headers` and `audit` on with their defaults, the others off. `false`: off. */
export interface SecurityOptions {
  audit?: AuditOptions | false
  headers?: HeadersOptions | false
  https?: HttpsOptions | false
  cors?: CorsOptions | false
  validation?: ValidationOptions | false
  throttle?: ThrottleOptions | false
  rateLimit?: RateLimitOptions | false
  csrf?: CsrfOptions | false
  auth?: AuthOptions | false
  issuer?: IssuerOptions | false
  gateway?: GatewayOptions | false
  sql?: SqlOptions | false
  xss?: XssOptions | false
  /** `true` for every room that does not say otherwise: decide and raise events, but let everything pass. */
  reportOnly?: boolean
}

/** Strict JSON Schema of `SecurityOptions`: the rooms' own schemas under their keys. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...Object.fromEntries(Object.entries(rooms).map(([key, { definition }]) => [key, definition.optionsSchema])),
    reportOnly: {
      type: 'boolean',
      default: false,
      description: 'Report instead of refusing, in every room that does not say otherwise.',
    },
  },
}

/** What a route may say of each room in `config.security`, by the room's key; rooms without a word of it are absent. */
export const routeSchemas: Readonly<Record<string, ObjectSchema>> = Object.fromEntries(
  Object.entries(rooms).flatMap(
    ([
      key,
      {
        definition: { routeSchema },
      },
    ]) => (routeSchema === undefined ? [] : [[key, routeSchema]]),
  ),
)

/** The rooms' own rules between fields, with the room's key before each place. */
export function check(options: Readonly<Record<string, unknown>>): Finding[] {
  return Object.entries(rooms).flatMap(([key, { definition }]) => {
    const given = options[key]
    if (given === undefined) return []
    const under = (pointer: string): string => `/${key}${pointer}`
    return definition.check(given as object).map((finding) => ({
      ...finding,
      at: under(finding.at),
      fix: finding.fix.map((operation) =>
        operation.op === 'move'
          ? { ...operation, from: under(operation.from), path: under(operation.path) }
          : { ...operation, path: under(operation.path) },
      ),
    }))
  })
}
