import type { ObjectSchema } from '@portcullis/kernel'

const PATH = '^/$|^(?:/(?::[A-Za-z_][A-Za-z0-9_]*|[A-Za-z0-9._~-]+))*(?:/\\*)?$'
/** RFC 9110 §5.1, and RFC 6265 §4.1.1 for cookies. */
export const FIELD_NAME = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"

/** One public route and where it leads. */
export const route: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['methods', 'path', 'service'],
  properties: {
    methods: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: {
        type: 'string',
        enum: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
        description: 'A method.',
        examples: ['GET'],
      },
      examples: [['GET']],
      description: 'Methods; HEAD comes with GET.',
    },
    path: {
      type: 'string',
      minLength: 1,
      pattern: PATH,
      examples: ['/users/profile'],
      description: 'The public path: literal segments, `:name` segments, `*` as the last.',
    },
    service: {
      type: 'string',
      examples: ['user-service'],
      description: 'A name in `services`.',
    },
    rewrite: {
      type: 'string',
      minLength: 1,
      pattern: PATH,
      examples: ['/api/profile'],
      description: "The service's path, with parameters of `path`; absent: `path`.",
    },
    security: {
      accepts: ['object'],
      examples: [{}],
      description: "The route's policies, as `config.security` of any route.",
    },
    bodyLimit: {
      type: 'integer',
      minimum: 0,
      examples: [1_048_576],
      description: "Bytes of a request's body; absent: the gateway's limit.",
    },
    timeout: {
      type: 'integer',
      minimum: 1,
      maximum: 3600,
      examples: [30],
      description: "Seconds until the answer's fields; absent: the service's.",
    },
    forwardCookies: {
      type: 'array',
      items: { type: 'string', pattern: FIELD_NAME, examples: ['theme'], description: 'The name of a cookie.' },
      default: [],
      description: 'Names of the cookies that travel to the service.',
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
