import type { HTTPMethods, RouteSecurity } from 'fastify'
import type { Patience } from './bodies.ts'
import { readKey, type TokenTerms } from './internal-token.ts'
import type { GatewayOptions, GatewayRoute, ServiceOptions } from './options.ts'
import { compileTemplate, type PathTemplate } from './path.ts'
import { compileForwarded } from './request-fields.ts'
import type { LocationMap } from './response-fields.ts'
import type { ServiceTerms } from './service.ts'

/** One public route, ready to forward. */
export interface RoutePolicy {
  readonly methods: readonly HTTPMethods[]
  readonly path: string
  readonly service: string
  /** The service's path. */
  readonly target: PathTemplate
  /** Whether the path has parameters a client fills in. */
  readonly open: boolean
  readonly cookies: ReadonlySet<string> | null
  readonly bodyLimit: number
  /** Milliseconds until the answer's fields; null: the service's. */
  readonly headersTimeout: number | null
  readonly publicLocation: LocationMap
  readonly security: RouteSecurity | undefined
}

/** The options, decided. */
export interface GatewayPolicy {
  readonly services: readonly (ServiceTerms & { readonly audience: string })[]
  readonly routes: readonly RoutePolicy[]
  readonly forwarded: ReadonlySet<string>
  readonly token: TokenTerms
  readonly patience: Patience
}

/**
 * Decides validated options.
 * @param prefix the prefix of the scope the routes are declared in.
 */
export function compilePolicy(options: Readonly<GatewayOptions>, prefix: string): GatewayPolicy {
  const services = Object.entries(options.services).map(([name, service]) => compileService(name, service, options))
  const { internalToken } = options
  const algorithm = internalToken.algorithm ?? 'ES256'
  const key = readKey(internalToken.key, algorithm)
  if (typeof key === 'string') throw new TypeError(`internalToken.key ${key}`)
  const { grace, bytesPerSecond } = options.slowReaders as Required<NonNullable<GatewayOptions['slowReaders']>>
  return {
    services,
    routes: options.routes.map((route) => compileRoute(route, options, prefix, services)),
    forwarded: compileForwarded(options.forwardFields ?? []),
    token: {
      issuer: internalToken.issuer,
      key,
      keyId: internalToken.keyId,
      algorithm,
      lifetime: internalToken.lifetime as number,
      anonymousSubject: internalToken.anonymousSubject,
      claims: internalToken.claims ?? [],
    },
    patience: { grace: grace * 1000, bytesPerSecond },
  }
}

function compileService(
  name: string,
  service: ServiceOptions,
  options: Readonly<GatewayOptions>,
): GatewayPolicy['services'][number] {
  const origin = new URL(service.origin)
  const { connect, headers, body } = service.timeouts as Required<NonNullable<ServiceOptions['timeouts']>>
  const address = Object.entries(options.resolve ?? {}).find(([host]) => host.toLowerCase() === origin.hostname)
  return {
    name,
    origin,
    ca: service.ca,
    audience: service.audience ?? name,
    timeouts: { connect: connect * 1000, headers: headers * 1000, body: body * 1000 },
    concurrency: service.concurrency as number,
    address: address?.[1] ?? null,
  }
}

function compileRoute(
  route: GatewayRoute,
  options: Readonly<GatewayOptions>,
  prefix: string,
  services: readonly ServiceTerms[],
): RoutePolicy {
  const { origin } = services.find((service) => service.name === route.service) as ServiceTerms
  return {
    methods: route.methods.includes('GET') ? [...route.methods, 'HEAD'] : route.methods,
    path: route.path,
    service: route.service,
    target: compileTemplate(route.rewrite ?? route.path),
    open: compileTemplate(route.path).params.length > 0,
    cookies:
      route.forwardCookies === undefined || route.forwardCookies.length === 0 ? null : new Set(route.forwardCookies),
    bodyLimit: route.bodyLimit ?? (options.bodyLimit as number),
    headersTimeout: route.timeout === undefined ? null : route.timeout * 1000,
    publicLocation: compileLocations(origin, route, options, prefix),
    security: route.security,
  }
}

/**
 * Maps the locations in a service's answers to public ones: paths of the service back through the rewrites, listed
 * origins as they are, everything else to nothing. Another host than ours would name the inside, or redirect openly.
 */
function compileLocations(
  origin: URL,
  { service, redirectOrigins }: GatewayRoute,
  { routes }: Readonly<GatewayOptions>,
  prefix: string,
): LocationMap {
  const allowed = new Set(redirectOrigins)
  const ways = routes
    .filter((route) => route.service === service)
    .map((route) => ({ from: compileTemplate(route.rewrite ?? route.path), to: compileTemplate(route.path) }))
    // A rewrite that lost a parameter leads nowhere when read backwards.
    .filter(({ from, to }) => to.params.every((name) => from.params.includes(name)))
  return (location, target) => {
    const base = origin.origin + target
    if (!URL.canParse(location, base)) return null
    const url = new URL(location, base)
    if (url.origin !== origin.origin) return allowed.has(url.origin) ? url.href : null
    for (const { from, to } of ways) {
      const params = from.match(url.pathname)
      if (params !== null) return prefix + to.fillEncoded(params) + url.search + url.hash
    }
    return null
  }
}
