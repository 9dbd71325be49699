import type { GatewayRoute } from './options.ts'
import { compileTemplate, type PathTemplate } from './path.ts'
import type { LocationMap } from './response-fields.ts'
import { TemplateIndex } from './template-index.ts'

/** Public paths of the paths of one upstream; null: there is none. */
export type WayBack = (path: string) => string | null

/** Compiles the rewrites of routes that lead to one upstream, to be read backwards: the first that could have made a path. */
export function compileWayBack(routes: readonly GatewayRoute[]): WayBack {
  const ways = new TemplateIndex<{ readonly at: number; readonly from: PathTemplate; readonly to: PathTemplate }>()
  for (const [at, { rewrite, match }] of routes.entries()) {
    const [from, to] = [compileTemplate(rewrite ?? match.path), compileTemplate(match.path)]
    // A rewrite that lost a parameter leads nowhere when read backwards.
    if (to.params.every((name) => from.params.includes(name))) ways.add(rewrite ?? match.path, { at, from, to })
  }
  return (path) => {
    const [first, ...others] = ways.find(path)
    if (first === undefined) return null
    const { from, to } = others.reduce((one, other) => (other.at < one.at ? other : one), first)
    const params = from.match(path)
    return params === null ? null : to.fill(params)
  }
}

/**
 * Maps the locations in an upstream's answers to public ones: its paths back through the rewrites, listed origins as
 * they are, everything else to nothing. Another host than ours would name the inside, or redirect openly.
 * @param origins of the upstream's targets
 * @param prefix of the scope that the routes are declared in
 */
export function compileLocations(
  origins: readonly string[],
  { redirectOrigins }: GatewayRoute,
  wayBack: WayBack,
  prefix: string,
): LocationMap {
  const inside = new Set(origins)
  const allowed = new Set(redirectOrigins)
  return (location, target) => {
    const base = `${origins[0]}${target}`
    if (!URL.canParse(location, base)) return null
    const url = new URL(location, base)
    if (!inside.has(url.origin)) return allowed.has(url.origin) ? url.href : null
    const path = wayBack(url.pathname)
    return path === null ? null : prefix + path + url.search + url.hash
  }
}
