import type { GatewayRoute } from './options.ts'
import { compileTemplate, faultOfPath, type PathParams } from './path.ts'
import { decoded, type Twins } from './twins.ts'

/** A request's way to its route. */
export interface Asked {
  /** The raw path of the request target, without the query. */
  readonly path: string
  /** As the router decoded them. */
  readonly params: PathParams
  /** The Host field, or the authority of HTTP/2. */
  readonly host: string | undefined
  /** Whether another room has judged the path, and lets ambiguous ones pass. */
  readonly judged: boolean
}

/** The path to ask the upstream for; null: the request may not go. */
export type Rewrite = (asked: Asked) => string | null

/**
 * Compiles what becomes of a route's paths: its parameters, byte for byte as they were sent, in `rewrite`.
 * @param prefix of the scope that the routes are declared in
 */
export function compileRewrite(route: GatewayRoute, twins: Twins, prefix: string): Rewrite {
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
