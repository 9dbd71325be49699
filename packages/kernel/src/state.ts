import type { FastifyInstance } from 'fastify'
import type { Chain } from './chain.ts'
import type { SecurityEvent } from './events.ts'
import type { Forwarding } from './forwarding.ts'
import type { SessionTimeOuts } from './http2-sessions.ts'
import { errors } from './kernel-errors.ts'
import type { ObjectSchema } from './options.ts'
import type { Refusal, Problem } from './refusal.ts'
import type { Body } from './problem.ts'
import type { PrefixPolicy } from './prefix-options.ts'
import type { Inspector, Room } from './room.ts'
import type { RouteRecord } from './record.ts'

/** Where an app keeps its kernel: one symbol on the root instance, shared by all copies of the kernel. */
export const STATE: unique symbol = Symbol.for('portcullis.state')

/** Copies of the kernel with the same number can share one app. */
export const PROTOCOL = 1

/** One room in one scope. */
export interface Registration {
  readonly concern: string
  readonly scope: FastifyInstance
  readonly options: Readonly<Record<string, unknown>>
  /** Inspects a route's policy; undefined if routes of this concern can only say `false`. */
  readonly route: Inspector | undefined
  readonly check: Inspector
  readonly schema: ObjectSchema
  readonly requires: readonly string[]
  readonly byPrefix: readonly PrefixPolicy[]
  /** Concerns whose policies its room is shown. */
  readonly heeds: readonly string[]
  /** Whether its room is compiled for each route by itself. */
  readonly perRoute: boolean
  /** Null while `enabled: false`. */
  room: Room<never> | null
  /** The same registration with other options, validated and ready to take its place; undefined if it cannot. */
  readonly renew: ((this: Registration, given: unknown) => Promise<Registration>) | undefined
}

/** What `serverOptions()` left for the app. */
export interface ServerSettings {
  readonly formatProblem: ((problem: Problem) => object) | undefined
  readonly forwarding: Forwarding
  /** Undefined for an app that speaks HTTP/1.1 alone. */
  readonly http2: SessionTimeOuts | undefined
}

/** A router over the records. */
export interface RouteLookup {
  /** Every method that some route has. */
  readonly methods: ReadonlySet<string>
  find(method: string, url: string, headers: Readonly<Record<string, unknown>>): RouteRecord | undefined
}

/** Everything the kernel knows of one app. */
export interface State {
  readonly protocol: number
  readonly root: FastifyInstance
  /** Undefined if the app was not created with `serverOptions()`. */
  readonly settings: ServerSettings | undefined
  /** Fastify's own error handler, to know whether a scope has another. */
  readonly defaultErrorHandler: unknown
  readonly records: RouteRecord[]
  readonly registrations: Map<object, Map<string, Registration>>
  /** Why registrations failed: none of them may be passed over. */
  readonly failures: unknown[]
  readonly listeners: Map<object, Set<(event: SecurityEvent) => void>>
  /** Bodies of refusals that others are made of, as this app formats them. */
  readonly bodies: WeakMap<Refusal, Body>
  /** Chains of not-found answers, by the scope that answers. */
  readonly notFound: Map<object, Chain>
  /** True once any room is registered. */
  active: boolean
  closing: boolean
  /** Which routes exist at a path; made when first asked. */
  lookup: RouteLookup | undefined
  /** Replaces a registration by one with other options, everywhere at once. */
  replace(scope: FastifyInstance, concern: string, options: unknown): Promise<void>
}

/** The kernel's state of the app that a scope belongs to. */
export function stateOf(scope: FastifyInstance): State | undefined
export function stateOf(scope: FastifyInstance, required: true): State
export function stateOf(scope: FastifyInstance, required = false): State | undefined {
  const state = (scope as unknown as Partial<Record<typeof STATE, State>>)[STATE]
  if (required && state === undefined) throw new errors.PTC_KERNEL_IMPORTED_LATE()
  if (required && state !== undefined && state.protocol !== PROTOCOL)
    throw new errors.PTC_KERNEL_PROTOCOL(state.protocol, PROTOCOL)
  return state
}

/** A scope and the scopes around it, innermost first: Fastify's instances inherit from one another. */
export function* enclosing(scope: object): Generator<object> {
  for (let at: object | null = scope; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) yield at
}

/** The registrations that hold for a scope: for each concern the nearest one. */
export function nearest(state: State, scope: object): Map<string, Registration> {
  const found = new Map<string, Registration>()
  for (const at of enclosing(scope)) {
    for (const [concern, registration] of state.registrations.get(at) ?? []) {
      if (!found.has(concern)) found.set(concern, registration)
    }
  }
  return found
}
