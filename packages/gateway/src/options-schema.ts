import { generateKeyPairSync } from 'node:crypto'
import type { ObjectSchema } from '@portcullis/kernel'

// An example must work when pasted, and a private key in a source file is everybody's: this one is made at each start.
const exampleKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
})

const seconds = (description: string, preset: number): object => ({
  type: 'integer',
  minimum: 1,
  maximum: 3600,
  default: preset,
  description,
})

const service: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['origin'],
  properties: {
    origin: {
      type: 'string',
      pattern: '^https?://[^/?#@\\s]+$',
      examples: ['https://user-service.local:7001'],
      description: 'Scheme, host and port. The certificate must be valid for the host.',
    },
    ca: {
      accepts: ['string', 'Buffer'],
      examples: ['-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n'],
      description: 'The authorities, PEM, that may have issued its certificate; absent: those Node trusts.',
    },
    audience: {
      type: 'string',
      minLength: 1,
      examples: ['user-service'],
      description: "`aud` of its internal tokens; absent: the service's name here.",
    },
    timeouts: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'How long the service may take.',
      properties: {
        connect: seconds('Seconds until the connection is up, TLS included.', 3),
        headers: seconds("Seconds from the request's last byte to the answer's fields.", 30),
        body: seconds("Seconds between two pieces of the answer's body.", 30),
      },
    },
    concurrency: {
      type: 'integer',
      minimum: 1,
      default: 256,
      description: 'Requests under way to the service at the same time; more are answered 503.',
    },
    dangerouslyPlaintext: {
      type: 'boolean',
      default: false,
      description: 'Allows an `http:` origin: everybody in between reads and writes along.',
    },
  },
}

const PATH = '^/$|^(?:/(?::[A-Za-z_][A-Za-z0-9_]*|[A-Za-z0-9._~-]+))*(?:/\\*)?$'
const FIELD_NAME = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"

const route: ObjectSchema = {
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

/** JSON Schema of the options. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['services', 'routes', 'internalToken'],
  properties: {
    services: {
      type: 'object',
      additionalProperties: service,
      examples: [{ 'user-service': { origin: 'https://user-service.local:7001' } }],
      description: 'The private services, by name.',
    },
    routes: {
      type: 'array',
      items: route,
      examples: [[{ methods: ['GET'], path: '/users/profile', service: 'user-service' }]],
      description: 'The public routes and where they lead.',
    },
    internalToken: {
      type: 'object',
      additionalProperties: false,
      required: ['issuer', 'key'],
      examples: [{ issuer: 'gateway', key: exampleKey }],
      description: 'The signed statement of who is calling that each forwarded request carries.',
      properties: {
        issuer: {
          type: 'string',
          minLength: 1,
          examples: ['gateway'],
          description: "`iss`: the gateway's name to the services.",
        },
        key: {
          accepts: ['string', 'Buffer', 'KeyObject'],
          writeOnly: true,
          examples: [exampleKey],
          description: 'Private key, PEM (PKCS #8) or KeyObject. The services get the public one.',
        },
        algorithm: {
          type: 'string',
          enum: ['ES256', 'EdDSA'],
          default: 'ES256',
          description: 'How tokens are signed.',
        },
        keyId: {
          type: 'string',
          minLength: 1,
          examples: ['2026-01'],
          description: '`kid`, for services that know several keys.',
        },
        lifetime: {
          type: 'integer',
          minimum: 30,
          maximum: 60,
          default: 60,
          description: 'Seconds a token is valid.',
        },
        anonymousSubject: {
          type: 'string',
          minLength: 1,
          examples: ['gateway'],
          description: '`sub` of the tokens of anonymous callers (absent: they have none); no identity may bear it.',
        },
        claims: {
          type: 'array',
          items: {
            type: 'string',
            minLength: 1,
            examples: ['username'],
            description: 'The name of a claim.',
          },
          default: [],
          description: "Names of the caller's verified claims to copy into the token.",
        },
      },
    },
    resolve: {
      type: 'object',
      additionalProperties: {
        type: 'string',
        pattern: '^(?:[0-9.]+|\\[[0-9A-Fa-f:.]+\\])(?::[0-9]{1,5})?$',
        examples: ['127.0.0.1:7001'],
        description: 'An IP address (IPv6 in brackets), optionally with a port.',
      },
      default: {},
      description: 'Addresses of services by host name, instead of DNS.',
    },
    bodyLimit: {
      type: 'integer',
      minimum: 0,
      default: 1_048_576,
      description: "Bytes of a request's body, counted while it is forwarded.",
    },
    slowReaders: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'How slowly a client may read an answer that the service still holds a part of; then it is cut off.',
      properties: {
        grace: seconds('Seconds that the service may wait for a client in any case.', 30),
        bytesPerSecond: {
          type: 'integer',
          minimum: 1,
          default: 4096,
          description: 'And as long as the bytes sent so far take at this rate.',
        },
      },
    },
    forwardFields: {
      type: 'array',
      items: { type: 'string', pattern: FIELD_NAME, examples: ['x-tenant'], description: 'The name of a field.' },
      default: [],
      description: 'Request fields that travel beside the end-to-end ones of HTTP.',
    },
    dangerouslyWithoutAuth: {
      type: 'boolean',
      default: false,
      description: 'Allows the gateway without the auth room: every route is open to everybody.',
    },
  },
}
