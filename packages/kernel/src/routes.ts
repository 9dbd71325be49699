import type { FastifyRequest } from 'fastify'
import FindMyWay, { type HTTPMethod } from 'find-my-way'
import type { Chain } from './chain.ts'
import type { RouteRecord } from './record.ts'
import { stateOf, type State } from './state.ts'

/** One route that exists at a URL, as seen by one concern. */
export interface RouteFact<Policy> {
  readonly method: string
  /** The route's pattern. */
  readonly url: string
  /** The concern's effective policy there; undefined where it is off. */
  readonly policy: Readonly<Policy> | undefined
}

type Lookup = NonNullable<State['lookup']>

/** A router of the same make as Fastify's own, over the records: which route would answer this method at this path. */
function buildLookup(state: State): Lookup {
  const given = (state.root.initialConfig as { routerOptions?: object }).routerOptions
  const { ignoreTrailingSlash, ignoreDuplicateSlashes, caseSensitive, maxParamLength } = {
    ...state.root.initialConfig,
    ...given,
  } as Record<string, never>
  const router = FindMyWay({
    ...defined({ ignoreTrailingSlash, ignoreDuplicateSlashes, caseSensitive, maxParamLength }),
    defaultRoute: () => undefined,
  })
  const add = (record: RouteRecord, url: string): void => {
    for (const method of record.methods) {
      try {
        router.on(
          method as HTTPMethod,
          url,
          { constraints: (record.options.constraints ?? {}) as never },
          () => undefined,
          record,
        )
      } catch {
        // Constraints of a custom strategy: such a route answers, but no preflight finds it.
      }
    }
  }
  for (const record of state.records) {
    add(record, record.url)
    // Fastify serves `/prefix` and `/prefix/` from one declaration of `/`.
    const { prefix = '', routePath } = record.options
    if (routePath === '' && prefix !== '' && record.options.prefixTrailingSlash !== 'no-slash')
      add(record, `${prefix}/`)
  }
  return (method, path, headers) => {
    const constraints = { host: headers['host'] as string, version: headers['accept-version'] as string }
    return router.find(method as HTTPMethod, path, constraints)?.store as RouteRecord | undefined
  }
}

function defined<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>
}

function lookup(state: State, request: FastifyRequest, method: string): RouteRecord | undefined {
  state.lookup ??= buildLookup(state)
  const url = request.raw.url ?? '/'
  const end = url.search(/[?;#]/)
  return state.lookup(method, end === -1 ? url : url.slice(0, end), request.headers)
}

function methods(state: State): Set<string> {
  return new Set(state.records.flatMap((record) => record.methods))
}

/**
 * The routes that exist at a request's URL, one fact per method, with the effective policy of one concern.
 * Made for preflights: it asks the router once per method.
 */
export function routesAt<Policy = Record<string, unknown>>(
  request: FastifyRequest,
  concern: string,
): RouteFact<Policy>[] {
  const state = stateOf(request.server, true)
  const facts: RouteFact<Policy>[] = []
  for (const method of methods(state)) {
    const record = lookup(state, request, method)
    if (record === undefined || record.chain === null) continue
    facts.push({ method, url: record.url, policy: record.chain.policies.get(concern) as Readonly<Policy> | undefined })
  }
  return facts
}

/** The chain of the route that a preflight asks for; null if the request is no preflight or no route is there. */
export function preflightTarget(state: State, request: FastifyRequest): Chain | null {
  const method = request.headers['access-control-request-method']
  if (method === undefined || request.headers.origin === undefined) return null
  const exact = methods(state).has(method) ? lookup(state, request, method) : undefined
  if (exact !== undefined) return exact.chain
  for (const other of methods(state)) {
    const record = lookup(state, request, other)
    if (record !== undefined) return record.chain
  }
  return null
}
