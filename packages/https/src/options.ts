import type { Finding, ObjectSchema, RoomOptions } from '@portcullis/kernel'
import { hostMistake, parseDestination } from './host.ts'

/** Strict-Transport-Security, RFC 6797 §6.1. */
export interface HstsOptions {
  /** Seconds for which browsers remember to use TLS only. Default one year. */
  maxAge?: number
  /** Whether subdomains are bound too. Default true. */
  includeSubDomains?: boolean
  /** Asks to be put on the list built into browsers, which takes months to leave. Default false. */
  preload?: boolean
}

/** What becomes of plaintext. */
export interface PlaintextOptions {
  /**
   * `redirect` (the default): GET and HEAD without a credential are sent to the same path on TLS, the rest is refused.
   * `refuse`: everything is. `off`: no port is open; what a proxy says came over plaintext is refused.
   */
  mode?: 'redirect' | 'refuse' | 'off'
  /** TCP port to listen on; 0 lets the system choose (see `plaintextAddress`). Default: none is opened. */
  port?: number
  /** Address or name to listen on. Default: the one the app listens on. */
  host?: string
  /** Redirects credentials and every method too (308): the leak is told in an event, and goes on. Default false. */
  dangerouslyRedirectAll?: boolean
}

/** Options of `@portcullis/https`. */
export interface HttpsOptions extends RoomOptions {
  /**
   * The hosts under which clients reach this API on TLS, `host` or `host:port` in lower case. A redirect leads to the
   * one whose name the client asked for, else to the first.
   */
  hosts: string[]
  /** What becomes of plaintext, and the port that listens for it. Default: `redirect`, and no port. */
  plaintext?: PlaintextOptions
  /** Strict-Transport-Security on answers over TLS; `false` leaves it out. */
  hsts?: HstsOptions | false
  /**
   * Header fields that hold credentials, in lower case, beside the one in which `auth` takes API keys: a plaintext
   * request with one is refused, never redirected.
   */
  credentialFields?: string[]
  /** Query parameters that hold credentials, in lower case. */
  credentialParameters?: string[]
}

const YEAR = 31_536_000

const hsts = {
  accepts: ['object', 'boolean'],
  description: 'Strict-Transport-Security on answers over TLS (RFC 6797); `false` leaves it out.',
  default: {},
  additionalProperties: false,
  properties: {
    maxAge: {
      type: 'integer',
      minimum: 0,
      maximum: 10 * YEAR,
      default: YEAR,
      description: 'Seconds for which browsers remember to use TLS only; 0 makes them forget.',
    },
    includeSubDomains: { type: 'boolean', default: true, description: 'Whether subdomains are bound too.' },
    preload: {
      type: 'boolean',
      default: false,
      description: 'Asks to be put on the list built into browsers; needs one year and subdomains.',
    },
  },
} as const

const plaintext = {
  type: 'object',
  additionalProperties: false,
  properties: {
    mode: {
      type: 'string',
      enum: ['redirect', 'refuse', 'off'],
      default: 'redirect',
      description: 'Redirects GET and HEAD without a credential and refuses the rest; refuses all; or opens no port.',
    },
    port: {
      type: 'integer',
      minimum: 0,
      maximum: 65_535,
      examples: [8080],
      description: 'TCP port to listen on; 0 lets the system choose; absent, none is opened.',
    },
    host: {
      type: 'string',
      minLength: 1,
      examples: ['127.0.0.1'],
      description: 'Address or name to listen on; absent, the one the app listens on.',
    },
    dangerouslyRedirectAll: {
      type: 'boolean',
      default: false,
      description: 'Redirects credentials and every method too (308): the leak is told in an event, and goes on.',
    },
  },
  examples: [{ port: 8080 }],
  description: 'What becomes of plaintext, and the port that listens for it.',
} as const

