import type { HTTPMethods, RouteSecurity } from 'fastify'
import type { Patience } from './bodies.ts'
import { thumbprint } from './internal-keys.ts'
import { readKey, type TokenTerms } from './internal-token.ts'
import { compileLocations, compileWayBack, type WayBack } from './locations.ts'
import type { GatewayOptions, GatewayRoute, UpstreamOptions, WebSocketOptions } from './options.ts'
import { compileForwarded } from './request-fields.ts'
import { compileRewrite, type Rewrite } from './rewrite.ts'
import type { LocationMap } from './response-fields.ts'
import { type RouteSchemas, schemaCompiler } from './schemas/route-schemas.ts'
import type { TimeLimits } from './silence.ts'
import { compileTwins, hostPattern, type Twins } from './twins.ts'
import type { HealthTerms } from './upstreams/health.ts'
import { compileNetworks, type MayReach } from './upstreams/networks.ts'
import type { TargetTerms } from './upstreams/target.ts'
import type { UpstreamTerms } from './upstreams/upstream.ts'
import type { WebSocketPolicy } from './web-sockets/open.ts'

/** One public route, ready to forward. */
export interface RoutePolicy {
  readonly methods: readonly HTTPMethods[]
  readonly path: string
  /** Of the Host field, with any port; null: any. */
  readonly host: RegExp | null
  readonly upstream: string
  /** Public paths to the upstream's. */
  readonly rewrite: Rewrite
  readonly cookies: ReadonlySet<string> | null
  readonly bodyLimit: number
  /** Null: none. */
  readonly responseLimit: number | null
  readonly limits: TimeLimits
  /** undici's own time-outs, in milliseconds; 0: none. When one of HTTP/2 is over, it asks whether the connection lives. */
  readonly streamTimeouts: { readonly headers: number; readonly body: number }
  /** Milliseconds until its last byte; null: the upstream's. */
  readonly totalTimeout: number | null
  /** Milliseconds until a WebSocket is open. */
  readonly openingTimeout: number
  readonly webSocket: WebSocketPolicy | null
  readonly publicLocation: LocationMap
  readonly security: RouteSecurity | undefined
  /** By method. */
  readonly schemas: ReadonlyMap<string, RouteSchemas>
}

/** One upstream, ready to be opened. */
export interface UpstreamPolicy extends UpstreamTerms {
  readonly audience: string
  readonly forwardAuthorization: boolean
  readonly health: HealthTerms | null
}

/** The options, decided. */
export interface GatewayPolicy {
  readonly upstreams: readonly UpstreamPolicy[]
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
  const mayReach = compileNetworks(options.privateNetworks ?? [])
  const upstreams = Object.entries(options.upstreams).map(([name, one]) =>
    compileUpstream(name, one, options, mayReach),
  )
  const { internalToken } = options
  const algorithm = internalToken.algorithm ?? 'ES256'
  const key = readKey(internalToken.key, algorithm)
  if (typeof key === 'string') throw new TypeError(`internalToken.key ${key}`)
  const { grace, bytesPerSecond } = options.slowReaders as Required<NonNullable<GatewayOptions['slowReaders']>>
  const byUpstream = Map.groupBy(options.routes, ({ upstream }) => upstream)
  const ofAll: OfAllRoutes = {
    prefix,
    upstreams: new Map(upstreams.map((one) => [one.name, one])),
    schemasOf: schemaCompiler(options),
    twinsOf: compileTwins(options.routes, methodsOf),
    waysBack: new Map([...byUpstream].map(([name, routes]) => [name, compileWayBack(routes)])),
  }
  return {
    upstreams,
    routes: options.routes.map((route, index) => compileRoute(route, index, options, ofAll)),
    forwarded: compileForwarded(options.forwardFields ?? []),
    token: {
      issuer: internalToken.issuer,
      key,
      keyId: internalToken.keyId ?? thumbprint(internalToken.key),
      algorithm,
      lifetime: internalToken.lifetime as number,
      anonymousSubject: internalToken.anonymousSubject,
      claims: internalToken.claims ?? [],
    },
    patience: { grace: grace * 1000, bytesPerSecond },
  }
}

/** What the schema gives defaults to is there. */
type Whole<T> = { readonly [K in keyof T]-?: NonNullable<T[K]> }

const milliseconds = (seconds: number | undefined): number | null => (seconds === undefined ? null : seconds * 1000)

