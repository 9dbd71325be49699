import type { ObjectSchema } from '@portcullis/kernel'

/** A number of seconds. */
export const seconds = (description: string, preset: number): object => ({
  type: 'integer',
  minimum: 1,
  maximum: 3600,
  default: preset,
  description,
})

/** One private service. */
export const service: ObjectSchema = {
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
