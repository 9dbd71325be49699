import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Outcome, SecurityEventKind, Severity } from './event-kinds.ts'
import { stateOf } from './state.ts'
import { isThenable } from './steps.ts'

/** One event, as listeners receive it. */
export interface SecurityEvent {
  readonly type: string
  readonly outcome: Outcome
  readonly severity: Severity
  /** Absent for events outside a request (a store down, a certificate swapped). */
  readonly request?: FastifyRequest
  /** The refusal's code, if there was one. */
  readonly code?: string
  /** Particulars; no secrets. */
  readonly detail: Readonly<Record<string, unknown>>
}

/** A listener of events: synchronous; what it throws is logged. */
export type SecurityEventListener = (event: SecurityEvent) => void

const NOTHING: Readonly<Record<string, unknown>> = Object.freeze({})

/**
 * Raises an event: it bubbles from the request's scope (or the given instance) up to the root.
 * Costs one comparison while nobody listens. Refusals raise theirs by themselves: call this for everything else.
 */
export function emit(
  source: FastifyRequest | FastifyInstance,
  kind: SecurityEventKind,
  given: { readonly outcome: Outcome; readonly code?: string; readonly detail?: Readonly<Record<string, unknown>> },
): void {
  const request = 'raw' in source ? source : undefined
  const scope = request === undefined ? (source as FastifyInstance) : request.server
  const state = stateOf(scope)
  if (state === undefined || state.listeners.size === 0) return
  const event: SecurityEvent = {
    type: kind.type,
    outcome: given.outcome,
    severity: kind.severity,
    ...(request === undefined ? {} : { request }),
    ...(given.code === undefined ? {} : { code: given.code }),
    detail: given.detail ?? NOTHING,
  }
  const threw = (error: unknown): void =>
    scope.log.error({ err: error, event: kind.type }, 'a security event listener threw')
  for (let at: object | null = scope; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    const listeners = state.listeners.get(at)
    if (listeners === undefined) continue
    for (const listener of listeners) {
      try {
        const waits: unknown = listener(event)
        // An async function fits the type too; its rejection must not end the process.
        if (isThenable(waits)) waits.then(undefined, threw)
      } catch (error) {
        threw(error)
      }
    }
  }
}

/**
 * Listens to the security events of a scope and of all scopes inside it.
 * @returns a function that stops listening.
 */
export function onSecurityEvent(scope: FastifyInstance, listener: SecurityEventListener): () => void {
  const { listeners } = stateOf(scope, true)
  const known = listeners.get(scope) ?? new Set()
  listeners.set(scope, known.add(listener))
  return () => {
    known.delete(listener)
    if (known.size === 0) listeners.delete(scope)
  }
}
