import { bringsBody, emit, refuse, type Refusal, type Steps } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest, RequestPayload } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { BodyRates } from './body-rate.ts'
import { errors } from './errors.ts'
import type { Part } from './options.ts'
import type { Policy } from './policy.ts'
import { isMalformed, queryFault, type QueryFault } from './query.ts'
import { inflated, receive, Replay, type Encoding, type Received } from './receive.ts'

/** The rest of the body is not read: nothing may follow it on this connection (RFC 9112 §9.6). */
const CLOSE = { connection: 'close' }

const undeclared = (part: Part): Refusal => errors.PTC_VALIDATION_UNDECLARED.with({ fields: CLOSE, detail: { part } })
const UNDECLARED = { body: undeclared('body'), query: undeclared('query'), params: undeclared('params') } as const
const ofQuery = (reason: QueryFault): Refusal =>
  errors.PTC_VALIDATION_QUERY_REFUSED.with({ fields: CLOSE, detail: { reason } })
const MEDIA_TYPE = errors.PTC_VALIDATION_MEDIA_TYPE.with({ fields: CLOSE, detail: { reason: 'media-type' } })
const TOO_LARGE = errors.PTC_VALIDATION_BODY_TOO_LARGE.with({ fields: CLOSE, detail: { reason: 'too-large' } })
const MALFORMED = errors.PTC_VALIDATION_BODY_MALFORMED.with({ fields: CLOSE, detail: { reason: 'malformed' } })
const tooSlow = (received: number): Refusal =>
  errors.PTC_VALIDATION_BODY_TOO_SLOW.with({ fields: CLOSE, detail: { received } })

/** What the body of requests meets, before anything parses it. */
export interface Surroundings {
  readonly rates: BodyRates
  /** Decide, but let pass. */
  readonly reportOnly: boolean
  /** For requests that no route serves: a body is looked at, and need not be welcome. */
  readonly lenient: boolean
}

/** Whether there is a body for certain: in HTTP/2 a stream without a length may end without a byte. */
const isCertain = ({ httpVersionMajor, headers }: IncomingMessage): boolean =>
  httpVersionMajor < 2 || headers['content-length'] !== undefined

/** Whether a field comes more than once: Node keeps the first, others the last. */
function comesTwice({ rawHeaders }: IncomingMessage, name: string): boolean {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i] as string
    if (field.length === name.length && field.toLowerCase() === name) count++
  }
  return count > 1
}

/** Counts what comes on a stream of HTTP/2: its connection counts all streams together. */
function counted(raw: IncomingMessage): () => number {
  let bytes = 0
  const push = raw.push.bind(raw)
  const counting = (chunk: Buffer | null): boolean => {
    bytes += chunk?.length ?? 0
    return push(chunk)
  }
  raw.push = counting
  return () => bytes
}

/** Says why bytes are refused. */
type Judge = (bytes: Buffer) => Refusal | undefined

