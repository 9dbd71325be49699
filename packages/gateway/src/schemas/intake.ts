import type { Readable } from 'node:stream'
import { bringsBody, emit, Gathered, type Refusal, refuse } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest, RequestPayload } from 'fastify'
import { errors } from '../errors.ts'
import type { Fault } from './faults.ts'
import type { Input, Taking } from './input.ts'

type Next = (error?: null, payload?: RequestPayload) => void
type Done = (error: null, body?: unknown) => void

/** A body that is read on its way. */
interface Taken {
  readonly taking: Taking
  readonly limit: number
  bytes: Buffer | null
  fault: Fault | Refusal | null
}

const taken = new WeakMap<FastifyRequest, Taken>()

/** The bytes of a body that was read, as they came; null: it was not, and comes as a stream. */
export function bytesOf(request: FastifyRequest): Buffer | null {
  return taken.get(request)?.bytes ?? null
}

/** Nothing may follow a body that is not read (RFC 9112 §9.6). */
const CLOSE = { connection: 'close' }
const TOO_LARGE = errors.PTC_GATEWAY_BODY_TOO_LARGE.with({ fields: CLOSE })
const BROKE_OFF = errors.PTC_GATEWAY_REQUEST_MALFORMED.with({ fields: CLOSE })
const MEDIA_TYPE = errors.PTC_GATEWAY_MEDIA_TYPE.with({ fields: CLOSE, detail: { rule: 'media-type' } })
const ENCODED = errors.PTC_GATEWAY_MEDIA_TYPE.with({
  // RFC 9110 §12.5.3: what would do.
  fields: { ...CLOSE, 'accept-encoding': 'identity' },
  detail: { rule: 'content-encoding' },
})
const REQUIRED: Fault = { part: 'body', rule: 'required', asks: 'body must be sent' }
const UNEXPECTED: Fault = { part: 'body', rule: 'unexpected', asks: 'body must NOT be sent' }

function refusalOf({ part, rule, asks }: Fault, unread: boolean): Refusal {
  return errors.PTC_GATEWAY_REQUEST_INVALID.with({
    ...(asks === null ? {} : { sentence: `Invalid request: ${asks}.` }),
    ...(unread ? { fields: CLOSE } : {}),
    detail: { part, rule },
  })
}

/** Bodies where there may be none: one without bytes is none. */
const NOTHING: Taking = { kind: 'json', read: () => UNEXPECTED }

/** Methods whose bodies Fastify has parsed. Those of the others are not forwarded. */
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/** Whether a request brings a body that is forwarded. */
const bringsOne = ({ raw, method }: FastifyRequest): boolean => WITH_BODY.has(method) && bringsBody(raw)

/** The hooks of a route whose requests are held to schemas. */
export interface IntakeHooks {
  preParsing(request: FastifyRequest, reply: FastifyReply, payload: RequestPayload, done: Next): void
  preValidation(request: FastifyRequest, reply: FastifyReply, done: () => void): void
}

/**
 * Compiles the hooks that hold requests to schemas, after the steps of the rooms that need no body: texts before anything
 * is read, the body once it is read. Not Fastify's own validation: that judges what its parsers made of a request, and
 * what is forwarded is what came; and its errors go where an app's own handler may word them.
 * @param limit bytes of a body
 * @param reportOnly tells, and lets pass
 */
export function compileIntake(input: Input, limit: number, reportOnly: boolean): IntakeHooks {
  const { body } = input

  /** Answers, unless it is only to be told. Whether the request goes on. */
  function passes(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): boolean {
    if (!reportOnly) {
      refuse(request, reply, refusal)
      return false
    }
    const { code, event, details } = refusal
    emit(request, event, { outcome: 'observed', code, ...(details.detail && { detail: details.detail }) })
    return true
  }

  function takingOf({ headers }: FastifyRequest): Taking | Refusal | Fault | null {
    if (body === null) return null
    if (body.none) return headers['content-length'] === undefined ? NOTHING : UNEXPECTED
    const taking = body.taking(headers['content-type'])
    if (taking === null) return MEDIA_TYPE
    if (taking.kind === 'unread') return null
    const encoding = headers['content-encoding']
    return encoding === undefined || encoding.toLowerCase() === 'identity' ? taking : ENCODED
  }

  return {
    preParsing(request, reply, payload, done) {
      const { raw, headers } = request
      const brings = bringsOne(request)
      const parts = { url: raw.url as string, params: request.params as Record<string, string>, headers }
      const fault = input.texts(parts)
      if (fault !== null && !passes(request, reply, refusalOf(fault, brings))) return
      if (brings) {
        const taking = takingOf(request)
        if (taking !== null && 'read' in taking) {
          if (Number(headers['content-length']) > limit) return void refuse(request, reply, TOO_LARGE)
          taken.set(request, { taking, limit, bytes: null, fault: null })
        } else if (taking !== null) {
          const refusal = 'part' in taking ? refusalOf(taking, true) : taking
          if (!passes(request, reply, refusal)) return
        }
      }
      done(null, payload)
    },

    preValidation(request, reply, done) {
      const one = taken.get(request)
      const none = one === undefined ? !bringsOne(request) : one.bytes?.length === 0 && one.fault === null
      const fault = none && body?.required === true ? REQUIRED : (one?.fault ?? null)
      if (fault === null) return done()
      if ('part' in fault) {
        if (passes(request, reply, refusalOf(fault, false))) done()
      } else refuse(request, reply, fault)
    },
  }
}

/** Parses bodies of all types: those that are held to schemas are read, all others pass unread. */
export function parseBody(request: FastifyRequest, payload: RequestPayload, done: Done): void {
  const one = taken.get(request)
  if (one === undefined) return done(null, payload)
  collect(payload as Readable, one.limit, (bytes, refusal) => {
    one.bytes = bytes
    one.fault = refusal
    if (refusal !== null || bytes.length === 0) return done(null, undefined)
    const read = one.taking.read(bytes, request.headers['content-type'])
    if ('value' in read) return done(null, read.value)
    one.fault = read
    done(null, undefined)
  })
}

const NO_BYTES = Buffer.alloc(0)

/** Reads a body whole. */
function collect(source: Readable, limit: number, done: (bytes: Buffer, refusal: Refusal | null) => void): void {
  const gathered = new Gathered(limit)
  const settle = (refusal: Refusal | null): void => {
    source.off('data', onData).off('end', onEnd).off('close', onGone)
    done(gathered.bytes ?? NO_BYTES, refusal)
  }
  const onData = (chunk: Buffer): void => {
    if (!gathered.add(chunk)) settle(TOO_LARGE)
  }
  const onEnd = (): void => settle(null)
  const onGone = (): void => settle(BROKE_OFF)
  // Whoever has broken off closes too.
  source.on('error', () => {})
  source.on('data', onData).on('end', onEnd).on('close', onGone)
  // Whoever looked at it before may have left it waiting.
  source.resume()
}
