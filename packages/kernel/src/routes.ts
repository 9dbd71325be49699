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

/** The options that decide which route a URL means. */
const routing = [
  'ignoreTrailingSlash',
  'ignoreDuplicateSlashes',
  'caseSensitive',
  'maxParamLength',
  'allowUnsafeRegex',
  'useSemicolonDelimiter',
] as const

/** A router of the same make as Fastify's own, over the records: which route would answer this method at this path. */
function buildLookup(state: State): RouteLookup {
  const given = (state.root.initialConfig as { routerOptions?: object }).routerOptions
  const all = { ...state.root.initialConfig, ...given } as Record<string, never>
  const router = FindMyWay({
    ...Object.fromEntries(routing.filter((name) => all[name] !== undefined).map((name) => [name, all[name]])),
    defaultRoute: () => undefined,
    onBadUrl: () => undefined,
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
    // Fastify serves `/prefix` and `/prefix/` from one declaration of `/`, and leaves the second in the options.
    const { routePath, url } = record.options
    if (routePath === '/' && url === `${record.url}/`) add(record, url)
  }
  const versioned = state.records.some(({ options }) => options.constraints?.['version'] !== undefined)
  return {
    methods: new Set(state.records.flatMap((record) => record.methods)),
    find(method, url, headers) {
      // HTTP/2 names the host in a field of its own, as Fastify's router knows.
      const host = (headers['host'] ?? headers[':authority']) as string
      const version = headers['accept-version'] as string | undefined
      const at = (asked: string | undefined) =>
        router.find(method as HTTPMethod, url, { host, version: asked as string })?.store as RouteRecord | undefined
      // No preflight carries Accept-Version: the newest version speaks for its URL.
      return at(version) ?? (versioned && version === undefined ? at('*') : undefined)
    },
  }
}

function lookupOf(state: State): RouteLookup {
  return (state.lookup ??= buildLookup(state))
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
  const url = request.raw.url ?? '/'
  const facts: RouteFact<Policy>[] = []
  for (const method of methods) {
    const record = find(method, url, request.headers)
    if (record === undefined || record.chain === null) continue
    facts.push({
      method,
      url: record.url,
      policy: record.chain.links.get(concern)?.policy as Readonly<Policy> | undefined,
    })
  }
  return facts
}

/** The chain of the route that a preflight asks for; null if the request is no preflight or no route is there. */
export function preflightTarget(state: State, request: FastifyRequest): Chain | null {
  const asked = request.headers['access-control-request-method']
  if (asked === undefined || request.headers.origin === undefined) return null
  const { methods, find } = lookupOf(state)
  const url = request.raw.url ?? '/'
  // A method that no route here has still follows the policy of its URL.
  for (const method of methods.has(asked) ? [asked, ...methods] : methods) {
    const record = find(method, url, request.headers)
    if (record !== undefined) return record.chain
  }
  return null
}
