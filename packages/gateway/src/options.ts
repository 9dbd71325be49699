import type { KeyObject } from 'node:crypto'
import type { RoomOptions } from '@portcullis/kernel'
import type { RouteSecurity } from 'fastify'
import type { InternalAlgorithm } from './internal-token.ts'
import type { TargetStates } from './upstreams/target-states.ts'
import type { Balance } from './upstreams/upstream.ts'

/** How long an upstream may take, in integer seconds. */
export interface UpstreamTimeouts {
  /** Until the connection is up, TLS included. Default 3. */
  connect?: number
  /** From the request's last byte to the answer's fields. Default 30. */
  headers?: number
  /** The same in milliseconds, exactly, and connecting included. */
  headersMs?: number
  /** Between two pieces of the answer's body. Default 30. */
  body?: number
  /** From the request to the last byte of the answer. Default: as long as both sides move. */
  total?: number
}

/** When a target that fails is given up, and for how long. */
export interface CircuitOptions {
  /** Failures one after another that open it. Default 5. */
  failures?: number
  /** Share of failures, 0 to 1, that opens it, once `minimum` requests were answered. Default 0.5. */
  share?: number
  /** Requests within the window without which the share says nothing. Default 20. */
  minimum?: number
  /** Seconds over which the share is taken. Default 10. */
  window?: number
  /** Seconds until one request at a time tries again; doubled by each that fails, up to eight times. Default 10. */
  openFor?: number
}

/** How targets are asked whether they are well. */
export interface HealthOptions {
  /** Asked by GET; 2xx is well. */
  path: string
  /** Seconds between two questions. Default 5. */
  interval?: number
  /** Seconds until no answer is a bad one. Default 2. */
  timeout?: number
  /** Bad answers one after another that give a target up. Default 3. */
  unhealthyAfter?: number
  /** Good answers one after another that take it back. Default 2. */
  healthyAfter?: number
}

/** A private service. */
export interface UpstreamOptions {
  /**
   * Its processes: origins such as `https://user-service.local:7001`, whose certificates must be valid for the host, or
   * sockets of this machine such as `unix:/run/user-service.sock`. Default: `https://` and the upstream's name.
   */
  targets?: string[]
  /** How requests are spread over the targets. Default `round-robin`. */
  balance?: Balance
  /** The authorities, PEM, that may have issued its certificates; absent: those Node trusts. */
  ca?: string | Buffer
  /** The gateway's own certificate for it, PEM. */
  clientCertificate?: { cert: string | Buffer; key: string | Buffer }
  /** Speaks HTTP/2 with targets that offer it. Default false. */
  http2?: boolean
  /** `aud` of its internal tokens. Default: the upstream's name. */
  audience?: string
  /** Sends the caller's own Authorization, and the internal token as `X-Internal-Token` beside it. Default false. */
  forwardAuthorization?: boolean
  timeouts?: UpstreamTimeouts
  /** Requests under way to the upstream at the same time; more are answered 503. Default 256. */
  concurrency?: number
  circuit?: CircuitOptions
  /** Active checks. Default none. */
  health?: HealthOptions
  /** Further attempts of idempotent requests without a body that got no answer, at other targets if there are any. */
  retries?: {
    /** For one request. Default 1. */
    attempts?: number
    /** Of all requests, 0 to 1. Default 0.1. */
    budget?: number
  }
  /** Allows `http:` targets: everybody between the gateway and the service reads and writes along. Default false. */
  dangerouslyPlaintext?: boolean
}

/** A key: PEM, or a KeyObject. */
export type KeyMaterial = string | Buffer | KeyObject

/** The signed statement of who is calling that each forwarded request carries. */
export interface InternalTokenOptions {
  /** `iss`: the gateway's name to the services. */
  issuer: string
  /** Private key, PEM (PKCS #8) or KeyObject. The services get the public one. */
  key: KeyMaterial
  /** Default `ES256`. */
  algorithm?: InternalAlgorithm
  /** `kid`. Default: the key's thumbprint (RFC 7638). */
  keyId?: string
  /**
   * Keys that `internalKeySet()` publishes beside it, private or public ones: the next one, before it signs, and the one
   * that signed before. Default none.
   */
  otherKeys?: { key: KeyMaterial; keyId?: string }[]
  /** Integer seconds, 30 to 60. Default 60. */
  lifetime?: number
  /** `sub` of the tokens of anonymous callers (absent: they have none); no identity may bear it. */
  anonymousSubject?: string
  /** Names of the caller's verified claims to copy into the token. Default none. */
  claims?: string[]
}