function compileUpstream(
  name: string,
  options: UpstreamOptions,
  gateway: Readonly<GatewayOptions>,
  mayReach: MayReach,
): UpstreamPolicy {
  const timeouts = options.timeouts as Whole<UpstreamOptions>['timeouts']
  const { window, openFor, ...circuit } = options.circuit as Whole<Whole<UpstreamOptions>['circuit']>
  const health = options.health as Whole<Whole<UpstreamOptions>['health']> | undefined
  return {
    name,
    targets: targetsOf(name, options).map((target): TargetTerms => {
      const socketPath = target.startsWith('unix:') ? target.slice('unix:'.length) : null
      const origin = new URL(socketPath === null ? target : `http://${name}`)
      return {
        name: target,
        way: {
          origin,
          socketPath,
          address: addressOf(origin.hostname, gateway),
          ca: options.ca,
          client: options.clientCertificate,
          http2: options.http2 === true,
          connectTimeout: (timeouts.connect as number) * 1000,
          mayReach,
        },
        timeouts: {
          headers: (timeouts.headers as number) * 1000,
          body: (timeouts.body as number) * 1000,
        },
        circuit: { ...circuit, window: window * 1000, openFor: openFor * 1000 },
      }
    }),
    balance: options.balance as Whole<UpstreamOptions>['balance'],
    concurrency: options.concurrency as number,
    retries: options.retries as { attempts: number; budget: number },
    totalTimeout: milliseconds(timeouts.total),
    audience: options.audience ?? name,
    forwardAuthorization: options.forwardAuthorization === true,
    health:
      health === undefined ? null : { ...health, interval: health.interval * 1000, timeout: health.timeout * 1000 },
  }
}

/** The targets of an upstream: those of its options, or the host that it is named after. */
export function targetsOf(name: string, { targets }: Readonly<UpstreamOptions>): readonly string[] {
  return targets ?? [`https://${name}`]
}

function addressOf(hostname: string, { resolve }: Readonly<GatewayOptions>): string | null {
  return Object.entries(resolve ?? {}).find(([host]) => host.toLowerCase() === hostname)?.[1] ?? null
}

/** The methods that a route matches, without the HEAD that comes with GET. */
export function methodsOf({ match: { method } }: GatewayRoute): readonly HTTPMethods[] {
  return Array.isArray(method) ? method : [method ?? 'GET']
}

/** What is known of all routes before each is compiled. */
interface OfAllRoutes {
  readonly prefix: string
  readonly upstreams: ReadonlyMap<string, UpstreamPolicy>
  readonly schemasOf: ReturnType<typeof schemaCompiler>
  readonly twinsOf: (route: GatewayRoute) => Twins
  readonly waysBack: ReadonlyMap<string, WayBack>
}

function compileRoute(
  route: GatewayRoute,
  index: number,
  options: Readonly<GatewayOptions>,
  { prefix, upstreams, schemasOf, twinsOf, waysBack }: OfAllRoutes,
): RoutePolicy {
  const { targets } = upstreams.get(route.upstream) as UpstreamPolicy
  const { timeouts, way } = targets[0] as TargetTerms
  const { path, host } = route.match
  const own = milliseconds(route.timeouts?.headers)
  const ofAll = options.upstreams[route.upstream]?.timeouts?.headersMs
  const limits: TimeLimits = {
    headers: own ?? timeouts.headers,
    deadline: route.timeouts?.headersMs ?? (own === null ? ofAll : undefined) ?? null,
    body: milliseconds(route.timeouts?.body) ?? timeouts.body,
  }
  const methods = methodsOf(route)
  const schemas = new Map(methods.map((one) => [one as string, schemasOf(route, index, one)]))
  const get = schemas.get('GET')
  if (get !== undefined) schemas.set('HEAD', get)
  return {
    methods: get === undefined ? methods : [...methods, 'HEAD'],
    path,
    host: host === undefined ? null : hostPattern(host),
    upstream: route.upstream,
    rewrite: compileRewrite(route, twinsOf(route), prefix),
    cookies:
      route.forwardCookies === undefined || route.forwardCookies.length === 0 ? null : new Set(route.forwardCookies),
    bodyLimit: route.bodyLimit ?? (options.bodyLimit as number),
    responseLimit: route.responseLimit ?? options.responseLimit ?? null,
    limits,
    streamTimeouts: way.http2 ? limits : { headers: 0, body: 0 },
    totalTimeout: milliseconds(route.timeouts?.total),
    openingTimeout: limits.deadline ?? limits.headers,
    webSocket: route.webSocket === undefined ? null : compileWebSocket(route.webSocket),
    publicLocation: compileLocations(
      targets.map(({ way }) => way.origin.origin),
      route,
      waysBack.get(route.upstream) as WayBack,
      prefix,
    ),
    security: route.policy,
    schemas,
  }
}

function compileWebSocket(options: WebSocketOptions): WebSocketPolicy {
  const { origins, idle, ...counts } = options as Whole<WebSocketOptions>
  return { ...counts, idle: idle * 1000, origins: new Set(origins) }
}