/** Compiles the step that takes a request's parts in. */
export function compileIntake(policy: Policy, about: Surroundings): NonNullable<Steps['preParsing']> {
  const { closed, lists, reception, encodings, limit, scan } = policy
  const accepted = [...encodings].join(', ')
  const ENCODING = errors.PTC_VALIDATION_ENCODING.with({
    // RFC 9110 §12.5.3: which encodings would do.
    fields: { ...CLOSE, 'accept-encoding': accepted === '' ? 'identity' : accepted },
    detail: { reason: 'content-encoding' },
  })

  function parts({ raw, query }: FastifyRequest): Refusal | undefined {
    if (closed.params) return UNDECLARED.params
    // Where the query begins is the router's to say: with `useSemicolonDelimiter` at a `;` too.
    if (closed.query) {
      for (const _ in query as object) return UNDECLARED.query
      return undefined
    }
    const fault = queryFault(query, lists)
    if (fault !== null) return ofQuery(fault)
    const target = raw.url as string
    const at = target.indexOf('?')
    return at !== -1 && isMalformed(target.slice(at)) ? ofQuery('malformed-encoding') : undefined
  }

  const json: Judge | null =
    scan === null
      ? null
      : (bytes) => {
          const reason = scan(bytes)
          return reason === null ? undefined : errors.PTC_VALIDATION_JSON_REFUSED.with({ detail: { reason } })
        }
  const form: Judge = (bytes) => {
    const reason = policy.form(bytes)
    return reason === null ? undefined : errors.PTC_VALIDATION_FORM_REFUSED.with({ detail: { reason } })
  }

  function body(request: FastifyRequest, reply: FastifyReply, payload: RequestPayload) {
    const { raw } = request
    if (closed.body) return isCertain(raw) ? UNDECLARED.body : nothing(request, payload)
    const { headers } = raw
    const kind = comesTwice(raw, 'content-type') ? null : reception(headers['content-type'])
    if (kind === null) return about.lenient ? undefined : MEDIA_TYPE
    const encoding = headers['content-encoding']?.toLowerCase()
    const encoded = encoding !== undefined && encoding !== 'identity'
    if (encoded && !encodings.has(encoding as Encoding)) return ENCODING
    if (Number(headers['content-length']) > limit) return TOO_LARGE
    const judge = kind === 'json' ? json : kind === 'form' ? form : null
    if (judge !== null || encoded) return whole(request, payload, encoded ? (encoding as Encoding) : null, judge)
    watch(request, reply)
    return undefined
  }

  /** Tells under `reportOnly`, refuses otherwise. */
  function told(request: FastifyRequest, refusal: Refusal): Refusal | undefined {
    if (!about.reportOnly) return refusal
    emit(request, refusal.event, {
      outcome: 'observed',
      code: refusal.code,
      ...(refusal.details.detail !== undefined && { detail: refusal.details.detail }),
    })
    return undefined
  }

  async function inflate(request: FastifyRequest, came: Buffer, encoding: Encoding, judge: Judge | null) {
    const bytes = await inflated(came, encoding, limit)
    // Under `reportOnly` it goes on as it came.
    if (typeof bytes === 'string')
      return told(request, bytes === 'too-large' ? TOO_LARGE : MALFORMED) ?? new Replay(came, came.length)
    // Nobody behind this step may inflate it again.
    delete request.raw.headers['content-encoding']
    return judged(request, bytes, judge) ?? new Replay(bytes, came.length)
  }

  function judged(request: FastifyRequest, bytes: Buffer, judge: Judge | null): Refusal | undefined {
    const refusal = judge?.(bytes)
    return refusal === undefined ? undefined : told(request, refusal)
  }

  /** Waits for the end of a body that has no length, and is none if nothing comes before its end. */
  function nothing(request: FastifyRequest, payload: RequestPayload) {
    return new Promise<Refusal | Replay>((resolve) => {
      const done = ({ body: came, fault, received }: Received): void => {
        if (fault === 'too-slow') resolve(tooSlow(received))
        else if (received === 0 && fault === null) resolve(new Replay(came, 0))
        else resolve(told(request, UNDECLARED.body) ?? new Replay(came, received))
      }
      // Under `reportOnly` what comes is handed on.
      const bounds = { limit: about.reportOnly ? limit : 0, rate: policy.rate, length: NaN }
      receive(payload as Readable, bounds, about.rates, done, slowly(request))
    })
  }

  /** Under `reportOnly` a slow body is told of, and comes to its end. */
  function slowly(request: FastifyRequest): ((received: number) => void) | undefined {
    return about.reportOnly ? (received) => void told(request, tooSlow(received)) : undefined
  }

  function whole(request: FastifyRequest, payload: RequestPayload, encoding: Encoding | null, judge: Judge | null) {
    return new Promise<Refusal | Replay | undefined>((resolve, reject) => {
      const done = ({ body: came, fault, received, left }: Received): void => {
        try {
          if (fault === 'too-slow') resolve(tooSlow(received))
          else if (fault === 'aborted') resolve(MALFORMED)
          // Under `reportOnly` what has come goes on, and Fastify's own limit refuses it.
          else if (fault === 'too-large') resolve(told(request, TOO_LARGE) ?? new Replay(came, received))
          else if (encoding !== null) resolve(inflate(request, came, encoding, judge))
          else {
            const refusal = judged(request, came, judge)
            // Nobody else will read what was left.
            if (left && refusal !== undefined) request.raw.resume()
            resolve(refusal ?? (left ? undefined : new Replay(came, received)))
          }
        } catch (error) {
          reject(error as Error)
        }
      }
      // A stream that another step has put there need not hold what Content-Length says.
      const length = encoding === null && payload === request.raw ? Number(request.raw.headers['content-length']) : NaN
      receive(payload as Readable, { limit, rate: policy.rate, length }, about.rates, done, slowly(request))
    })
  }

  /** Bodies that a handler reads itself: counted where they arrive. */
  function watch(request: FastifyRequest, reply: FastifyReply): void {
    const { raw } = request
    const { rate } = policy
    if (rate === null) return
    about.rates.watch(
      {
        counts: 'more',
        received: raw.httpVersionMajor < 2 ? () => raw.socket.bytesRead : counted(raw),
        over: () => raw.complete || raw.destroyed,
        held: () => raw.readableFlowing !== true && raw.readableLength > 0,
        cut(received) {
          const refusal = told(request, tooSlow(received))
          if (refusal !== undefined) refuse(request, reply, refusal)
        },
      },
      rate,
    )
  }

  return (request, reply, payload) =>
    parts(request) ?? (bringsBody(request.raw) ? body(request, reply, payload) : undefined)
}
