import type { ObjectSchema, PrefixOptions, RoomOptions } from '@portcullis/kernel'
import type { Ajv } from 'ajv'
import type { AdmittedFault } from './path.ts'

/** A part of a request that a schema can describe. */
export type Part = 'body' | 'query' | 'params'

/** Limits of JSON bodies, judged on their bytes before anything is built of them. */
export interface JsonOptions {
  /** Arrays and objects inside one another. Default: 32. */
  depth?: number
  /** Members of all objects together. Default: 10000. */
  keys?: number
  /** Refuse numbers that a double cannot hold, such as 9007199254740993. Default: true. */
  exactNumbers?: boolean
}

/** The least speed at which a body must come. */
export interface BodyRateOptions {
  /** Bytes a second, on average. Default: 240. */
  bytesPerSecond?: number
  /** Seconds before the average counts. Default: 5. */
  grace?: number
}

/** What a route may change. */
export interface ValidationRoute extends Pick<RoomOptions, 'reportOnly'> {
  /** Parts that the route takes none of: no gap, and refused. */
  empty?: readonly Part[]
  /** Media types of bodies, exactly. Default: `application/json`. */
  mediaTypes?: readonly string[]
  /** Content encodings of bodies that are inflated, up to the body limit. Default: none. */
  contentEncodings?: readonly ('gzip' | 'deflate' | 'br')[]
  json?: JsonOptions
  /** The least speed at which a body must come; `false`: any. */
  bodyRate?: BodyRateOptions | false
  /** What paths may hold that is ambiguous elsewhere. Default: nothing. */
  admitInPath?: readonly AdmittedFault[]
  /** Refuse to boot if an answer of the route's success has no schema: what is not declared would leave. Default: false. */
  requireResponse?: boolean
  /** Parts without a schema that pass unseen. Default: none. */
  dangerouslyAdmitUndeclared?: readonly Part[]
  /** JSON bodies are parsed unseen: only where nobody but a service of yours sends them. Default: false. */
  dangerouslyTrustJson?: boolean
}

/** Options of `@portcullis/validation`. */
export interface ValidationOptions extends PrefixOptions<ValidationRoute>, RoomOptions, ValidationRoute {
  /** Refuse to boot if a part of a route has no schema. Default: false: such parts are listed, and closed. */
  strict?: boolean
  /** What happens to schemas that leave more open than they seem. Default: `warn`. */
  looseSchemas?: 'ignore' | 'warn' | 'refuse'
  /** Called with each Ajv instance: for keywords and formats of your own. */
  ajv?: (instance: Ajv) => void
}

const parts = { type: 'string', enum: ['body', 'query', 'params'], examples: ['query'] } as const

