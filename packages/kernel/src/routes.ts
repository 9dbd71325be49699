import type { FastifyRequest } from 'fastify'
import FindMyWay, { type HTTPMethod } from 'find-my-way'
import type { Chain } from './chain.ts'
import type { RouteRecord } from './record.ts'
import { type RouteLookup, stateOf, type State } from './state.ts'

/** One route that exists at a URL, as seen by one concern. */
export interface RouteFact<Policy> {
  readonly method: string
  /** The route's pattern. */
  readonly url: string
  /** The concern's effective policy there; undefined where it is off. */
  readonly policy: Readonly<Policy> | undefined
}

/** A router of the same make as Fastify's own, over the records: which route would answer this method at this path. */
function buildLookup(state: State): RouteLookup {
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
  return {
    methods: new Set(state.records.flatMap((record) => record.methods)),
    find(method, path, headers) {
      const constraints = { host: headers['host'] as string, version: headers['accept-version'] as string }
      return router.find(method as HTTPMethod, path, constraints)?.store as RouteRecord | undefined
    },
  }
}

function defined<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>
}

function lookupOf(state: State): RouteLookup {
  return (state.lookup ??= buildLookup(state))
}

/** The path of a request, as the router takes it. */
function pathOf(request: FastifyRequest): string {
  const url = request.raw.url ?? '/'
  const end = url.search(/[?;#]/)
  return end === -1 ? url : url.slice(0, end)
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
  const { methods, find } = lookupOf(state)
  const path = pathOf(request)
  const facts: RouteFact<Policy>[] = []
  for (const method of methods) {
    const record = find(method, path, request.headers)
    if (record === undefined || record.chain === null) continue
    facts.push({ method, url: record.url, policy: record.chain.policies.get(concern) as Readonly<Policy> | undefined })
  }
  return facts
}

/** The chain of the route that a preflight asks for; null if the request is no preflight or no route is there. */
export function preflightTarget(state: State, request: FastifyRequest): Chain | null {
  const asked = request.headers['access-control-request-method']
  if (asked === undefined || request.headers.origin === undefined) return null
  const { methods, find } = lookupOf(state)
  const path = pathOf(request)
  // A method that no route here has still follows the policy of its URL.
  for (const method of methods.has(asked) ? [asked, ...methods] : methods) {
    const record = find(method, path, request.headers)
    if (record !== undefined) return record.chain
  }
  return null
}