/** Strict JSON Schema of the options; the only place where their defaults are written. */
export const optionsSchema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['hosts'],
  properties: {
    hosts: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { type: 'string', minLength: 1, maxLength: 259, examples: ['api.example.com'] },
      examples: [['api.example.com']],
      description: 'Hosts under which clients reach this API on TLS, `host` or `host:port`; redirects lead only there.',
    },
    plaintext,
    hsts,
    credentialFields: {
      type: 'array',
      uniqueItems: true,
      items: {
        type: 'string',
        // RFC 9110 §5.1 field-name, in the lower case in which Node hands fields over.
        pattern: "^[a-z0-9!#$%&'*+.^_`|~-]+$",
        title: 'a field name in lower case',
        examples: ['x-api-key'],
      },
      default: [
        'authorization',
        'cookie',
        'proxy-authorization',
        'x-api-key',
        'api-key',
        'x-auth-token',
        'x-access-token',
      ],
      description:
        'Header fields that hold credentials, beside the one in which `auth` takes API keys: a plaintext request with one is refused, never redirected.',
    },
    credentialParameters: {
      type: 'array',
      uniqueItems: true,
      items: {
        type: 'string',
        pattern: '^[^A-Z]+$',
        title: 'a parameter name in lower case',
        examples: ['access_token'],
      },
      default: ['access_token', 'api_key', 'apikey'],
      description: 'Query parameters that hold credentials, compared without regard to case.',
    },
  },
}

/** Rules between fields. */
export function check(options: Readonly<HttpsOptions>): Finding[] {
  const findings = [...checkHosts(options), ...checkPlaintext(options.plaintext ?? {})]
  if ((options.hsts as unknown) === true) {
    findings.push({
      at: '/hsts',
      rule: 'hsts-true',
      message: 'is on already; leave it out, or write its parameters',
      fix: [{ op: 'remove', path: '/hsts' }],
    })
  } else if (typeof options.hsts === 'object' && options.hsts.preload === true) {
    // The list's own terms (hstspreload.org): one year, subdomains.
    if ((options.hsts.maxAge ?? YEAR) < YEAR) {
      findings.push({
        at: '/hsts/maxAge',
        rule: 'preload-needs-a-year',
        message: `must be at least ${YEAR} with preload; write maxAge: ${YEAR}`,
        fix: [{ op: 'replace', path: '/hsts/maxAge', value: YEAR }],
      })
    }
    if (options.hsts.includeSubDomains === false) {
      findings.push({
        at: '/hsts/includeSubDomains',
        rule: 'preload-needs-subdomains',
        message: 'must be true with preload; write includeSubDomains: true',
        fix: [{ op: 'replace', path: '/hsts/includeSubDomains', value: true }],
      })
    }
  }
  return findings
}

function checkHosts(options: Readonly<HttpsOptions>): Finding[] {
  const findings: Finding[] = []
  options.hosts.forEach((text, index) => {
    const at = `/hosts/${index}`
    const mistake = hostMistake(text)
    if (mistake !== undefined) {
      const { rule, message, instead } = mistake
      const value = instead ?? 'api.example.com'
      findings.push({ at, rule, message: `${message}; write '${value}'`, fix: [{ op: 'replace', path: at, value }] })
      return
    }
    const destination = parseDestination(text)
    if (destination !== undefined && destination.port === options.plaintext?.port) {
      findings.push({
        at,
        rule: 'redirect-loop',
        message: `names the plaintext port, so redirects would lead back to it; write the TLS port, such as '${destination.name}'`,
        fix: [{ op: 'replace', path: at, value: destination.name }],
      })
    }
  })
  return findings
}

function checkPlaintext({ mode, port, host, dangerouslyRedirectAll }: Readonly<PlaintextOptions>): Finding[] {
  const findings: Finding[] = []
  const find = (key: string, rule: string, message: string): void => {
    const at = `/plaintext/${key}`
    findings.push({ at, rule, message, fix: [{ op: 'remove', path: at }] })
  }
  if (mode === 'off' && port !== undefined)
    find('port', 'port-that-is-off', "is opened, and mode: 'off' says that none is; remove it, or write mode: 'refuse'")
  if (port === undefined && host !== undefined)
    find('host', 'host-without-port', 'says where the port listens, and there is none; remove it, or write port: 8080')
  if (mode !== 'redirect' && mode !== undefined && dangerouslyRedirectAll === true)
    find('dangerouslyRedirectAll', 'redirect-that-is-refused', `redirects, and mode: '${mode}' refuses; remove it`)
  return findings
}
