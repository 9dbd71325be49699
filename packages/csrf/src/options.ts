import { randomBytes } from 'node:crypto'
import type { ObjectSchema, PrefixOptions, RoomOptions, Schema } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'
import type { Ambient } from './credentials.ts'

/** What a token is bound to, if not to the room's own cookie: null while there is no session. */
export type FindSession = (request: FastifyRequest) => string | null

/** What one route may say for itself (`config.security.csrf`): laid over the registration's options; lists replace. */
export interface CsrfRoute extends Pick<RoomOptions, 'reportOnly'> {
  /** Whose pages may change state: exact origins as browsers send them, your own first. */
  origins?: readonly string[]
  /** When a token is asked for. `fallback`: where neither Sec-Fetch-Site nor Origin says who asks. `always`: always. */
  token?: 'fallback' | 'always'
  /** Answer 415 to bodies of the media types that a page can send without asking first, or of none. */
  jsonOnly?: boolean
  /** Credentials that a browser sends on its own. Without one of them nothing but a foreign page is refused. */
  ambient?: readonly Ambient[]
}

/** Options of `@portcullis/csrf`. */
export interface CsrfOptions extends CsrfRoute, PrefixOptions<CsrfRoute>, RoomOptions {
  origins: readonly string[]
  /** Keys of the tokens, 32 random bytes or more each; the first makes them, all admit them. Absent: no token is. */
  secrets?: readonly (string | Buffer)[]
  /** What tokens are bound to once there is a session: the name of its cookie, or a function that says its id. */
  session?: string | FindSession
  /** The cookie that tokens are bound to while there is no session. */
  cookie?: { readonly name?: string; readonly sameSite?: 'Strict' | 'Lax' }
}

/** Name of the room's own cookie unless the options say otherwise. */
export const COOKIE = '__Host-csrf'

/** A key to write instead of a weak one, for fixes: another in every process, so that nobody pastes one that others know. */
export const SECRET: string = randomBytes(32).toString('base64')

const cookieName = {
  type: 'string',
  // RFC 6265bis §4.1.3.2: only the host itself can set it, over TLS, for all its paths.
  pattern: '^__Host-[A-Za-z0-9_-]{1,64}$',
  title: 'a name that begins with __Host-',
} as const

const origins: Schema = {
  type: 'array',
  description:
    'Whose pages may change state: exact origins as browsers send them, your own first; https, but for this machine. The ' +
    'request’s Host is never asked.',
  items: {
    type: 'string',
    description: 'One origin: scheme, host and, if it is not the default, port. Nothing after it.',
    examples: ['https://app.example.com'],
  },
  minItems: 1,
  examples: [['https://app.example.com']],
}

const token: Schema = {
  type: 'string',
  enum: ['fallback', 'always'],
  description:
    'When a token is asked for: `fallback` where neither Sec-Fetch-Site nor Origin says who asks and the request carries ' +
    'an ambient credential, `always` of everything but bearer-only requests.',
}

const jsonOnly: Schema = {
  type: 'boolean',
  description:
    'Answers 415 to bodies of the media types that a page can send without asking first: those of forms (urlencoded, ' +
    'multipart, text), of pings and of CSP reports, or none. Routes that take reports say `false`.',
}

const ambient: Schema = {
  type: 'array',
  description:
    'Credentials that a browser sends on its own. Leave `client-certificate` out where services without a browser use ' +
    'them: foreign pages stay refused.',
  items: {
    type: 'string',
    enum: ['cookie', 'basic', 'client-certificate'],
    description: 'One kind. `basic` stands for Digest, Negotiate and their like too.',
  },
  uniqueItems: true,
}

/** The options' schema: the only place where a default is written. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['origins'],
  properties: {
    origins,
    token: { ...token, default: 'fallback' },
    jsonOnly: { ...jsonOnly, default: false },
    ambient: { ...ambient, default: ['cookie', 'basic', 'client-certificate'] },
    secrets: {
      type: 'array',
      description:
        'Keys of the tokens, 32 random bytes or more each: the first makes them, all admit them. Absent: whoever needs ' +
        'a token is refused.',
      items: {
        accepts: ['string', 'Buffer'],
        writeOnly: true,
        description: 'One key, the same in every process.',
        examples: [SECRET],
      },
      minItems: 1,
      examples: [[SECRET]],
    },
    session: {
      accepts: ['string', 'function'],
      pattern: cookieName.pattern,
      title: cookieName.title,
      description:
        'What tokens are bound to once there is a session: the name of its cookie, or a function of the request that ' +
        'returns its id or null. Absent, or null: the cookie below.',
      examples: ['__Host-session'],
    },
    cookie: {
      type: 'object',
      description: 'The cookie that tokens are bound to while there is no session.',
      additionalProperties: false,
      default: {},
      properties: {
        name: { ...cookieName, description: 'Its name.', default: COOKIE },
        sameSite: {
          type: 'string',
          enum: ['Strict', 'Lax'],
          description: '`Lax` where links from other sites lead to pages with forms in them.',
          default: 'Strict',
        },
      },
    },
  },
}

/** The schema of `config.security.csrf`. */
export const routeSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    origins,
    token: { ...token, examples: ['always'] },
    jsonOnly: { ...jsonOnly, examples: [true] },
    ambient: { ...ambient, examples: [['cookie', 'basic']] },
  },
}
