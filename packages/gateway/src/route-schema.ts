import type { ObjectSchema, Schema } from '@portcullis/kernel'
import { count, routeTimeouts, seconds } from './upstream-schema.ts'

const PATH = '^/$|^(?:/(?::[A-Za-z_][A-Za-z0-9_]*|[A-Za-z0-9._~-]+))*(?:/\\*)?$'
const PATH_IN_WORDS =
  'a path of plain segments and parameters (`:id`, not `{id}`), with `*` as the last at most, and no slash at its end'
/** RFC 9110 §5.1, and RFC 6265 §4.1.1 for cookies. */
export const FIELD_NAME = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"

/** What the WebSockets of a route may do. */
const webSocket: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  examples: [{ origins: ['https://app.example.com'] }],
  description: 'Lets clients open WebSockets; absent: none.',
  properties: {
    origins: {
      type: 'array',
      items: {
        type: 'string',
        pattern: '^https?://[^/?#@\\s]+$',
        examples: ['https://app.example.com'],
        description: 'An origin.',
      },
      default: [],
      description: "Origins whose pages may open one, beside the gateway's own.",
    },
    maxMessageBytes: count('Bytes of a client’s message, over all its frames.', 65_536),
    framesPerSecond: count('Frames a client may send within a second, on average; as many at once.', 100),
    idle: seconds('Seconds in which one side must say something.', 120),
    connections: count('Open at the same time.', 1_000),
    connectionsPerCaller: count('Of one caller.', 10),
  },
}

const jsonSchema = (description: string): Schema => ({
  accepts: ['object', 'boolean'],
  examples: [{ type: 'object' }],
  description,
})

/** What a route's messages are held to. */
const schema: Schema = {
  accepts: ['object', 'boolean'],
  additionalProperties: false,
  examples: [false],
  description:
    'JSON Schemas (2020-12) that requests must match to be forwarded; `false`: none, and not the operation of `openapi`.',
  properties: {
    body: jsonSchema('Of the body, which is then JSON.'),
    querystring: jsonSchema('Of the query.'),
    params: jsonSchema('Of the parameters of `match.path`.'),
    headers: jsonSchema('Of header fields.'),
    response: {
      type: 'object',
      additionalProperties: jsonSchema('Of an answer of that status.'),
      propertyNames: { pattern: '^(?:[1-5](?:[0-9]{2}|[xX]{2})|default)$' },
      examples: [{ 200: { type: 'object' } }],
      description: 'Of answers, by status: `200`, `2xx`, `default`. For `validateResponses`.',
    },
  },
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** One public route and where it leads. */
export const route: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['match', 'upstream'],
  properties: {
    match: {
      type: 'object',
      additionalProperties: false,
      required: ['path'],
      examples: [{ path: '/users/profile' }],
      description: 'Which requests it is for.',
      properties: {
        method: {
          accepts: ['string', 'array'],
          title: METHODS.map((method) => `"${method}"`).join(', '),
          pattern: `^(?:${METHODS.join('|')})$`,
          minItems: 1,
          uniqueItems: true,
          items: { type: 'string', enum: METHODS, description: 'A method.', examples: ['GET'] },
          default: 'GET',
          description: 'A method or several; HEAD comes with GET.',
        },
        path: {
          type: 'string',
          minLength: 1,
          pattern: PATH,
          title: PATH_IN_WORDS,
          examples: ['/users/profile'],
          description: 'The public path: literal segments, `:name` segments, `*` as the last.',
        },
        host: {
          type: 'string',
          pattern: '^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$',
          examples: ['api.example.com'],
          description: "The name in the request's Host field, without port; absent: any.",
        },
      },
    },
    upstream: { type: 'string', examples: ['user-service'], description: 'A name in `upstreams`.' },
    rewrite: {
      type: 'string',
      minLength: 1,
      pattern: PATH,
      title: PATH_IN_WORDS,
      examples: ['/api/profile'],
      description: "The upstream's path, with parameters of `match.path`; absent: `match.path`.",
    },
    policy: {
      accepts: ['object'],
      examples: [{}],
      description: 'What the other rooms ask of its requests, as `config.security` of any route.',
    },
    responseLimit: {
      type: 'integer',
      minimum: 1,
      examples: [1_073_741_824],
      description: "Bytes of an answer's body; absent: the gateway's limit.",
    },
    bodyLimit: {
      type: 'integer',
      minimum: 0,
      examples: [1_048_576],
      description: "Bytes of a request's body; absent: the gateway's limit.",
    },
    schema,
    timeouts: routeTimeouts,
    webSocket,
    forwardCookies: {
      type: 'array',
      items: { type: 'string', pattern: FIELD_NAME, examples: ['theme'], description: 'The name of a cookie.' },
      default: [],
      description: 'Names of the cookies that travel to the upstream.',
    },
    redirectOrigins: {
      type: 'array',
      items: {
        type: 'string',
        pattern: '^https://[^/?#@\\s]+$',
        examples: ['https://id.example.com'],
        description: 'An origin.',
      },
      default: [],
      description: 'Other origins that answers may redirect to.',
    },
  },
}
