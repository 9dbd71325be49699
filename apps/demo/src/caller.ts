import type { FastifyRequest, RouteSecurity } from 'fastify'
import type { AuthRoute } from '@portcullis/auth'
import type { Scope } from './tokens.ts'

/** The user behind a request, as the gateway's token names him. */
export function callerOf(request: FastifyRequest): number {
  return Number(request.security.identity?.subject)
}

/**
 * The policy of a private service's route for signed-in users: the gateway's token must carry the user's scope.
 * The gateway asks the same question of the access token; a service does not rely on that.
 */
export function forUsers(scope: Scope, more: Omit<AuthRoute, 'scopes'> = {}): { readonly security: RouteSecurity } {
  return { security: { auth: { scopes: [scope], ...more } } }
}

/** The session that the caller's access token belongs to; empty for an API key, which has none. */
export function sessionOf(request: FastifyRequest): string {
  const sid = request.security.identity?.claims['sid']
  return typeof sid === 'string' ? sid : ''
}
