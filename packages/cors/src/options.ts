import type { ObjectSchema, RoomOptions, Schema } from '@portcullis/kernel'

/** What one route may say for itself (`config.security.cors`): laid over the registration's options; lists replace. */
export interface CorsRoute extends Pick<RoomOptions, 'reportOnly'> {
  /**
   * Who may read: exact origins as browsers send them (`https://app.example.com`), or one leading wildcard label
   * (`https://*.example.com`: exactly one label, as in a TLS certificate), or `['*']` alone for everybody.
   */
  origins?: readonly string[]
  /** Whether pages may send cookies, client certificates and HTTP authentication along. Needs listed origins. */
  credentials?: boolean
  /** Methods that preflights may be granted, at most. Absent: every method that exists at the URL. */
  methods?: readonly string[]
  /** Request header fields that pages may set, beyond the safelisted ones. */
  requestHeaders?: readonly string[]
  /** Response header fields that pages may read, beyond the safelisted ones. */
  exposedHeaders?: readonly string[]
  /** How long browsers may remember a preflight's answer, in seconds: `-1` (not at all) to 86400. */
  maxAge?: number
  /** Answer 403 to requests of origins that are not listed, before anything runs, instead of withholding the fields. */
  refuseForeignOrigins?: boolean
}

/** Options of `@portcullis/cors`. */
export interface CorsOptions extends CorsRoute, RoomOptions {
  origins: readonly string[]
}

// RFC 9110 §5.6.2
const token = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

const origins: Schema = {
  type: 'array',
  description:
    'Origins that may read the answers: exact (`https://app.example.com`), with one leading wildcard label ' +
    "(`https://*.example.com`), or `['*']` alone for everybody.",
  items: {
    type: 'string',
    description: 'One origin: scheme, host and, if it is not the default, port. Nothing after it.',
    examples: ['https://app.example.com'],
  },
  minItems: 1,
  examples: [['https://app.example.com']],
}

const credentials: Schema = {
  type: 'boolean',
  description: 'Lets pages send cookies, client certificates and HTTP authentication along. Needs listed origins.',
}

const methods: Schema = {
  type: 'array',
  description: 'Methods that preflights may be granted, at most. Absent: every method that exists at the URL.',
  items: { type: 'string', pattern: token, description: 'A method, in upper case.', examples: ['GET'] },
  minItems: 1,
  examples: [['GET', 'POST', 'PUT', 'DELETE']],
}

const requestHeaders: Schema = {
  type: 'array',
  description: 'Request header fields that pages may set, beyond the safelisted ones.',
  items: { type: 'string', pattern: token, description: 'The name of a field.', examples: ['X-Request-Id'] },
}

const exposedHeaders: Schema = {
  type: 'array',
  description: 'Response header fields that pages may read, beyond the safelisted ones.',
  items: { type: 'string', pattern: token, description: 'The name of a field.', examples: ['X-Request-Id'] },
}

const maxAge: Schema = {
  type: 'integer',
  description: "How long browsers may remember a preflight's answer, in seconds; `-1` for not at all.",
  minimum: -1,
  maximum: 86_400,
}

const refuseForeignOrigins: Schema = {
  type: 'boolean',
  description:
    'Answers 403 to requests of origins that are not listed, before anything runs, instead of withholding the fields.',
}

/** The options' schema: the only place where a default is written. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['origins'],
  properties: {
    origins,
    credentials: { ...credentials, default: false },
    methods,
    requestHeaders: { ...requestHeaders, default: ['Content-Type', 'Authorization'] },
    exposedHeaders: { ...exposedHeaders, default: [] },
    maxAge: { ...maxAge, default: 60 },
    refuseForeignOrigins: { ...refuseForeignOrigins, default: false },
  },
}

/** The schema of `config.security.cors`. */
export const routeSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    origins,
    credentials: { ...credentials, examples: [false] },
    methods,
    requestHeaders: { ...requestHeaders, examples: [['Content-Type', 'Authorization']] },
    exposedHeaders: { ...exposedHeaders, examples: [['X-Request-Id']] },
    maxAge: { ...maxAge, examples: [60] },
    refuseForeignOrigins: { ...refuseForeignOrigins, examples: [false] },
  },
}
