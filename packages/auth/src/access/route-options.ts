import type { ObjectSchema, Schema } from '@portcullis/kernel'
import type { SecurityScopes } from 'fastify'
import { SCHEMES, SCOPE_PATTERN, type Scheme } from '../identity.ts'
import type { FindOwner } from './ownership.ts'
import type { StepUp } from './step-up.ts'

export type { FindOwner, Scheme, StepUp }

/** A scope: any string, or one of `SecurityScopes` once you have augmented that. */
export type Scope = [keyof SecurityScopes] extends [never] ? string : Extract<keyof SecurityScopes, string>

/** Who may use a route: `{}` admits any identity. */
export interface AuthRoute {
  /** Scopes the caller needs, all of them. */
  scopes?: readonly Scope[]
  /** Roles of which the caller needs one. */
  roles?: readonly string[]
  /** How recently and how strongly the caller must have proved who it is (RFC 9470): for critical actions. */
  stepUp?: StepUp
  /** Says, after validation, whose the object is that the request asks for: nobody else may use the route. */
  owner?: FindOwner
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
    roles: {
      ...rolesSchema,
      description: 'Roles of which the caller needs one.',
      minItems: 1,
      examples: [['support']],
    },
    stepUp: {
      description: 'How recently and how strongly the caller must have proved who it is (RFC 9470).',
      type: 'object',
      additionalProperties: false,
      minProperties: 1,
      examples: [{ maxAge: 300 }],
      properties: {
        maxAge: {
          description: 'Seconds since then at most.',
          type: 'integer',
          minimum: 1,
          maximum: 31_536_000,
          examples: [300],
        },
        acr: {
          description: 'Authentication contexts (`acr`) of which one is needed.',
          type: 'array',
          minItems: 1,
          uniqueItems: true,
          items: {
            type: 'string',
            pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$',
            title: 'visible ASCII',
            examples: ['phr'],
          },
          examples: [['phr']],
        },
      },
    },
    owner: {
      description: 'Says, after validation, whose the object is: a subject or null; nobody else may use the route.',
      accepts: ['function'],
      examples: [() => null],
    },
    anyOf: {
      description: 'Kinds of credential that are admitted, any of them; absent: all that the registration accepts.',
      type: 'array',
      items: { type: 'string', enum: SCHEMES, examples: ['jwt'] },
      minItems: 1,
      uniqueItems: true,
      examples: [['jwt']],
    },
  },
}
