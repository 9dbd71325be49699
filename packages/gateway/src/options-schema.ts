import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { ObjectSchema } from '@portcullis/kernel'
import { FIELD_NAME, route } from './route-schema.ts'
import { openTargetStates } from './upstreams/target-states.ts'
import { seconds, upstream } from './upstream-schema.ts'

// An example must work when pasted, and a private key in a source file is everybody's: this one is made at each start.
const exampleKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
})

const examplePublicKey = createPublicKey(exampleKey).export({ type: 'spki', format: 'pem' })

/** JSON Schema of the options. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['upstreams', 'routes', 'internalToken'],
  properties: {
    upstreams: {
      type: 'object',
      additionalProperties: upstream,
      examples: [{ 'user-service': { targets: ['https://user-service.local:7001'] } }],
      description: 'The private services, by name.',
    },
    routes: {
      type: 'array',
      items: route,
      examples: [[{ match: { path: '/users/profile' }, upstream: 'user-service' }]],
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
          description: '`kid`; absent: the key’s thumbprint (RFC 7638).',
        },
        otherKeys: {
          type: 'array',
          items: {
            type: 'object',
            additionalProperties: false,
            required: ['key'],
            examples: [{ key: examplePublicKey }],
            description: 'A key that does not sign.',
            properties: {
              key: {
                accepts: ['string', 'Buffer', 'KeyObject'],
                writeOnly: true,
                examples: [examplePublicKey],
                description: 'The key, private or public, PEM or KeyObject.',
              },
              keyId: {
                type: 'string',
                minLength: 1,
                examples: ['2025-12'],
                description: '`kid`; absent: the key’s thumbprint.',
              },
            },
          },
          default: [],
          description:
            'Keys that `internalKeySet()` publishes beside it: the next one, before it signs, and the one that signed before.',
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
      description: 'Addresses of targets by host name, instead of DNS.',
    },
    privateNetworks: {
      type: 'array',
      uniqueItems: true,
      items: { type: 'string', examples: ['10.0.0.0/8'], description: 'A range of addresses.' },
      default: [],
      description: 'Private networks in which DNS may place a target.',
    },
    responseLimit: {
      type: 'integer',
      minimum: 1,
      examples: [1_073_741_824],
      description:
        "Bytes of an answer's body; longer ones are cut, or answered 502 where they say so first. Absent: any.",
    },
    bodyLimit: {
      type: 'integer',
      minimum: 0,
      default: 1_048_576,
      description: "Bytes of a request's body, counted while it is forwarded.",
    },
    openapi: {
      accepts: ['object'],
      examples: [{ openapi: '3.1.1', paths: {} }],
      description:
        'An OpenAPI 3.1 document of the public API: what its operations say of requests, requests of the routes must match.',
    },
    validateResponses: {
      type: 'string',
      enum: ['report', 'refuse'],
      examples: ['report'],
      description:
        'Holds answers to schemas too: those that do not match are told of, or answered 502. Absent: they pass unread.',
    },
    validatedResponseLimit: {
      type: 'integer',
      minimum: 1,
      default: 1_048_576,
      description: 'Bytes of an answer that is read for `validateResponses`; what is larger does not match.',
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
    targetStates: {
      accepts: ['object'],
      title: 'a place of `openTargetStates()`',
      examples: [openTargetStates()],
      description: 'Where it is kept how targets are, if that is to outlive the app; absent: a place of its own.',
    },
    dangerouslyWithoutAuth: {
      type: 'boolean',
      default: false,
      description: 'Allows the gateway without the auth room: every route is open to everybody.',
    },
  },
}
