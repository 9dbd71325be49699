import type { FastifyReply, FastifyRequest, RequestPayload } from 'fastify'
import type { Refusal } from './refusal.ts'

/** Where in a request a step acts. `close` fires once per request, for aborted clients too. */
export type Phase = 'onRequest' | 'preParsing' | 'preValidation' | 'preHandler' | 'onSend' | 'close'

/** What a step may say: nothing (go on), a refusal, or the reply it has already answered. */
export type Verdict = undefined | void | Refusal | FastifyReply

/** A step: synchronous unless it has to wait for something. */
export type Step = (request: FastifyRequest, reply: FastifyReply) => Verdict | Promise<Verdict>

/**
 * Why a request that stays under way is no longer admitted: its credential has expired, or was withdrawn, or nobody can
 * tell any more whether it was (what decides is away, and new requests are answered 503).
 */
export type AdmissionEnd = 'expired' | 'revoked' | 'unavailable'

/**
 * Looks after whether a room would still admit a request, and calls back when it would not: at once, where it knows so already.
 * @returns a function that stops; undefined: what was decided on this request stays as it is
 */
export type Watch = (request: FastifyRequest, ended: (why: AdmissionEnd) => void) => (() => void) | undefined

/** What `compile` returns for one distinct policy: at most one step per phase; absent phases cost nothing. */
export interface Steps {
  onRequest?: Step
  /** May return a replacement for the request payload stream. */
  preParsing?: (
    request: FastifyRequest,
    reply: FastifyReply,
    payload: RequestPayload,
  ) => Verdict | RequestPayload | Promise<Verdict | RequestPayload>
  preValidation?: Step
  preHandler?: Step
  /** Sees strings, buffers and streams. May return a replacement payload or a refusal. Never call `reply.send` here. */
  onSend?: (request: FastifyRequest, reply: FastifyReply, payload: unknown) => unknown
  /** For requests that stay under way long after they were admitted: `watchAdmission` calls it, and nothing else does. */
  watch?: Watch
  /** What `describeSecurity` tells of the room here, beside the policy: plain data, no secrets. */
  describe?: Readonly<Record<string, unknown>>
  /** Runs when the connection's response is over; `aborted` is true if the client left before the last byte. */
  close?: (request: FastifyRequest, reply: FastifyReply, aborted: boolean) => void
}

/** True for promises of any make: other realms and libraries have their own. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
