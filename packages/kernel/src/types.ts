import 'fastify'

declare module 'fastify' {
  /** Who is calling, as the auth room established it: the only thing other rooms know of authentication. */
  interface SecurityIdentity {
    /** Stable name of the caller within its issuer (a JWT's `sub`, an API key's owner, a Basic user name). */
    readonly subject: string
    /** The scheme that admitted the caller: `jwt`, `api-key`, `basic`, … */
    readonly scheme: string
    /** Granted scopes. */
    readonly scopes: readonly string[]
    /** What the caller is, where the credential says so: `support`, `admin`. */
    readonly roles?: readonly string[]
    /** Seconds since the epoch at which the caller last proved who it is (`auth_time`), where that is known. */
    readonly authenticatedAt?: number
    /** Identifier of the credential itself (API key id, JWT `jti`), never the credential; null if it has none. */
    readonly credentialId: string | null
    /** Verified claims or attributes, frozen. */
    readonly claims: Readonly<Record<string, unknown>>
  }

  /** What the rooms know about one request. Rooms add their nouns by augmenting this interface. */
  interface RequestSecurity {
    /** Null until (and unless) the auth room has admitted the caller. */
    identity: SecurityIdentity | null
  }

  /** Route policies by concern (camelCase of the room's name); rooms add theirs by augmenting this interface. */
  interface RouteSecurity {}

  interface FastifyContextConfig {
    /** Route policies by concern: partial options merged over the registration's, or `false`. */
    security?: RouteSecurity
  }

  interface FastifyRequest {
    /** What the rooms know about this request. Present once any room is registered. */
    security: RequestSecurity
  }
}
