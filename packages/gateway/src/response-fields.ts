import { namedByConnection } from './request-fields.ts'

/** Where an answer's fields go: what the chain has already written there wins. */
export interface FieldSink {
  hasHeader(name: string): boolean
  getHeader(name: string): number | string | string[] | undefined
  header(name: string, value: string | string[]): unknown
}

/** Where the Location fields of an answer may point. */
export interface LocationMap {
  /** The public path for a location that a service named, or null when it must not be seen. */
  (location: string, target: string): string | null
}

const DROPPED: ReadonlySet<string> = new Set([
  // RFC 9110 §7.6.1
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // What runs behind the gateway.
  'server',
  'via',
  'x-aspnet-version',
  'x-aspnetmvc-version',
  'x-generator',
  'x-powered-by',
  'x-runtime',
  // Where else it can be reached (RFC 7838), and where a page goes by itself.
  'alt-svc',
  'refresh',
  // Orders to a proxy in front of us.
  'x-accel-buffering',
  'x-accel-charset',
  'x-accel-expires',
  'x-accel-limit-rate',
  'x-accel-redirect',
  'x-sendfile',
  // Policy of the public origin: the gateway's chain decides it, or nobody does.
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'access-control-allow-private-network',
  'access-control-expose-headers',
  'access-control-max-age',
  'public-key-pins',
  'strict-transport-security',
])

const one = (value: string | readonly string[]): string => (typeof value === 'string' ? value : (value[0] ?? ''))

/**
 * Writes a service's fields to the client: without hop-by-hop and revealing ones, and without those that the chain
 * has decided already. Cache-Control is the exception: the chain's is a default for handlers to replace.
 * @param target the path and query the service was asked for, to resolve relative locations.
 */
export function writeResponseFields(
  fields: Readonly<Record<string, string | string[] | undefined>>,
  sink: FieldSink,
  publicLocation: LocationMap,
  target: string,
): void {
  const named = namedByConnection(fields.connection)
  for (const name in fields) {
    const value = fields[name]
    if (value === undefined || DROPPED.has(name) || named?.has(name) === true) continue
    switch (name) {
      case 'set-cookie':
        sink.header(name, value)
        break
      case 'vary': {
        const ours = sink.getHeader(name)
        const theirs = String(value)
        sink.header(name, ours === undefined ? theirs : `${String(ours)}, ${theirs}`)
        break
      }
      case 'location':
      case 'content-location': {
        // Two locations are none: which one a client follows is anybody's guess.
        const location = typeof value === 'string' ? publicLocation(value, target) : null
        if (location !== null) sink.header(name, location)
        break
      }
      case 'content-type':
      case 'content-length':
        sink.header(name, one(value))
        break
      case 'cache-control':
        sink.header(name, String(value))
        break
      default:
        if (!sink.hasHeader(name)) sink.header(name, value)
    }
  }
}
