import { isIP } from 'node:net'
import type { TraceFields } from './trace.ts'

/** Request fields that travel to services unless told otherwise: end-to-end, and no statement about who is calling. */
const END_TO_END: readonly string[] = [
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-digest',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'date',
  'dnt',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-event-id',
  'origin',
  'pragma',
  'prefer',
  'priority',
  'range',
  'referer',
  'repr-digest',
  'save-data',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-fetch-user',
  'user-agent',
  'want-content-digest',
  'want-repr-digest',
  'x-requested-with',
]

// RFC 9110 §7.6.1, and the fields of the message's framing.
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'max-forwards',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

// Statements about the caller, the way it came and where it wants to go, which only the gateway makes.
const SPEAKS_FOR_GATEWAY =
  /^(?:authorization|cookie2?|forwarded|via|trace(?:parent|state)|remote-.+|ssl-.+|x-(?:access-token|api-key|auth|authenticated|client-(?:cert|dn|id|ip|verify)|cluster|email|envoy|forwarded|groups?|http-method|identity|internal|jwt|method-override|original|originating|portcullis|proxy|real|remote|request-id|rewrite|roles?|scopes?|subject|user|username|webauth)(?:-.+)?)$/

/** Whether no option may let a client's field of this name through. Any spelling: `X_User-Id` is `x-user-id` to CGI. */
export function isReservedField(name: string): boolean {
  const plain = name.toLowerCase().replaceAll('_', '-')
  return HOP_BY_HOP.has(plain) || SPEAKS_FOR_GATEWAY.test(plain)
}

/** The names of request fields that travel: the end-to-end ones and those of the options. */
export function compileForwarded(more: readonly string[]): ReadonlySet<string> {
  return new Set([...END_TO_END, ...more.map((name) => name.toLowerCase())])
}

/** What the gateway itself knows of a request. */
export interface Provenance {
  /** The client's address, as far as the server trusts its proxies. */
  readonly ip: string
  readonly encrypted: boolean
  /** The authority the client asked for. Written by the client. */
  readonly host: string | undefined
  readonly requestId: string
  readonly trace: TraceFields
}

const NOT_NAMING = new Set(['keep-alive', 'close', ''])

/** The lower-case names in a Connection field; null when it names none (RFC 9110 §7.6.1). */
export function namedByConnection(value: string | readonly string[] | undefined): ReadonlySet<string> | null {
  if (value === undefined || value === 'keep-alive' || value === 'close') return null
  const names = String(value)
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => !NOT_NAMING.has(name))
  return names.length === 0 ? null : new Set(names)
}

/** The cookies of a Cookie field whose names are listed, or null (RFC 6265 §4.2.1). */
export function pickCookies(field: string | undefined, names: ReadonlySet<string>): string | null {
  if (field === undefined) return null
  const kept = field
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.includes('=') && names.has(pair.slice(0, pair.indexOf('=')).trim()))
  return kept.length === 0 ? null : kept.join('; ')
}

const HOST = /^(?:[a-z0-9._-]{1,255}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/

/**
 * The fields a service receives, as name, value, name, value: the client's forwardable ones, then the gateway's own.
 * The gateway's own are appended last and come from no client's field, so that a Connection field cannot name them.
 */
export function buildRequestFields(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  forwarded: ReadonlySet<string>,
  cookies: ReadonlySet<string> | null,
  from: Provenance,
): string[] {
  const named = namedByConnection(headers.connection)
  const fields: string[] = []
  for (const name in headers) {
    if (!forwarded.has(name) || named?.has(name) === true) continue
    const value = headers[name]
    if (value !== undefined) fields.push(name, typeof value === 'string' ? value : value.join(', '))
  }
  if (cookies !== null) {
    const kept = pickCookies(headers.cookie as string | undefined, cookies)
    if (kept !== null) fields.push('cookie', kept)
  }
  const proto = from.encrypted ? 'https' : 'http'
  const family = isIP(from.ip)
  const ip = family === 0 ? 'unknown' : from.ip
  // RFC 7239 §6: an IPv6 address is quoted and in brackets.
  let element = family === 6 ? `for="[${ip}]";proto=${proto}` : `for=${ip};proto=${proto}`
  fields.push('x-forwarded-for', ip, 'x-forwarded-proto', proto)
  if (from.host !== undefined && HOST.test(from.host)) {
    element += `;host="${from.host}"`
    fields.push('x-forwarded-host', from.host)
  }
  // RFC 9110 §7.6.3: a gateway adds Via to each request it forwards.
  fields.push('forwarded', element, 'via', '1.1 gateway')
  const { traceparent, tracestate } = from.trace
  fields.push('traceparent', traceparent)
  if (tracestate !== null) fields.push('tracestate', tracestate)
  if (REQUEST_ID.test(from.requestId)) fields.push('x-request-id', from.requestId)
  return fields
}

/** Whether a Host field is none (RFC 9112 §3.2: answer 400). What a service would make of it is anybody's guess. */
export function isMalformedHost(host: string | undefined): boolean {
  return host !== undefined && host !== '' && !HOST.test(host)
}

/**
 * Whether a body's framing is one that two readers may read in two ways: codings beside `chunked`, which nobody here
 * undoes (RFC 9112 §6.1), or `chunked` in HTTP/1.0, which does not know it ("MUST treat the message as if the framing
 * is faulty").
 */
export function isMalformedFraming(coding: string | undefined, version: string): boolean {
  return coding !== undefined && (version === '1.0' || coding.toLowerCase() !== 'chunked')
}

/** Whether a request names its host twice (RFC 9112 §3.2: answer 400). `raw` is name, value, name, value. */
export function hasTwoHosts(raw: readonly string[]): boolean {
  let hosts = 0
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts > 1
}
