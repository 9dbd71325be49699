import type { ObjectSchema, RoomOptions, Schema } from '@portcullis/kernel'
import type { FindOrigin, LookupSettings } from './lookup.ts'

/** What one route may say for itself (`config.security.cors`): laid over the registration's options; lists replace. */
export interface CorsRoute extends Pick<RoomOptions, 'reportOnly'> {
  /**
   * Who may read: exact origins as browsers send them (`https://app.example.com`), with one leading wildcard label
   * (`https://*.example.com`: exactly one label, as in a TLS certificate), with any port (`http://localhost:*`), or
   * `['*']` alone for everybody. Or a function that is asked and says true or false, now or later.
   */
  origins?: readonly string[] | FindOrigin
  /** How the answers of `origins`, if it is a function, are waited for and remembered. */
  lookup?: Partial<LookupSettings>
  /** Whether pages may send cookies, client certificates and HTTP authentication along. Needs listed origins. */
  credentials?: boolean
  /** Methods that preflights may be granted, at most. Absent: every method that exists at the URL. */
  methods?: readonly string[]
  /** Request header fields that pages may set, beyond the safelisted ones. */
  requestHeaders?: readonly string[]
  /** Response header fields that pages may read, beyond the safelisted ones. */
  exposedHeaders?: readonly string[]
  /**
   * How long browsers may remember a preflight's answer, in seconds: `-1` (not at all) to 86400. Absent: 60 with
   * credentials, because what browsers remember cannot be taken back, and 600 without.
   */
  maxAge?: number
  /**
   * Answer 403 to requests of origins that are not listed, before anything runs, instead of withholding the fields.
   * Absent: where `@portcullis/gateway` is registered, whose routes lead to services that know nothing of origins.
   */
  refuseForeignOrigins?: boolean
}

/** Options of `@portcullis/cors`. */
export interface CorsOptions extends CorsRoute, RoomOptions {
  origins: readonly string[] | FindOrigin
  /** Says in the body of a refusal why it was refused. For development: it tells attackers what others may do. */
  debug?: boolean
}

// RFC 9110 §5.6.2
const token = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

const origins: Schema = {
  accepts: ['array', 'function'],
  description:
    'Origins that may read the answers: exact (`https://app.example.com`), with one leading wildcard label ' +
    "(`https://*.example.com`), with any port (`http://localhost:*`), or `['*']` alone for everybody. " +
    'Or a function that is asked and answers true or false, now or later.',
  items: {
    type: 'string',
    description: 'One origin: scheme, host and, if it is not the default, port. Nothing after it.',
    examples: ['https://app.example.com'],
  },
  minItems: 1,
  examples: [['https://app.example.com']],
}

/** @param given how each number is completed: with its default, or on a route with an example */
const lookup = (given: 'default' | 'examples'): Schema => {
  const number = (value: number, bounds: object, description: string): Schema => ({
    type: 'integer',
    ...bounds,
    description,
    [given]: given === 'default' ? value : [value],
  })
  return {
    type: 'object',
    description: 'How the answers of `origins`, if it is a function, are waited for and remembered.',
    additionalProperties: false,
    ...(given === 'default' ? { default: {} } : { examples: [{ ttl: 60 }] }),
    properties: {
      deadlineMs: number(
        1000,
        { minimum: 1, maximum: 30_000 },
        'Milliseconds until an answer that has not come is a no.',
      ),
      ttl: number(60, { minimum: 0, maximum: 86_400 }, 'Seconds that an answer is remembered.'),
      maxEntries: number(
        10_000,
        { minimum: 1, maximum: 1_000_000 },
        'Answers remembered at most, of either kind; the oldest goes first.',
      ),
      maxPending: number(100, { minimum: 1, maximum: 10_000 }, 'Questions waited for at a time; one more is a no.'),
    },
  }
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
  description:
    "How long browsers may remember a preflight's answer, in seconds; `-1` for not at all. " +
    'Absent: 60 with credentials, 600 without.',
  minimum: -1,
  maximum: 86_400,
  examples: [60],
}

const refuseForeignOrigins: Schema = {
  type: 'boolean',
  description:
    'Answers 403 to requests of origins that are not listed, before anything runs, instead of withholding the fields. ' +
    'Absent: true where `@portcullis/gateway` is registered, otherwise false.',
  examples: [false],
}

/** The options' schema: the only place where a default is written. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['origins'],
  properties: {
    origins,
    lookup: lookup('default'),
    credentials: { ...credentials, default: false },
    methods,
    requestHeaders: { ...requestHeaders, default: ['Content-Type', 'Authorization'] },
    exposedHeaders: { ...exposedHeaders, default: [] },
    maxAge,
    refuseForeignOrigins,
    debug: {
      type: 'boolean',
      description:
        'Says in the body of a refusal why it was refused. For development: it tells attackers what others may do.',
      default: false,
    },
  },
}

/** The schema of `config.security.cors`. */
export const routeSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    origins,
    lookup: lookup('examples'),
    credentials: { ...credentials, examples: [false] },
    methods,
    requestHeaders: { ...requestHeaders, examples: [['Content-Type', 'Authorization']] },
    exposedHeaders: { ...exposedHeaders, examples: [['X-Request-Id']] },
    maxAge,
    refuseForeignOrigins,
  },
}
