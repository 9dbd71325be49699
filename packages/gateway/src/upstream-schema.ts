import type { ObjectSchema, Schema } from '@portcullis/kernel'

/** A number of seconds. */
export const seconds = (description: string, preset: number): Schema => ({
  type: 'integer',
  minimum: 1,
  maximum: 3600,
  default: preset,
  description,
})

/** A number of seconds that is not preset. */
const maybeSeconds = (description: string): Schema => ({
  type: 'integer',
  minimum: 1,
  maximum: 86_400,
  examples: [30],
  description,
})

const share = (description: string, preset: number): Schema => ({
  type: 'number',
  minimum: 0,
  maximum: 1,
  default: preset,
  description,
})

/** A number of things. */
export const count = (description: string, preset: number, minimum = 1): Schema => ({
  type: 'integer',
  minimum,
  default: preset,
  description,
})

const pem = (description: string, secret = false): Schema => ({
  accepts: ['string', 'Buffer'],
  ...(secret ? { writeOnly: true } : {}),
  examples: [
    `-----BEGIN ${secret ? 'PRIVATE KEY' : 'CERTIFICATE'}-----\n…\n-----END ${secret ? 'PRIVATE KEY' : 'CERTIFICATE'}-----\n`,
  ],
  description,
})

const headersMs: Schema = {
  type: 'integer',
  minimum: 10,
  maximum: 86_400_000,
  examples: [500],
  description: 'The same in milliseconds, exactly, and connecting included.',
}

const TOTAL = 'Seconds from the request to the last byte of the answer; absent: as long as both sides move.'

/** How long an upstream may take for a route, where that differs. */
export const routeTimeouts: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  examples: [{ headers: 30 }],
  description: "How long the upstream may take; what is absent is the upstream's.",
  properties: {
    headers: maybeSeconds("Seconds from the request's last byte to the answer's fields."),
    headersMs,
    body: maybeSeconds("Seconds between two pieces of the answer's body."),
    total: maybeSeconds(TOTAL),
  },
}

/** One private service. */
export const upstream: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    targets: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: {
        type: 'string',
        pattern: '^(?:https?://[^/?#@\\s]+|unix:/[^\\s]+)$',
        title: 'an origin, or unix: and a path',
        examples: ['https://user-service.local:7001'],
        description: 'Scheme, host and port, or `unix:` and the path of a socket.',
      },
      examples: [['https://user-service.local:7001']],
      description:
        "Its processes. Certificates must be valid for the host. Absent: `https://` and the upstream's name.",
    },
    balance: {
      type: 'string',
      enum: ['round-robin', 'least-connections'],
      default: 'round-robin',
      description: 'How requests are spread over the targets.',
    },
    ca: pem('The authorities, PEM, that may have issued its certificates; absent: those Node trusts.'),
    clientCertificate: {
      type: 'object',
      additionalProperties: false,
      required: ['cert', 'key'],
      description: "The gateway's own certificate for it.",
      properties: { cert: pem('The certificate, PEM.'), key: pem('Its private key, PEM.', true) },
    },
    http2: { type: 'boolean', default: false, description: 'Speaks HTTP/2 with targets that offer it.' },
    audience: {
      type: 'string',
      minLength: 1,
      examples: ['user-service'],
      description: "`aud` of its internal tokens; absent: the upstream's name here.",
    },
    forwardAuthorization: {
      type: 'boolean',
      default: false,
      description: "Sends the caller's own Authorization, and the internal token as `X-Internal-Token` beside it.",
    },
    timeouts: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'How long it may take.',
      properties: {
        connect: seconds('Seconds until the connection is up, TLS included.', 3),
        headers: seconds("Seconds from the request's last byte to the answer's fields.", 30),
        headersMs,
        body: seconds("Seconds between two pieces of the answer's body.", 30),
        total: maybeSeconds(TOTAL),
      },
    },
    concurrency: count('Requests under way to it at the same time; more are answered 503.', 256),
    circuit: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'When a target that fails (no answer, or 502, 503, 504) is given up, and for how long.',
      properties: {
        failures: count('Failures one after another that open it.', 5),
        share: share('Share of failures that opens it.', 0.5),
        minimum: count('Requests within the window without which the share says nothing.', 20),
        window: seconds('Seconds over which the share is taken.', 10),
        openFor: seconds(
          'Seconds until one request at a time tries again; doubled by each that fails, up to 8 times.',
          10,
        ),
      },
    },
    health: {
      type: 'object',
      additionalProperties: false,
      required: ['path'],
      examples: [{ path: '/health' }],
      description: 'How targets are asked whether they are well; absent: they are not asked.',
      properties: {
        path: {
          type: 'string',
          pattern: '^/[\\x21\\x24-\\x7e]*$',
          title: 'a path that begins with a slash',
          examples: ['/health'],
          description: 'Asked by GET; 2xx is well.',
        },
        interval: seconds('Seconds between two questions.', 5),
        timeout: seconds('Seconds until no answer is a bad one.', 2),
        unhealthyAfter: count('Bad answers one after another that give a target up.', 3),
        healthyAfter: count('Good answers one after another that take it back.', 2),
      },
    },
    retries: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description:
        'Further attempts of idempotent requests without a body that got no answer, at another target if there is one.',
      properties: {
        attempts: count('For one request.', 1, 0),
        budget: share('Of all requests.', 0.1),
      },
    },
    dangerouslyPlaintext: {
      type: 'boolean',
      default: false,
      description: 'Allows `http:` targets: everybody in between reads and writes along.',
    },
  },
}
