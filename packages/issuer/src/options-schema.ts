import { randomBytes } from 'node:crypto'
import type { ObjectSchema } from '@portcullis/kernel'
import { type IssuerStore, memoryStore } from './stores/memory.ts'
import { passwordSchema } from './passwords/options.ts'

/** Stands in fixes. An example is pasted: a fixed one would be everybody's. */
export const exampleSecret: string = randomBytes(32).toString('base64url')

/** The store of whoever names none. */
export const exampleStore: IssuerStore = memoryStore()

const seconds = (description: string, minimum: number, maximum: number, byDefault: number) => ({
  type: 'integer',
  description,
  minimum,
  maximum,
  default: byDefault,
})

/** JSON Schema of the options. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['issuer', 'audience'],
  properties: {
    issuer: {
      description: '`iss` of every token: an https URL without query and fragment.',
      type: 'string',
      title: 'an https URL without query and fragment',
      pattern: '^https://[^\\s?#/]+[^\\s?#]*$',
      maxLength: 255,
      examples: ['https://id.example.com'],
    },
    audience: {
      description: '`aud` of every token: the API that it is for.',
      type: 'string',
      minLength: 1,
      maxLength: 255,
      examples: ['https://api.example.com'],
    },
    clientId: {
      description: '`client_id` of tokens for which `signIn` names none.',
      type: 'string',
      minLength: 1,
      maxLength: 255,
      default: 'first-party',
    },
    accessTokenLifetime: seconds('Seconds that an access token is valid.', 30, 3600, 300),
    refreshToken: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'How long sessions live.',
      properties: {
        idle: seconds('A session that is not refreshed for this many seconds ends.', 60, 31_536_000, 604_800),
        absolute: seconds('A session ends after this many seconds in any case.', 60, 31_536_000, 2_592_000),
        grace: seconds('For this many seconds a used token still gives its one successor.', 0, 60, 10),
      },
    },
    maxSessions: {
      description: 'Live sessions of one subject; of more, the longest unused ends.',
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 100,
    },
    keys: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'When signing keys change.',
      properties: {
        algorithm: {
          description: 'How tokens are signed.',
          type: 'string',
          enum: ['ES256', 'EdDSA'],
          default: 'ES256',
        },
        rotateAfter: seconds('A key signs for this many seconds.', 600, 31_536_000, 2_592_000),
        publishAhead: seconds('A key is published this many seconds before it signs.', 60, 2_592_000, 86_400),
        reload: seconds('The ring is read again after this many seconds.', 1, 3600, 60),
      },
    },
    jwks: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Where verifiers find the public keys.',
      properties: {
        path: {
          description: 'Path of the JWK Set.',
          type: 'string',
          title: 'a path without parameters',
          pattern: '^/[A-Za-z0-9._~/-]*$',
          default: '/.well-known/jwks.json',
        },
        maxAge: seconds('Seconds for which the answer may be cached.', 0, 86_400, 300),
        security: {
          description:
            'The route’s policies, as `config.security` of any route: `{ auth: false }` where auth is registered.',
          type: 'object',
          additionalProperties: {},
          // Not the one of the description: pasted where auth is not registered, it would not boot.
          examples: [{}],
        },
      },
    },
    password: passwordSchema,
    store: {
      description: '`memoryStore()` or `postgresStore(pool)`; absent: `memoryStore()`.',
      accepts: ['object'],
      title: 'memoryStore() or postgresStore(pool)',
      examples: [exampleStore],
    },
    secret: {
      description: 'Encrypts the private keys in a durable store: at least 32 random bytes, the same in every process.',
      accepts: ['string', 'Buffer'],
      writeOnly: true,
      examples: [exampleSecret],
    },
    account: {
      description: 'What the subject may do now, asked at every refresh; null ends the session.',
      accepts: ['function'],
      examples: [async () => ({ scopes: [] })],
    },
    revoke: {
      type: 'object',
      additionalProperties: false,
      description: 'Called when sessions end, so that their access tokens are refused at once.',
      examples: [{}],
      properties: {
        token: {
          description: 'Refuses one access token: `revoke` of @portcullis/auth.',
          accepts: ['function'],
          examples: [async () => {}],
        },
        subject: {
          description: 'Refuses all access tokens of a subject: `revokeSubject` of @portcullis/auth.',
          accepts: ['function'],
          examples: [async () => {}],
        },
      },
    },
    clock: {
      description: 'Milliseconds since the epoch, instead of this machine’s clock.',
      accepts: ['function'],
      examples: [Date.now],
    },
  },
}