/** A method that a route may match. */
export type RouteMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Which requests a route is for. */
export interface RouteMatch {
  /** One method or several. HEAD comes with GET. Default `GET`. */
  method?: RouteMethod | RouteMethod[]
  /** Literal segments, `:name` segments, `*` as the last: `/posts/:id/comments`. */
  path: string
  /** The name in the request's Host field, without port. Default: any. */
  host?: string
}

/** What the WebSockets of a route may do. Every caller passes the whole chain first, as for any request. */
export interface WebSocketOptions {
  /** Origins whose pages may open one, beside the gateway's own. Default none. */
  origins?: string[]
  /** Bytes of a client's message, over all its frames. Default 65,536. */
  maxMessageBytes?: number
  /** Frames a client may send within a second, on average; as many at once. Default 100. */
  framesPerSecond?: number
  /** Seconds in which one side must say something. Default 120. */
  idle?: number
  /** Open at the same time. Default 1,000. */
  connections?: number
  /** Of one caller. Default 10. */
  connectionsPerCaller?: number
}

/** What a route's messages are held to: JSON Schemas (2020-12), whose references lead into themselves. */
export interface RouteSchema {
  /** Of the body, which is then JSON, and required. */
  body?: object | boolean
  /** Of the query: its names, with values as their schemas read texts. */
  querystring?: object | boolean
  /** Of the parameters of `match.path`. */
  params?: object | boolean
  /** Of header fields, those that it names. */
  headers?: object | boolean
  /** Of answers, by status: `200`, `2xx`, `default`. For `validateResponses`. */
  response?: Record<string, object | boolean>
}

/** A public route and where it leads. */
export interface GatewayRoute {
  match: RouteMatch
  /** A name in `upstreams`. */
  upstream: string
  /** The upstream's path, with parameters of `match.path`. Default: `match.path`. */
  rewrite?: string
  /** What the other rooms ask of its requests, as `config.security` of any route. */
  policy?: RouteSecurity
  /** Bytes. Default: the gateway's. */
  bodyLimit?: number
  /** Bytes of an answer's body; longer ones are cut. Default: the gateway's. */
  responseLimit?: number
  /**
   * JSON Schemas (2020-12) that requests must match to be forwarded; `false`: none, and not the operation of `openapi`.
   * Default: that operation; without `openapi`, none.
   */
  schema?: RouteSchema | false
  /** Default: the upstream's. */
  timeouts?: Omit<UpstreamTimeouts, 'connect'>
  /** Lets clients open WebSockets; absent: none. The route matches GET. */
  webSocket?: WebSocketOptions
  /** Names of the cookies that travel to the upstream. Default none. */
  forwardCookies?: string[]
  /** Other origins that answers may redirect to. Default none. */
  redirectOrigins?: string[]
}

/** Options of `@portcullis/gateway`. */
export interface GatewayOptions extends RoomOptions {
  upstreams: Record<string, UpstreamOptions>
  routes: GatewayRoute[]
  internalToken: InternalTokenOptions
  /** Addresses of targets by host name, instead of DNS: `{ 'user-service.local': '127.0.0.1' }`, or with a port. */
  resolve?: Record<string, string>
  /** Private networks in which DNS may place a target: `['10.0.0.0/8']`. Default none. */
  privateNetworks?: string[]
  /** Bytes of a request's body, counted while it is forwarded. Default 1 MiB. */
  bodyLimit?: number
  /** Bytes of an answer's body; longer ones are cut, or answered 502 where they say so first. Default: none. */
  responseLimit?: number
  /** An OpenAPI 3.1 document of the public API, as an object: what requests of the routes must match. Default none. */
  openapi?: object
  /** Holds answers to schemas too: tells of those that do not match, or answers 502. Default: they pass unread. */
  validateResponses?: 'report' | 'refuse'
  /** Bytes of an answer that is read for `validateResponses`; what is larger does not match. Default 1 MiB. */
  validatedResponseLimit?: number
  /** Request fields that travel beside the end-to-end ones of HTTP. Default none. */
  forwardFields?: string[]
  /**
   * How slowly a client may read an answer that the service still holds a part of: the service may wait for `grace`
   * seconds (default 30), and as long as the bytes sent so far take at `bytesPerSecond` (default 4096).
   */
  slowReaders?: { grace?: number; bytesPerSecond?: number }
  /** Where it is kept how targets are, if that is to outlive the app: `openTargetStates()`. Default: a place of its own. */
  targetStates?: TargetStates
  /** Allows the gateway without the auth room: every route is open to everybody. Default false. */
  dangerouslyWithoutAuth?: boolean
}
