import type { ObjectSchema, RoomOptions } from '@portcullis/kernel'

/** What a route may change. */
export interface __Concern__Route {
  /** Names of header fields that a request may not carry, in lower case. Replaces the registration's list. */
  fields?: string[]
}

/** Options of `@portcullis/__concern__`. */
export interface __Concern__Options extends RoomOptions, __Concern__Route {}

const fields = {
  type: 'array',
  items: {
    type: 'string',
    // RFC 9110 §5.1: a token; Node hands us the names in lower case.
    pattern: "^[a-z0-9!#$%&'*+.^_`|~-]+$",
    description: 'One name, in lower case.',
    examples: ['x-original-url'],
  },
  uniqueItems: true,
  description: 'Names of header fields that a request may not carry, in lower case.',
} as const

/** The registration's options. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { fields: { ...fields, default: ['x-original-url', 'x-rewrite-url'] } },
}

/** What `config.security.__camel__` may say. */
export const routeSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { fields: { ...fields, examples: [['x-original-url']] } },
}
