import { isAscii } from 'node:buffer'
import type { Readable } from 'node:stream'
import { emit, refuse, type Refusal } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { whileAdmitted } from './admission.ts'
import { Download, type Upload } from './bodies.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { type Downstream, type Fields, isEventStream } from './exchange.ts'
import type { Failure } from './failures.ts'
import type { Lane } from './forward.ts'
import { writeResponseFields } from './response-fields.ts'
import { judgeAnswer } from './schemas/answers.ts'
import type { Target } from './upstreams/target.ts'

const FAILURES: Readonly<Record<Failure, Refusal>> = {
  upstream: errors.PTC_GATEWAY_UPSTREAM_FAILED,
  'time-out': errors.PTC_GATEWAY_UPSTREAM_TIMED_OUT,
  'body-too-large': errors.PTC_GATEWAY_BODY_TOO_LARGE,
  'request-malformed': errors.PTC_GATEWAY_REQUEST_MALFORMED,
}

/** Bytes of a body up to which it leaves as text. */
const SHORT = 4096

/**
 * A body as what is quickest to write: Node writes a short text together with the fields, and bytes behind them. A text
 * of JSON, Fastify would declare as UTF-8, but for a serializer.
 */
function written(body: Buffer, reply: FastifyReply): Buffer | string {
  if (body.length > SHORT || reply.request.raw.httpVersionMajor !== 1 || !isAscii(body)) return body
  if (reply.getHeader('content-type') === undefined) return body
  reply.serializer(asItIs)
  return body.toString('latin1')
}

const asItIs = (text: string): string => text

/** Why a stream of events ends before its service does. */
const ENDS = { expired: 'TOKEN_EXPIRED', revoked: 'TOKEN_REVOKED', unavailable: 'AUTH_UNAVAILABLE' } as const

/** The client of one exchange. */
export class Client implements Downstream {
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #lane: Lane
  readonly #upstream: string
  readonly #target: string
  readonly #upload: Upload | null
  /** The answer is held until it is judged, or was refused then. */
  #held = false
  #refused = false

  constructor(request: FastifyRequest, reply: FastifyReply, lane: Lane, target: string, upload: Upload | null) {
    this.#request = request
    this.#reply = reply
    this.#lane = lane
    this.#upstream = lane.upstream.name
    this.#target = target
    this.#upload = upload
  }

  sent({ reference }: Target): void {
    this.#request.security.forwardedTo = reference
  }

  answer(status: number, fields: Fields, body: Buffer | Download | null): void {
    const { output } = this.#lane
    if (output === null) return this.#pass(status, fields, body)
    const head = { method: this.#request.method, status, fields }
    this.#held = true
    judgeAnswer(output, head, body, {
      pass: (passed) => {
        this.#held = false
        this.#pass(status, fields, passed)
      },
      refuse: ({ rule, asks }) => {
        this.#refused = true
        this.#closeAfterRest()
        const detail = { upstream: this.#upstream, rule, asks }
        refuse(this.#request, this.#reply, errors.PTC_GATEWAY_ANSWER_INVALID.with({ detail }))
      },
      observe: ({ rule, asks }) => {
        const detail = { upstream: this.#upstream, rule, asks }
        emit(this.#request, events['gateway.answer-invalid'], { outcome: 'observed', detail })
      },
    })
  }

  #pass(status: number, fields: Fields, body: Buffer | Readable | null): void {
    const reply = this.#reply
    try {
      this.#closeAfterRest()
      reply.code(status)
      writeResponseFields(fields, reply, this.#lane.route.publicLocation, this.#target)
      // RFC 9110 §8.6: a 204 declares no length, not even 0.
      if (status === 204) reply.removeHeader('content-length')
      // Before the first piece: the fields are written as soon as Fastify is done with them.
      if (body instanceof Download && body.readableLength === 0) {
        const flush = (): void => reply.raw.flushHeaders()
        body.onRead = flush
      }
      reply.send(Buffer.isBuffer(body) ? written(body, reply) : (body ?? undefined))
      if (body instanceof Download && isEventStream(fields)) {
        body.once(
          'close',
          whileAdmitted(this.#request, (why) => body.giveUp(ENDS[why])),
        )
      }
    } catch (error) {
      this.#request.log.error({ err: error, upstream: this.#upstream }, 'gateway: the answer could not be sent')
      reply.raw.destroy()
    }
  }

  fail(failure: Failure, target: string, reason: string): void {
    const detail = { upstream: this.#upstream, target, reason }
    this.#request.log.warn(detail, 'gateway: no answer')
    this.#closeAfterRest()
    refuse(this.#request, this.#reply, FAILURES[failure].with({ detail }))
  }

  cut(target: string, reason: string): void {
    if (this.#refused) return
    if (this.#held) return this.fail(reason.includes('TIMEOUT') ? 'time-out' : 'upstream', target, reason)
    const detail = { upstream: this.#upstream, target, reason }
    this.#request.log.warn(detail, 'gateway: the answer broke off')
    emit(this.#request, events['gateway.cut'], { outcome: 'denied', detail })
  }

  /** What is left of a body that nobody reads would be taken for the next request. */
  #closeAfterRest(): void {
    if (this.#upload !== null && !this.#upload.readableEnded) this.#reply.header('connection', 'close')
  }
}
