import type { AuthRoute } from './access/route-options.ts'

declare module 'fastify' {
  /**
   * The scopes of your API, for the type checker: augment it and `scopes` of every route admits only these.
   * @example
   * declare module 'fastify' { interface SecurityScopes { 'profile:read': true } }
   */
  interface SecurityScopes {}

  interface RouteSecurity {
    /** Who may use this route; `{}` admits any identity, `false` opens it to everybody; absent: nobody. */
    auth?: AuthRoute | false
  }
}
