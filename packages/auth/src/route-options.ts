import type { ObjectSchema, Schema } from '@portcullis/kernel'
import type { SecurityScopes } from 'fastify'
import { SCOPE_PATTERN, type Scheme } from './identity.ts'

/** A scope: any string, or one of `SecurityScopes` once you have augmented that. */
export type Scope = [keyof SecurityScopes] extends [never] ? string : Extract<keyof SecurityScopes, string>

/** Who may use a route: `{}` admits any identity. */
export interface AuthRoute {
  /** Scopes the caller needs, all of them. */
  scopes?: readonly Scope[]
  /** Kinds of credential that are admitted, any of them. Default: all that the registration accepts. */
  anyOf?: readonly Scheme[]
  /** Decide and raise events with outcome `observed`, but let everything pass. Default: the registration's. */
  reportOnly?: boolean
}

/** Schema of a list of scopes, without its description. */
export const scopesSchema: Schema = {
  type: 'array',
  items: {
    type: 'string',
    pattern: SCOPE_PATTERN,
    examples: ['profile:read'],
    title: 'a scope (RFC 6749 §3.3): visible ASCII without quote, backslash or space',
  },
  uniqueItems: true,
}

/** Schema of a list of roles, without its description. */
export const rolesSchema: Schema = {
  type: 'array',
  items: { type: 'string', minLength: 1, maxLength: 255, examples: ['support'] },
  uniqueItems: true,
}

/** Schema of `config.security.auth`. */
export const routeSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    scopes: { ...scopesSchema, description: 'Scopes the caller needs, all of them.', examples: [['profile:read']] },
    anyOf: {
      description: 'Kinds of credential that are admitted, any of them; absent: all that the registration accepts.',
      type: 'array',
      items: { type: 'string', enum: ['jwt', 'api-key', 'basic'], examples: ['jwt'] },
      minItems: 1,
      uniqueItems: true,
      examples: [['jwt']],
    },
  },
}
