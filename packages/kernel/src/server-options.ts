import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { refuseToBoot } from './boot.ts'
import { compileOptions } from './compile-options.ts'
import { answerClientError, answerFrameworkError } from './early.ts'
import { internal } from './internal.ts'
import type { Finding, ObjectSchema } from './options.ts'
import type { Problem } from './refusal.ts'
import type { ServerSettings } from './state.ts'

/** Options of `serverOptions()`. */
export interface SecureServerOptions {
  /**
   * Which peers' forwarding fields are believed: `false` (nobody, the default), addresses and CIDR ranges, the names
   * `loopback`, `linklocal`, `uniquelocal`, or a function. `true` and numbers are refused: they believe the client.
   */
  trustProxy?: false | string | readonly string[] | ((address: string, hop: number) => boolean)
  /** Largest request body, in bytes. */
  bodyLimit?: number
  /** Largest path parameter, in characters. */
  maxParamLength?: number
  /** Time for a whole request to arrive, in milliseconds. */
  requestTimeoutMs?: number
  /** Time for the header section to arrive, in milliseconds; less than `requestTimeoutMs`. */
  headersTimeoutMs?: number
  /** Fastify's own `logger` option. */
  logger?: FastifyServerOptions['logger']
  /** TLS options of `node:https`, such as `tlsServerOptions()` of `@portcullis/https` returns. */
  https?: object
  /** Turns a problem into your own envelope: pure, synchronous; if it throws, the default is sent. */
  formatProblem?: (problem: Problem) => object
}

/** Strict schema of `SecureServerOptions`. */
export const serverOptionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    trustProxy: {
      accepts: ['boolean', 'string', 'array', 'function'],
      default: false,
      description: 'Whose forwarding fields are believed.',
    },
    bodyLimit: { type: 'integer', minimum: 1, default: 1_048_576, description: 'Largest request body, in bytes.' },
    maxParamLength: {
      type: 'integer',
      minimum: 1,
      maximum: 16_384,
      default: 200,
      description: 'Largest path parameter, in characters.',
    },
    requestTimeoutMs: {
      type: 'integer',
      minimum: 1_000,
      default: 30_000,
      description: 'Time for a whole request to arrive.',
    },
    headersTimeoutMs: {
      type: 'integer',
      minimum: 500,
      default: 10_000,
      description: 'Time for the header section to arrive.',
    },
    logger: { accepts: ['boolean', 'object'], examples: [true], description: "Fastify's `logger`." },
    https: { accepts: ['object'], examples: [{}], description: 'TLS options.' },
    formatProblem: { accepts: ['function'], description: 'Turns a problem into your own envelope.' },
  },
}

function check(options: Readonly<SecureServerOptions>): Finding[] {
  const findings: Finding[] = []
  if ((options.trustProxy as unknown) === true) {
    findings.push({
      at: '/trustProxy',
      rule: 'trust-everybody',
      message: "believes what any client writes into X-Forwarded-For; name your proxies: trustProxy: ['loopback']",
      fix: [{ op: 'replace', path: '/trustProxy', value: ['loopback'] }],
    })
  }
  const { headersTimeoutMs = 0, requestTimeoutMs = 0 } = options
  if (headersTimeoutMs >= requestTimeoutMs) {
    findings.push({
      at: '/headersTimeoutMs',
      rule: 'below-request-timeout',
      message: `must be less than requestTimeoutMs; write headersTimeoutMs: ${Math.max(500, Math.floor(requestTimeoutMs / 2))}`,
      fix: [{ op: 'replace', path: '/headersTimeoutMs', value: Math.max(500, Math.floor(requestTimeoutMs / 2)) }],
    })
  }
  return findings
}

const inspect = compileOptions<SecureServerOptions>(serverOptionsSchema, check)

/** Settings of the apps that `serverOptions()` was called for, by the handler that Fastify keeps of them. */
const settings = new WeakMap<object, ServerSettings>()

/**
 * Options for `Fastify()`: time-outs that fire, strict parsing, explicit trust, and problem bodies with security
 * fields on the answers that no hook sees (414, malformed URLs, 431, parser errors, 417, 408, a missing Host).
 * Spread it to add others: `Fastify({ ...serverOptions({ … }), logger })`.
 * @throws PTC_OPTIONS_INVALID with every mistake at once.
 */
export function serverOptions(given: SecureServerOptions = {}): FastifyServerOptions {
  const { options, mistakes } = inspect(given)
  if (options === undefined) return refuseToBoot('the options of serverOptions()', mistakes)
  const { headersTimeoutMs, maxParamLength, formatProblem, https } = options as Required<SecureServerOptions>
  const tls = https as { requestTimeout?: number } | undefined
  // Fastify sets this on the server last, so the time-out of the TLS options has to stand here too.
  const requestTimeout = tls?.requestTimeout ?? (options.requestTimeoutMs as number)
  const http = {
    // A missing Host is answered by the kernel, with every field: Node's own 400 is bare.
    requireHostHeader: false,
    requestTimeout,
    headersTimeout: headersTimeoutMs,
    // Node looks for late requests this often; its default of 30 s lets them live as long.
    connectionsCheckingInterval: 1_000,
  }
  const frameworkErrors = answerFrameworkError.bind(null)
  settings.set(frameworkErrors, { formatProblem })
  return {
    trustProxy: options.trustProxy as NonNullable<FastifyServerOptions['trustProxy']>,
    bodyLimit: options.bodyLimit as number,
    requestTimeout,
    routerOptions: { maxParamLength },
    // While the app closes the kernel answers, with every field.
    return503OnClosing: false,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // Unknown members are refused, not removed.
    ajv: { customOptions: { removeAdditional: false } },
    genReqId: () => randomUUID(),
    frameworkErrors,
    clientErrorHandler: answerClientError,
    ...(options.logger === undefined ? {} : { logger: options.logger }),
    ...(https === undefined ? { http } : { https: { ...http, ...https } }),
  } as FastifyServerOptions
}

/** What `serverOptions()` left for this app. Fastify keeps its options under a symbol of that name. */
export function settingsOf(app: FastifyInstance): ServerSettings | undefined {
  const options = internal(app, 'fastify.options') as { frameworkErrors?: object } | undefined
  return options?.frameworkErrors === undefined ? undefined : settings.get(options.frameworkErrors)
}