const route = {
  empty: {
    type: 'array',
    uniqueItems: true,
    items: { ...parts, description: 'One part.' },
    description: 'Parts that the route takes none of: no gap, and refused.',
  },
  mediaTypes: {
    type: 'array',
    uniqueItems: true,
    minItems: 1,
    maxItems: 32,
    items: {
      type: 'string',
      // RFC 9110 §8.3.1, in lower case and without parameters.
      pattern: "^[a-z0-9!#$%&'*+.^_`|~-]+/[a-z0-9!#$%&'*+.^_`|~-]+$",
      title: 'a media type in lower case, without parameters',
      description: 'One media type.',
      examples: ['application/json'],
    },
    description: 'Media types of bodies, exactly; `charset=utf-8` may follow, and `boundary` where there are parts.',
  },
  contentEncodings: {
    type: 'array',
    uniqueItems: true,
    items: { type: 'string', enum: ['gzip', 'deflate', 'br'], description: 'One encoding.', examples: ['gzip'] },
    description: 'Content encodings of bodies that are inflated, up to the body limit; the others are answered 415.',
  },
  json: {
    type: 'object',
    additionalProperties: false,
    description: 'Limits of JSON bodies, judged on their bytes before anything is built of them.',
    properties: {
      depth: { type: 'integer', minimum: 1, maximum: 1000, description: 'Arrays and objects inside one another.' },
      keys: { type: 'integer', minimum: 1, maximum: 1_000_000, description: 'Members of all objects together.' },
      exactNumbers: {
        type: 'boolean',
        description: 'Refuse numbers that a double cannot hold, such as 9007199254740993.',
      },
    },
  },
  bodyRate: {
    accepts: ['object', 'boolean'],
    additionalProperties: false,
    description: 'The least speed at which a body must come; `false`: any.',
    properties: {
      bytesPerSecond: { type: 'integer', minimum: 1, maximum: 1_000_000, description: 'Bytes a second, on average.' },
      grace: { type: 'integer', minimum: 1, maximum: 600, description: 'Seconds before the average counts.' },
    },
  },
  admitInPath: {
    type: 'array',
    uniqueItems: true,
    items: {
      type: 'string',
      enum: ['encoded-slash', 'empty-segment', 'semicolon', 'double-encoding'],
      description: 'One of them.',
      examples: ['encoded-slash'],
    },
    description: 'What paths may hold although readers differ about it: only where all readers of yours agree.',
  },
  requireResponse: {
    type: 'boolean',
    description: "Refuse to boot if an answer of the route's success has no schema: what is not declared would leave.",
  },
  dangerouslyAdmitUndeclared: {
    type: 'array',
    uniqueItems: true,
    items: { ...parts, description: 'One part.' },
    description: 'Parts without a schema that pass unseen.',
  },
  dangerouslyTrustJson: {
    type: 'boolean',
    description: 'JSON bodies are parsed unseen: only where nobody but a service of yours sends them.',
  },
} as const

type Filled = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** The same properties, with a default or an example each. */
function each(word: 'default' | 'examples', properties: Filled, values: Readonly<Record<string, unknown>>): Filled {
  const entries = Object.entries(properties).map(([name, property]) => {
    const value = values[name]
    return [name, { ...property, [word]: word === 'examples' ? [value] : value }] as const
  })
  return Object.fromEntries(entries)
}

const json = { depth: 32, keys: 10_000, exactNumbers: true }
const rate = { bytesPerSecond: 240, grace: 5 }

const filled = {
  ...each('default', route, {
    empty: [],
    mediaTypes: ['application/json'],
    contentEncodings: [],
    json: {},
    bodyRate: {},
    admitInPath: [],
    requireResponse: false,
    dangerouslyAdmitUndeclared: [],
    dangerouslyTrustJson: false,
  }),
  json: { ...route.json, default: {}, properties: each('default', route.json.properties, json) },
  bodyRate: { ...route.bodyRate, default: {}, properties: each('default', route.bodyRate.properties, rate) },
}

const partial = {
  ...each('examples', route, {
    empty: ['query'],
    mediaTypes: ['multipart/form-data'],
    contentEncodings: ['gzip'],
    json: { depth: 8 },
    bodyRate: { bytesPerSecond: 1000 },
    admitInPath: ['encoded-slash'],
    requireResponse: true,
    dangerouslyAdmitUndeclared: ['query'],
    dangerouslyTrustJson: true,
  }),
  json: { ...route.json, examples: [{ depth: 8 }], properties: each('examples', route.json.properties, json) },
  bodyRate: {
    ...route.bodyRate,
    examples: [{ grace: 2 }],
    properties: each('examples', route.bodyRate.properties, rate),
  },
}

/** What `config.security.validation` may say. */
export const routeSchema: ObjectSchema = { type: 'object', additionalProperties: false, properties: partial }

/** The registration's options. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...filled,
    strict: {
      type: 'boolean',
      default: false,
      description: 'Refuse to boot if a part of a route has no schema; else such parts are listed, and closed.',
    },
    looseSchemas: {
      type: 'string',
      enum: ['ignore', 'warn', 'refuse'],
      default: 'warn',
      description:
        'What happens to schemas with open objects, unbounded strings, arrays or numbers, patterns that backtrack, or ' +
        'formats that nobody checks.',
    },
    ajv: {
      accepts: ['function'],
      examples: [() => {}],
      description: 'Called with each Ajv instance: for keywords and formats of your own.',
    },
  },
}
