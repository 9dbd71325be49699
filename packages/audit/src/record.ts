import type { SecurityEvent } from '@portcullis/kernel'
import { bounded, pathOf, plain } from './text.ts'
import { owaspName } from './vocabulary.ts'

const PATH = 512
const AGENT = 256
const NAME = 128

/** When and from where a request came. Kept while it lasts: an aborted client's address is gone afterwards. */
export interface Arrival {
  /** Monotonic milliseconds. */
  readonly at: number
  /** The client's address, as `trustProxy` lets Fastify see it. */
  readonly remoteAddress: string
}

/** What identifies a request in either kind of record. */
interface Request {
  /** Fastify's request id. */
  reqId: string
  method: string
  /** The route's pattern, such as `/users/:id`; null for a URL that no route serves. */
  route: string | null
  /** The path without query; the pattern where a parameter is a secret. */
  path: string
  remoteAddress: string
  /** The identity that the auth room admitted; null for strangers. */
  subject: string | null
  scheme: string | null
  /** The credential's own identifier (key id, `jti`), where it has one. */
  credentialId?: string
}

/** One request, when it is over. */
export interface AccessRecord extends Request {
  audit: 'access'
  /** `aborted`: the client left before the last byte. */
  outcome: 'completed' | 'aborted'
  /** Null if the client left before a status was sent. */
  status: number | null
  durationMs: number
  /** Length of the body, where it was announced. */
  bytes?: number
  userAgent?: string
}

/** One security decision, when it is made. */
export interface DecisionRecord extends Partial<Request> {
  audit: 'decision'
  /** The event's type, such as `auth.failed`. */
  event: string
  /** Its name in the OWASP logging vocabulary, where there is one. */
  owasp?: string
  outcome: 'allowed' | 'denied' | 'observed'
  severity: 'info' | 'warning' | 'critical'
  /** The refusal's code. */
  code?: string
  detail?: Record<string, unknown>
}

/** What a record is made of: the part of Fastify's request and reply that is read, and nothing else. */
export interface Subject {
  readonly id: string
  readonly method: string
  readonly raw: { readonly url?: string | undefined }
  readonly routeOptions: { readonly url?: string | undefined }
  readonly headers: { readonly 'user-agent'?: string | undefined }
  readonly security?: {
    readonly arrival?: Arrival
    readonly identity: {
      readonly subject: string
      readonly scheme: string
      readonly credentialId: string | null
    } | null
  }
}

/**
 * Decides once per route whether its path may be recorded.
 * @returns `true` for a pattern that has one of the parameters.
 */
export function secretRoutes(secretParams: readonly string[]): (pattern: string) => boolean {
  const names = new Set(secretParams)
  // As many entries as the app has routes.
  const known = new Map<string, boolean>()
  return (pattern) => {
    let secret = known.get(pattern)
    if (secret === undefined) {
      secret = [...pattern.matchAll(/:(\w+)/g)].some(([, name]) => names.has(name as string))
      known.set(pattern, secret)
    }
    return secret
  }
}

function requestPart(subject: Subject, isSecret: (pattern: string) => boolean): Request {
  const route = subject.routeOptions.url ?? null
  const identity = subject.security?.identity ?? null
  const part: Request = {
    reqId: plain(String(subject.id), NAME),
    method: subject.method,
    route,
    path: route !== null && isSecret(route) ? route : plain(pathOf(subject.raw.url ?? ''), PATH),
    remoteAddress: plain(subject.security?.arrival?.remoteAddress ?? '', 64),
    subject: identity === null ? null : plain(identity.subject, NAME),
    scheme: identity === null ? null : identity.scheme,
  }
  if (identity !== null && identity.credentialId !== null) part.credentialId = plain(identity.credentialId, NAME)
  return part
}

/**
 * One request, when it is over.
 * @param now monotonic milliseconds.
 */
export function accessRecord(
  subject: Subject,
  answer: { readonly status: number | null; readonly length: unknown; readonly aborted: boolean },
  now: number,
  { isSecret, userAgent }: { readonly isSecret: (pattern: string) => boolean; readonly userAgent: boolean },
): AccessRecord {
  const record: AccessRecord = {
    audit: 'access',
    ...requestPart(subject, isSecret),
    outcome: answer.aborted ? 'aborted' : 'completed',
    status: answer.status,
    durationMs: Math.round((now - (subject.security?.arrival?.at ?? now)) * 1000) / 1000,
  }
  const bytes = Number(answer.length ?? Number.NaN)
  if (!answer.aborted && Number.isSafeInteger(bytes)) record.bytes = bytes
  const agent = subject.headers['user-agent']
  if (userAgent && agent !== undefined) record.userAgent = plain(agent, AGENT)
  return record
}

/** One security decision. */
export function decisionRecord(event: SecurityEvent, isSecret: (pattern: string) => boolean): DecisionRecord {
  const record: DecisionRecord = {
    audit: 'decision',
    event: event.type,
    outcome: event.outcome,
    severity: event.severity,
  }
  const owasp = owaspName(event.type)
  if (owasp !== undefined) record.owasp = owasp
  if (event.code !== undefined) record.code = event.code
  if (event.request !== undefined) Object.assign(record, requestPart(event.request, isSecret))
  const detail = bounded(event.detail)
  if (Object.keys(detail).length > 0) record.detail = detail
  return record
}
