import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { maxHeaderSize, type IncomingMessage } from 'node:http'
import { refuseToBoot } from './boot.ts'
import { compileOptions } from './compile-options.ts'
import { answerClientError, answerFrameworkError } from './early.ts'
import { forwarding } from './forwarding.ts'
import { internal } from './internal.ts'
import type { Finding, ObjectSchema } from './options.ts'
import type { Problem } from './refusal.ts'
import type { ServerSettings } from './state.ts'
import { checkTrust, compileTrust, type TrustProxy } from './trust.ts'

/** Options of `serverOptions()`. */
export interface SecureServerOptions {
  /**
   * Which peers' forwarding fields are believed: `false` (nobody, the default), `'loopback'`, `'private'` (loopback and
   * private networks), addresses and CIDR ranges, or a function. `true` and numbers are refused: they believe the
   * client. Of several values in a field the last counts; schemes and hosts are taken in lower case.
   */
  trustProxy?: TrustProxy
  /**
   * The field in which your proxy writes the client's address alone, such as `cf-connecting-ip`, believed from trusted
   * peers only; `X-Forwarded-For` is not looked at any more.
   */
  clientAddressField?: string
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
  /** HTTP/2 over TLS, and HTTP/1.1 for clients that do not speak it. */
  http2?: boolean
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
    clientAddressField: {
      type: 'string',
      // RFC 9110 §5.1 field-name, in the lower case in which Node hands fields over.
      pattern: "^[a-z0-9!#$%&'*+.^_`|~-]+$",
      title: 'a field name in lower case',
      examples: ['cf-connecting-ip'],
      description:
        "The field in which a trusted proxy writes the client's address alone; absent, X-Forwarded-For counts.",
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
    http2: {
      type: 'boolean',
      default: false,
      description: 'HTTP/2 over TLS, and HTTP/1.1 for clients that do not speak it.',
    },
    https: { accepts: ['object'], examples: [{}], description: 'TLS options.' },
    formatProblem: { accepts: ['function'], description: 'Turns a problem into your own envelope.' },
  },
}

/** Options that `node:https` would leave unread: without them it has no certificate, or not the policy that was meant. */
const TLS_ARGUMENTS = ['keyFile', 'certFile', 'load', 'acme', 'names', 'clientCertificates', 'policy'] as const

function check(options: Readonly<SecureServerOptions>): Finding[] {
  const findings = checkTrust(options.trustProxy)
  const { clientAddressField, trustProxy, http2, https } = options
  if (clientAddressField !== undefined && trustProxy === false) {
    findings.push({
      at: '/clientAddressField',
      rule: 'trusted-by-nobody',
      message: 'is believed only from trusted peers, and trustProxy names none; name your proxies there, or remove it',
      fix: [{ op: 'remove', path: '/clientAddressField' }],
    })
  }
  if (http2 === true && https === undefined) {
    findings.push({
      at: '/http2',
      rule: 'http2-without-tls',
      message: 'needs https: no browser speaks HTTP/2 in the clear, and proxies need not; give https, or remove it',
      fix: [{ op: 'remove', path: '/http2' }],
    })
  }
  const misplaced = https === undefined || 'SNICallback' in https ? [] : TLS_ARGUMENTS.filter((one) => one in https)
  for (const argument of misplaced) {
    findings.push({
      at: `/https/${argument}`,
      rule: 'tls-arguments',
      message: `is what tlsServerOptions() of @portcullis/https takes; write https: tlsServerOptions({ ${argument}: … })`,
      fix: [{ op: 'remove', path: `/https/${argument}` }],
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
  const tls = https as { requestTimeout?: number; headersTimeout?: number } | undefined
  // Fastify sets this on the server last, so the time-out of the TLS options has to stand here too.
  const requestTimeout = tls?.requestTimeout ?? (options.requestTimeoutMs as number)
  const headersTimeout = tls?.headersTimeout ?? headersTimeoutMs
  const http = {
    // A missing Host is answered by the kernel, with every field: Node's own 400 is bare.
    requireHostHeader: false,
    requestTimeout,
    headersTimeout,
    // Node looks for late requests this often; its default of 30 s lets them live as long.
    connectionsCheckingInterval: 1_000,
  }
  const trust = options.trustProxy as TrustProxy
  const trusted = compileTrust(trust)
  const forwarded = forwarding(trusted, trust !== false, options.clientAddressField)
  const frameworkErrors = answerFrameworkError.bind(null)
  settings.set(frameworkErrors, {
    formatProblem,
    forwarding: forwarded,
    http2: options.http2 === true ? { headersTimeout, requestTimeout, idleTimeout: IDLE_MS } : undefined,
  })
  return {
    trustProxy: trust === false ? false : trusted,
    bodyLimit: options.bodyLimit as number,
    requestTimeout,
    routerOptions: { maxParamLength },
    // While the app closes the kernel answers, with every field.
    return503OnClosing: false,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // Unknown members are refused, not removed.
    ajv: { customOptions: { removeAdditional: false } },
    genReqId(raw: IncomingMessage) {
      // Nothing sees a request earlier: the line that logs its arrival tells the settled address too.
      forwarded.settle(raw)
      return randomUUID()
    },
    frameworkErrors,
    clientErrorHandler: answerClientError,
    ...(options.logger === undefined ? {} : { logger: options.logger }),
    ...(https === undefined
      ? { http }
      : { https: { ...http, ...https, ...(options.http2 === true ? secondVersion(https) : {}) } }),
    ...(options.http2 === true ? { http2: true, http2SessionTimeout: IDLE_MS } : {}),
  } as FastifyServerOptions
}

/** How long a session may rest between two requests; as long as Fastify keeps connections of HTTP/1.1. */
const IDLE_MS = 72_000

/** TLS options for both versions of HTTP. */
function secondVersion({ settings: given }: { settings?: object }): object {
  return {
    allowHTTP1: true,
    // Node's default is no limit; RFC 9113 §6.5.2 recommends at least 100. Fields: as much as HTTP/1.1 may send.
    settings: { maxConcurrentStreams: 100, maxHeaderListSize: maxHeaderSize, ...given },
  }
}

/** What `serverOptions()` left for this app. Fastify keeps its options under a symbol of that name. */
export function settingsOf(app: FastifyInstance): ServerSettings | undefined {
  const options = internal(app, 'fastify.options') as { frameworkErrors?: object } | undefined
  return options?.frameworkErrors === undefined ? undefined : settings.get(options.frameworkErrors)
}
