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
  const names = compileTemplate(template).params
  const { rewrite: target = template } = route
  if (names.length === 0) {
    const path = compileTemplate(target).fill({})
    return () => path
  }
  const depth = prefix.replace(/\/$/, '').split('/').length - 1
  const places = names.map((name) => template.split('/').indexOf(name === '*' ? '*' : `:${name}`) + depth)
  const parts = partsOf(target, names)
  const twins = compileTwins(route, routes, methodsOf)
  return ({ path, params, host, judged }) => {
    const isOrdinary = ORDINARY.test(path)
    if (!isOrdinary) {
      const fault = faultOfPath(path)
      if (fault === 'unsafe' || (fault === 'ambiguous' && !judged) || NAMELESS.test(path)) return null
    }
    const segments = path.split('/')
    const values: string[] = []
    for (let index = 0; index < names.length; index++) {
      const [name, place] = [names[index] as string, places[index] as number]
      const sent = name === '*' ? restOf(path, place) : (segments[place] ?? '')
      const value = isOrdinary ? sent : decoded(sent)
      // The router takes `/users/` for `/users/:id`; to a service it is all of them. So may `/users/%3b` be.
      if (name !== '*' && (value === '' || value.startsWith(';'))) return null
      // A router that counts segments in another way (merged slashes, another end of the path) has matched another path.
      if (value !== params[name]) return null
      values.push(sent)
    }
    if (!(isOrdinary && twins.ordinary) && twins.have(segments.slice(depth + 1), host)) return null
    let made = ''
    for (const part of parts) made += typeof part === 'string' ? part : values[part]
    return made
  }
}

/** Paths that no reader folds, cuts or decodes. */
const ORDINARY = /^(?:\/[a-z0-9_~-]+(?:\.[a-z0-9_~-]+)*)+$/

/** A template as texts and the numbers of the parameters between them. */
function partsOf(template: string, names: readonly string[]): (string | number)[] {
  return template
    .split(/(?<=\/)(:[^/]+|\*)/)
    .filter((text) => text !== '')
    .map((text) => (text === '*' || text.startsWith(':') ? names.indexOf(text.replace(':', '')) : text))
}

/** What stands behind so many slashes. */
function restOf(path: string, slashes: number): string {
  let at = 0
  for (let left = slashes; left > 0; left--) at = path.indexOf('/', at) + 1
  return path.slice(at)
}

/** Dots and spaces alone, which are no name on Windows. */
const NAMELESS = /\/(?:\.|%2e|%20)+(?:[;/]|%3b|$)/i

const decoded = (text: string): string => (text.includes('%') ? decodeURIComponent(text) : text)

/** What a service may take a path for. */
interface Twins {
  /** Ordinary paths are read as the router reads them. */
  readonly ordinary: boolean
  have(segments: readonly string[], host: string | undefined): boolean
}

/**
 * Routes whose policy would be another one, and that a service may take a path of this one for: it need not tell
 * `/files/Secret`, `/files/secret/` and `/files/secret` apart, where the router does.
 */
function compileTwins(
  route: GatewayRoute,
  routes: readonly GatewayRoute[],
  methodsOf: (route: GatewayRoute) => readonly string[],
): Twins {
  const methods = new Set(methodsOf(route))
  const twins = routes
    .filter(
      (other) =>
        other !== route &&
        other.upstream === route.upstream &&
        !isDeepStrictEqual(other.policy, route.policy) &&
        methodsOf(other).some((method) => methods.has(method)),
    )
    .map(({ match: { path, host } }) => {
      const folded = path
        .split('/')
        .map((text) => (/^[:*]/.test(text) ? text : fold(text)))
        .join('/')
      return {
        host: host === undefined ? null : hostPattern(host),
        ordinary: folded === path,
        exact: compileTemplate(path),
        loose: compileTemplate(folded),
      }
    })
  return {
    ordinary: twins.every(({ ordinary }) => ordinary),
    have(segments, host) {
      if (twins.length === 0) return false
      const exact = `/${segments.map(decoded).join('/')}`
      const loose = `/${segments.map(fold).filter(Boolean).join('/')}`
      return twins.some(
        (twin) =>
          (twin.host === null || (host !== undefined && twin.host.test(host))) &&
          twin.loose.match(loose) !== null &&
          twin.exact.match(exact) === null,
      )
    },
  }
}

/** A segment as the most careless service reads it: decoded, cut at `;`, without case, without dots and spaces at its end. */
function fold(segment: string): string {
  const [name = ''] = decoded(segment).normalize('NFKC').split(';', 1)
  return name.toLowerCase().replace(/[. ]+$/, '')
}
