import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction, RequestPayload } from 'fastify'
import { emitRefusal, preflightChain, type Chain } from './chain.ts'
import { watch } from './close.ts'
import { replaceDefault } from './defaults.ts'
import { errors } from './kernel-errors.ts'
import { answer, dress, ofTheReplaced } from './problem.ts'
import { recordOf } from './record.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import { isThenable } from './steps.ts'
import { unwrapResponse } from './web-response.ts'
import { RequestSecurityState } from './request.ts'
import { preflightTarget } from './routes.ts'
import type { State } from './state.ts'
import type { Step } from './steps.ts'

type AnyStep = (request: FastifyRequest, reply: FastifyReply, payload: RequestPayload | undefined) => unknown
type Done = (error?: Error | null, value?: unknown) => void

/** The hooks that run the chains of one app: one per phase, on the root, before every other hook. */
export interface Runners {
  onRequest(request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void
  preParsing(
    request: FastifyRequest,
    reply: FastifyReply,
    payload: RequestPayload,
    done: (error?: Error | null, value?: RequestPayload) => void,
  ): void
  preValidation(request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void
  preHandler(request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void
  onSend(request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done): void
}

export function runners(state: State, notFound: (request: FastifyRequest) => Chain, unrecorded: () => Chain): Runners {
  /** Runs steps from `index` on; calls `done` (with the request payload, in preParsing) only if all let it go on. */
  function run(
    steps: readonly AnyStep[],
    index: number,
    end: number,
    request: FastifyRequest,
    reply: FastifyReply,
    payload: RequestPayload | undefined,
    done: (payload?: RequestPayload) => void,
  ): void {
    let current = payload
    for (let i = index; i < end; i++) {
      let verdict: unknown
      try {
        verdict = (steps[i] as AnyStep)(request, reply, current)
      } catch (error) {
        return failed(request, reply, error)
      }
      if (verdict === undefined) continue
      if (verdict === reply) return
      if (isRefusal(verdict)) return answer(state, request, reply, verdict)
      if (isStream(verdict) && payload !== undefined) {
        current = verdict
        continue
      }
      if (!isThenable(verdict)) return failed(request, reply, new TypeError(NO_VERDICT))
      const before = current
      verdict.then(
        (settled) => {
          // What answering throws, nobody else would catch.
          try {
            if (settled === reply || reply.sent) return
            if (isRefusal(settled)) return answer(state, request, reply, settled)
            const stream = isStream(settled) && payload !== undefined
            if (settled !== undefined && !stream) return failed(request, reply, new TypeError(NO_VERDICT))
            run(steps, i + 1, end, request, reply, stream ? settled : before, done)
          } catch (error) {
            failed(request, reply, error)
          }
        },
        (error: unknown) => failed(request, reply, error),
      )
      return
    }
    done(current)
  }

  /** A step that throws closes the door: the request is refused, the reason is logged. */
  function failed(request: FastifyRequest, reply: FastifyReply, error: unknown): void {
    request.log.error({ err: error }, 'a security step threw')
    if (reply.sent) return
    try {
      answer(state, request, reply, errors.PTC_STEP_FAILED)
    } catch (again) {
      // Not even the refusal can be written: nothing may leave.
      request.log.error({ err: again }, 'a refusal could not be written')
      reply.raw.destroy()
    }
  }

  function chainOf(request: FastifyRequest): Chain {
    const record = recordOf(request)
    const found = record === undefined && request.is404 ? notFound(request) : record?.chain
    const chain = found ?? unrecorded()
    if (request.method !== 'OPTIONS') return chain
    const target = preflightTarget(state, request)
    return target === null ? chain : preflightChain(state, chain, target)
  }

  /** Gives the request its chain. */
  function enter(request: FastifyRequest, reply: FastifyReply, chain: Chain): void {
    request.security = new RequestSecurityState(chain)
    watch(chain, request, reply)
  }

  const later =
    (name: 'preValidation' | 'preHandler') =>
    (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void => {
      if (!state.active) return done()
      const steps = (request.security as RequestSecurityState).chain[name]
      if (steps === null) done()
      else run(steps, 0, steps.length, request, reply, undefined, done as () => void)
    }

  return {
    onRequest(request, reply, done) {
      if (!state.active) return done()
      const chain = chainOf(request)
      enter(request, reply, chain)
      run(chain.onRequest, 0, chain.onRequest.length, request, reply, undefined, done as () => void)
    },

    preParsing(request, reply, payload, done) {
      if (!state.active) return done(null, payload)
      const steps = (request.security as RequestSecurityState).chain.preParsing
      if (steps === null) return done(null, payload)
      run(steps as readonly AnyStep[], 0, steps.length, request, reply, payload, (current) => done(null, current))
    },

    preValidation: later('preValidation'),
    preHandler: later('preHandler'),

    onSend(request, reply, payload, done) {
      if (!state.active) return done()
      const security = request.security as RequestSecurityState | undefined
      if (security === undefined) return done()
      const replaced =
        reply.raw.statusCode >= 400 && (payload !== security.answered || security.answered === undefined)
          ? replaceDefault(state, request, reply, payload)
          : undefined
      const steps = security.chain.onSend
      if (steps === null) return done(null, replaced)
      send(steps, 0, request, reply, replaced ?? unwrapResponse(reply, payload), payload, done)
    },
  }

  function send(
    steps: NonNullable<Chain['onSend']>,
    index: number,
    request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    original: unknown,
    done: Done,
  ): void {
    let current = payload
    for (let i = index; i < steps.length; i++) {
      let verdict: unknown
      try {
        verdict = (steps[i] as (typeof steps)[number])(request, reply, current)
      } catch (error) {
        verdict = thrown(request, error)
      }
      if (isThenable(verdict)) {
        const before = current
        verdict.then(
          (settled) =>
            send(
              steps,
              isRefusal(settled) ? steps.length : i + 1,
              request,
              reply,
              replacement(request, reply, before, settled),
              original,
              done,
            ),
          (error: unknown) =>
            send(
              steps,
              steps.length,
              request,
              reply,
              replacement(request, reply, before, thrown(request, error)),
              original,
              done,
            ),
        )
        return
      }
      current = replacement(request, reply, current, verdict)
      if (isRefusal(verdict)) break
    }
    done(null, current === original ? undefined : current)
  }

  function thrown(request: FastifyRequest, error: unknown): Refusal {
    request.log.error({ err: error }, 'a security step threw')
    return errors.PTC_STEP_FAILED
  }

  /** What leaves instead of `current`. `reply.send` would enter the hooks again: the body is replaced in place. */
  function replacement(request: FastifyRequest, reply: FastifyReply, current: unknown, verdict: unknown): unknown {
    if (verdict === undefined) return current
    if (!isRefusal(verdict)) return verdict
    emitRefusal(request, verdict, 'denied')
    discard(current)
    for (const name of ofTheReplaced) reply.removeHeader(name)
    return dress(state, request, reply, verdict)
  }
}

function isStream(value: unknown): value is RequestPayload {
  return typeof value === 'object' && value !== null && typeof (value as { pipe?: unknown }).pipe === 'function'
}

/** Ends a stream of either kind, or the body of a web Response. */
function discard(payload: unknown): void {
  if (typeof payload !== 'object' || payload === null) return
  const { destroy, cancel, body } = payload as { destroy?: unknown; cancel?: unknown; body?: unknown }
  if (typeof destroy === 'function') destroy.call(payload)
  else if (typeof cancel === 'function') void Promise.resolve(cancel.call(payload)).catch(() => undefined)
  else if (body instanceof ReadableStream) discard(body)
}

const NO_VERDICT = 'a step says nothing, a refusal, the reply that it answered, or a promise of one of these'

/** Runs only the steps that decorate or record: for answers that no hook sees. */
export async function decorate(chain: Chain, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  for (let i = 0; i < chain.decorating; i++) await (chain.onRequest[i] as Step)(request, reply)
}
