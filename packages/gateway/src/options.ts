import type { KeyObject } from 'node:crypto'
import type { RoomOptions } from '@portcullis/kernel'
import type { RouteSecurity } from 'fastify'
import type { InternalAlgorithm } from './internal-token.ts'

/** How long a service may take, in integer seconds. */
export interface ServiceTimeouts {
  /** Until the connection is up, TLS included. Default 3. */
  connect?: number
  /** From the request's last byte to the answer's fields. Default 30. */
  headers?: number
  /** Between two pieces of the answer's body. Default 30. */
  body?: number
}

/** A private service. */
export interface ServiceOptions {
  /** Scheme, host and port, such as `https://user-service.local:7001`. The certificate must be valid for the host. */
  origin: string
  /** The authorities, PEM, that may have issued its certificate; absent: those Node trusts. */
  ca?: string | Buffer
  /** `aud` of its internal tokens. Default: the service's name here. */
  audience?: string
  timeouts?: ServiceTimeouts
  /** Requests under way to the service at the same time; more are answered 503. Default 256. */
  concurrency?: number
  /** Allows an `http:` origin: everybody between the gateway and the service reads and writes along. Default false. */
  dangerouslyPlaintext?: boolean
}

/** The signed statement of who is calling that each forwarded request carries. */
export interface InternalTokenOptions {
  /** `iss`: the gateway's name to the services. */
  issuer: string
  /** Private key, PEM (PKCS #8) or KeyObject. The services get the public one. */
  key: string | Buffer | KeyObject
  /** Default `ES256`. */
  algorithm?: InternalAlgorithm
  /** `kid`, for services that know several keys. */
  keyId?: string
  /** Integer seconds, 30 to 60. Default 60. */
  lifetime?: number
  /** `sub` of the tokens of anonymous callers (absent: they have none); no identity may bear it. */
  anonymousSubject?: string
  /** Names of the caller's verified claims to copy into the token. Default none. */
  claims?: string[]
}

/** A public route and where it leads. HEAD comes with GET. */
export interface GatewayRoute {
  methods: ('GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE')[]
  /** Literal segments, `:name` segments, `*` as the last: `/posts/:id/comments`. */
  path: string
  /** A name in `services`. */
  service: string
  /** The service's path, with parameters of `path`. Default: `path`. */
  rewrite?: string
  /** The route's policies, as `config.security` of any route. */
  security?: RouteSecurity
  /** Bytes. Default: the gateway's. */
  bodyLimit?: number
  /** Seconds until the answer's fields. Default: the service's. */
  timeout?: number
  /** Names of the cookies that travel to the service. Default none. */
  forwardCookies?: string[]
  /** Other origins that answers may redirect to. Default none. */
  redirectOrigins?: string[]
}

/** Options of `@portcullis/gateway`. */
export interface GatewayOptions extends RoomOptions {
  services: Record<string, ServiceOptions>
  routes: GatewayRoute[]
  internalToken: InternalTokenOptions
  /** Addresses of services by host name, instead of DNS: `{ 'user-service.local': '127.0.0.1' }`, or with a port. */
  resolve?: Record<string, string>
  /** Bytes of a request's body, counted while it is forwarded. Default 1 MiB. */
  bodyLimit?: number
  /** Request fields that travel beside the end-to-end ones of HTTP. Default none. */
  forwardFields?: string[]
  /**
   * How slowly a client may read an answer that the service still holds a part of: the service may wait for `grace`
   * seconds (default 30), and as long as the bytes sent so far take at `bytesPerSecond` (default 4096).
   */
  slowReaders?: { grace?: number; bytesPerSecond?: number }
  /** Allows the gateway without the auth room: every route is open to everybody. Default false. */
  dangerouslyWithoutAuth?: boolean
}
