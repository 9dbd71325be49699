import { lookup as lookUp, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction, type Socket } from 'node:net'
import { buildConnector, errors } from 'undici'
import type { MayReach } from './networks.ts'

/** How a target is reached. */
export interface Way {
  /** Scheme, host and port. Its certificate is for that host. */
  readonly origin: URL
  /** A socket of this machine instead of an address. */
  readonly socketPath: string | null
  /** Where the host really is: `127.0.0.1`, `127.0.0.1:7001`, `[::1]:7001`; null: ask DNS. */
  readonly address: string | null
  /** The authorities, PEM, that may have issued its certificate; absent: those Node trusts. */
  readonly ca: string | Buffer | undefined
  /** Our own certificate and its key, PEM. */
  readonly client: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined
  readonly http2: boolean
  /** Milliseconds until the connection is up, TLS included. */
  readonly connectTimeout: number
  /** Which addresses DNS may name. */
  readonly mayReach: MayReach
}

/** `127.0.0.1:7001`, `[::1]:7001`, either without a port. */
export function splitAddress(text: string): { address: string; port: string | null } {
  const found = /^(?:\[(?<six>[^\]]*)\]|(?<four>[^:]*))(?::(?<port>\d+))?$/.exec(text)?.groups
  return { address: found?.six ?? found?.four ?? '', port: found?.port ?? null }
}

/** Why a name was not connected to: what DNS says is not listed as ours, and not public either. */
class UnlistedAddress extends Error {
  readonly code = 'PRIVATE_ADDRESS_UNLISTED'
}

/** Asks the system's resolver, for each connection anew, and hears no address that may not be reached. */
function guardedLookup(mayReach: MayReach): LookupFunction {
  return (hostname, options, done) => {
    lookUp(hostname, { ...options, all: true }, (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => {
      if (error !== null) return done(error, [])
      const reachable = found.filter(({ address }) => mayReach(address))
      const [first] = reachable
      if (first === undefined) return done(new UnlistedAddress('a private address that is not listed'), [])
      if (options.all === true) done(null, reachable)
      else done(null, first.address, first.family)
    })
  }
}

/** Connects to a target, and to nothing else. */
export function connectorTo(way: Way): buildConnector.connector {
  const { origin, address, socketPath, ca, client, http2, connectTimeout, mayReach } = way
  const connect = buildConnector({
    // Written out, because NODE_TLS_REJECT_UNAUTHORIZED=0 only changes the default.
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    // undici's own would hold a connection that failed until its clock ticks.
    timeout: 0,
    allowH2: http2,
    preferH2: http2,
    ...(socketPath === null ? {} : { socketPath }),
    ...(ca === undefined ? {} : { ca }),
    ...client,
    ...(address === null && isIP(origin.hostname) === 0 ? { lookup: guardedLookup(mayReach) } : {}),
  } as buildConnector.BuildOptions)
  const inTime: buildConnector.connector = (target, done) => {
    // undici's types do not say that it returns the socket.
    const socket = connect(target, (...result) => {
      clearTimeout(timer)
      done(...result)
    }) as unknown as Socket
    const late = (): void =>
      void socket.destroy(new errors.ConnectTimeoutError(`no connection in ${connectTimeout} ms`))
    const timer = setTimeout(late, connectTimeout)
    // The socket is not returned: undici would make a function of it that V8 keeps (decision 0020).
  }
  if (address === null) return inTime
  const { address: hostname, port } = splitAddress(address)
  return (target, done) =>
    inTime({ ...target, hostname, port: port ?? target.port, servername: target.servername ?? origin.hostname }, done)
}
