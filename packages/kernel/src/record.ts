import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import type { Chain } from './chain.ts'
import { camel } from './concern-key.ts'
import type { DeclaredRoute } from './room.ts'
import { longestPrefix } from './prefix-options.ts'
import { nearest, type Registration, type State } from './state.ts'

/** Where a route's record stands: on its own `config`, under a symbol. */
export const RECORD: unique symbol = Symbol.for('portcullis.record')

/** One declared route. */
export interface RouteRecord extends DeclaredRoute {
  readonly options: RouteOptions & { routePath?: string; prefix?: string }
  /** Null until `ready`. */
  chain: Chain | null
}

/** A route in words: `GET /users`. */
export function nameOf({ methods, url }: RouteRecord): string {
  return `${methods.join('|')} ${url}`
}

let routeContext: symbol | undefined

/** Where Fastify keeps a request's route; undefined for a Fastify that keeps it elsewhere. */
function contextOf(request: FastifyRequest): { config?: unknown; onSend?: readonly unknown[] | null } | undefined {
  routeContext ??= Object.getOwnPropertySymbols(request).find(({ description }) => description === 'fastify.context')
  return routeContext === undefined ? undefined : (request as unknown as Record<symbol, object>)[routeContext]
}

/** Whether no onSend hook but the kernel's sees what answers a request. */
export function isLastToSee(request: FastifyRequest): boolean {
  return contextOf(request)?.onSend?.length === 1
}

/**
 * The record of a request's route. `request.routeOptions` builds an object of twelve members each time it is read, so
 * the route's config is read where Fastify keeps it; `routeOptions` is the way for a Fastify that keeps it elsewhere.
 */
export function recordOf(request: FastifyRequest): RouteRecord | undefined {
  const config = contextOf(request)?.config ?? request.routeOptions.config
  return (config as { [RECORD]?: RouteRecord } | undefined)?.[RECORD]
}

/** `config.security` of a route, as its own options and every onRoute hook have left it. */
export function securityOf({ options }: RouteRecord): unknown {
  return (options.config as Record<string, unknown> | undefined)?.['security']
}

/** Shows a room a route before Fastify compiles its schemas, with what is written for it so far. */
export function prepare({ room, concern, byPrefix }: Registration, record: RouteRecord): void {
  if (room?.prepare === undefined) return
  const own = (securityOf(record) as Record<string, unknown> | undefined)?.[camel(concern)]
  room.prepare(record, (own === undefined ? longestPrefix(record.url, byPrefix)?.policy : own) as never)
}

/** The first onRoute hook of every app: gives each route a record of its own. */
export function recordRoutes(state: State): (this: FastifyInstance, options: RouteOptions) => void {
  return function record(options) {
    const made: RouteRecord = {
      methods: [options.method].flat(),
      url: options.url,
      scope: this,
      options,
      chain: null,
    }
    state.records.push(made)
    // A fresh object: people share config objects between routes.
    options.config = { ...options.config, [RECORD]: made } as NonNullable<typeof options.config>
    for (const registration of nearest(state, this).values()) prepare(registration, made)
  }
}
