import { isDeepStrictEqual } from 'node:util'
import type { GatewayRoute } from './options.ts'
import { compileTemplate, faultOfPath, type PathParams } from './path.ts'

/** A request's way to its route. */
export interface Asked {
  /** The raw path of the request target, without the query. */
  readonly path: string
  /** As the router decoded them. */
  readonly params: PathParams
  /** The Host field. */
  readonly host: string | undefined
  /** Whether another room has judged the path, and lets ambiguous ones pass. */
  readonly judged: boolean
}

/** The path to ask the upstream for; null: the request may not go. */
export type Rewrite = (asked: Asked) => string | null

/** The name in a Host field, with any port. */
export const hostPattern = (host: string): RegExp =>
  new RegExp(String.raw`^${host.replaceAll('.', String.raw`\.`)}(?::\d+)?$`, 'i')

/**
 * Compiles what becomes of a route's paths: its parameters, byte for byte as they were sent, in `rewrite`.
 * @param methods of the route
 * @param prefix of the scope that the routes are declared in
 */
export function compileRewrite(
  route: GatewayRoute,
  routes: readonly GatewayRoute[],
  methodsOf: (route: GatewayRoute) => readonly string[],
  prefix: string,
): Rewrite {
  const { path: template } = route.match
  const from = compileTemplate(template)
  const to = compileTemplate(route.rewrite ?? template)
  if (from.params.length === 0) {
    const path = to.fill({})
    return () => path
  }
  const depth = prefix.replace(/\/$/, '').split('/').length
  const isTwin = compileTwins(route, routes, methodsOf)
  return ({ path, params, host, judged }) => {
    const fault = faultOfPath(path)
    if (fault === 'unsafe' || (fault === 'ambiguous' && !judged) || NAMELESS.test(path)) return null
    const segments = path.split('/').slice(depth)
    const values = from.pick(segments)
    for (const name of from.params) {
      const value = decoded(values[name])
      // The router takes `/users/` for `/users/:id`; to a service it is all of them. So may `/users/%3b` be.
      if (name !== '*' && /^(?:;|$)/.test(value ?? '')) return null
      // A router that counts segments in another way (merged slashes, another end of the path) has matched another path.
      if (value !== params[name]) return null
    }
    return isTwin(segments, host) ? null : to.fill(values)
  }
}

/** Dots and spaces alone, which are no name on Windows. */
const NAMELESS = /\/(?:\.|%2e|%20)+(?:[;/]|%3b|$)/i

const decoded = (text: string | undefined): string | undefined =>
  text?.includes('%') === true ? decodeURIComponent(text) : text

/**
 * Routes whose policy would be another one, and that a service may take a path of this one for: it need not tell
 * `/files/Secret`, `/files/secret/` and `/files/secret` apart, where the router does.
 */
function compileTwins(
  route: GatewayRoute,
  routes: readonly GatewayRoute[],
  methodsOf: (route: GatewayRoute) => readonly string[],
): (segments: readonly string[], host: string | undefined) => boolean {
  const methods = new Set(methodsOf(route))
  const twins = routes
    .filter(
      (other) =>
        other !== route &&
        other.upstream === route.upstream &&
        !isDeepStrictEqual(other.policy, route.policy) &&
        methodsOf(other).some((method) => methods.has(method)),
    )
    .map(({ match: { path, host } }) => ({
      host: host === undefined ? null : hostPattern(host),
      exact: compileTemplate(path),
      loose: compileTemplate(
        path
          .split('/')
          .map((text) => (/^[:*]/.test(text) ? text : fold(text)))
          .join('/'),
      ),
    }))
  if (twins.length === 0) return () => false
  return (segments, host) => {
    const exact = `/${segments.map(decoded).join('/')}`
    const loose = `/${segments.map(fold).filter(Boolean).join('/')}`
    if (loose === exact) return false
    return twins.some(
      (twin) =>
        (twin.host === null || (host !== undefined && twin.host.test(host))) &&
        twin.loose.match(loose) !== null &&
        twin.exact.match(exact) === null,
    )
  }
}

/** A segment as the most careless service reads it: decoded, cut at `;`, without case, without dots and spaces at its end. */
function fold(segment: string): string {
  const [name = ''] = (decoded(segment) as string).normalize('NFKC').split(';', 1)
  return name.toLowerCase().replace(/[. ]+$/, '')
}
