import type { RouteFact } from '@portcullis/kernel'
import type { CorsOptions } from './options.ts'
import type { Decision } from './policy.ts'
import { holdsMethod, listMethods, UNKNOWN_URL_METHODS } from './preflight.ts'

/** What an admitted origin may ask of one URL. */
export interface Granted {
  /** True if the method may be sent. */
  readonly holds: (method: string) => boolean
  /** `Access-Control-Allow-Methods`. */
  readonly listed: string
}

/** What is granted at a URL, given the routes that exist there, to an origin that the asked route's policy admits. */
export type Grants = (routes: readonly RouteFact<CorsOptions>[], origin: string) => Granted | Promise<Granted>

/** Different sets of methods that are kept ready; an app has few. */
const KEPT = 16

function grantedOf(methods: ReadonlySet<string>): Granted {
  return { holds: (method) => holdsMethod(methods, method), listed: listMethods(methods) }
}

/**
 * Prepares what one policy grants. Where the whole URL is under this policy, the answer depends on its methods only and
 * is kept; otherwise each route's own policy is asked.
 * @param decisionOf gives the decision of another route's policy
 */
export function compileGrants(
  policy: Readonly<CorsOptions>,
  { allowsMethod }: Decision,
  decisionOf: (policy: Readonly<CorsOptions>) => Decision,
): Grants {
  // Nothing lies at an unknown URL: the page may ask, so that it can read the 404.
  const unknown = grantedOf(new Set(UNKNOWN_URL_METHODS.filter(allowsMethod)))
  const kept: { readonly methods: readonly string[]; readonly granted: Granted }[] = []

  const granted = (routes: readonly RouteFact<CorsOptions>[], admitted: readonly boolean[]): Granted => {
    const methods = routes.flatMap(({ method, policy: theirs }, index) =>
      theirs !== undefined && admitted[index] === true && decisionOf(theirs).allowsMethod(method) ? [method] : [],
    )
    return grantedOf(new Set(methods))
  }

  const everywhere = (routes: readonly RouteFact<CorsOptions>[]): Granted => {
    const found = kept.find(({ methods }) => sameMethods(methods, routes))
    if (found !== undefined) return found.granted
    const made = granted(
      routes,
      routes.map(() => true),
    )
    if (kept.length < KEPT) kept.push({ methods: routes.map(({ method }) => method), granted: made })
    return made
  }

  return (routes, origin) => {
    if (routes.length === 0) return unknown
    if (routes.every((route) => route.policy === policy)) return everywhere(routes)
    const verdicts = routes.map(({ policy: theirs }) => theirs !== undefined && decisionOf(theirs).admits(origin))
    if (verdicts.every((verdict) => typeof verdict === 'boolean')) return granted(routes, verdicts)
    return Promise.all(verdicts.map(async (verdict) => verdict)).then((settled) => granted(routes, settled))
  }
}

function sameMethods(methods: readonly string[], routes: readonly RouteFact<CorsOptions>[]): boolean {
  if (methods.length !== routes.length) return false
  for (let at = 0; at < methods.length; at++) if (methods[at] !== routes[at]?.method) return false
  return true
}
