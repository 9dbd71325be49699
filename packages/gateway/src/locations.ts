import type { GatewayRoute } from './options.ts'
import { compileTemplate } from './path.ts'
import type { LocationMap } from './response-fields.ts'

/**
 * Maps the locations in an upstream's answers to public ones: its paths back through the rewrites, listed origins as
 * they are, everything else to nothing. Another host than ours would name the inside, or redirect openly.
 * @param origins of the upstream's targets
 * @param prefix of the scope that the routes are declared in
 */
export function compileLocations(
  origins: readonly string[],
  { upstream, redirectOrigins }: GatewayRoute,
  routes: readonly GatewayRoute[],
  prefix: string,
): LocationMap {
  const inside = new Set(origins)
  const allowed = new Set(redirectOrigins)
  const ways = routes
    .filter((route) => route.upstream === upstream)
    .map(({ rewrite, match: { path } }) => ({ from: compileTemplate(rewrite ?? path), to: compileTemplate(path) }))
    // A rewrite that lost a parameter leads nowhere when read backwards.
    .filter(({ from, to }) => to.params.every((name) => from.params.includes(name)))
  return (location, target) => {
    const base = `${origins[0]}${target}`
    if (!URL.canParse(location, base)) return null
    const url = new URL(location, base)
    if (!inside.has(url.origin)) return allowed.has(url.origin) ? url.href : null
    for (const { from, to } of ways) {
      const params = from.match(url.pathname)
      if (params !== null) return prefix + to.fill(params) + url.search + url.hash
    }
    return null
  }
}
