import type { Scheme } from './identity.ts'

/** What the challenges of a route say. */
export interface ChallengeParts {
  readonly realm: string
  /** Header field of API keys. */
  readonly header: string
}

/** Why a bearer token is refused, in the words of RFC 6750 §3.1. */
export type BearerError =
  | { readonly error: 'invalid_request' | 'invalid_token'; readonly description?: string }
  | { readonly error: 'insufficient_scope'; readonly scopes: readonly string[] }

/**
 * WWW-Authenticate of one scheme (RFC 9110 §11.6.1).
 * @param problem only when a token was presented: without one the challenge names no error (RFC 6750 §3.1)
 */
export function challengeOf(scheme: Scheme, { realm, header }: ChallengeParts, problem?: BearerError): string {
  switch (scheme) {
    case 'jwt':
      return `Bearer realm="${realm}"${problem === undefined ? '' : errorOf(problem)}`
    case 'basic':
      // RFC 7617 §2.1: the only value there is.
      return `Basic realm="${realm}", charset="UTF-8"`
    case 'api-key':
      // No scheme is registered for keys in fields of their own, and a 401 needs a challenge (RFC 9110 §15.5.2).
      return `ApiKey realm="${realm}", header="${header}"`
  }
}

function errorOf(problem: BearerError): string {
  if (problem.error === 'insufficient_scope') return `, error="insufficient_scope", scope="${problem.scopes.join(' ')}"`
  const { error, description } = problem
  return `, error="${error}"${description === undefined ? '' : `, error_description="${description}"`}`
}
