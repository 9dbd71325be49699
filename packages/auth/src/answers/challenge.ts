import { isBearer, type Scheme } from '../identity.ts'

/** What the challenges of a route say. */
export interface ChallengeParts {
  readonly realm: string
  /** Header field of API keys. */
  readonly header: string
  /** Name of the session's cookie. */
  readonly cookie?: string | undefined
  /** URL of what this API says of itself (RFC 9728 §5.1). */
  readonly resourceMetadata?: string | undefined
}

/** Why a bearer token is refused, in the words of RFC 6750 §3.1 and RFC 9470 §3. */
export type BearerError =
  | { readonly error: 'invalid_request' | 'invalid_token'; readonly description?: string }
  | { readonly error: 'insufficient_scope'; readonly scopes: readonly string[] }
  | {
      readonly error: 'insufficient_user_authentication'
      readonly maxAge: number | undefined
      readonly acr: readonly string[] | undefined
    }

/**
 * WWW-Authenticate of one scheme (RFC 9110 §11.6.1).
 * @param problem only when a token was presented: without one the challenge names no error (RFC 6750 §3.1)
 */
export function challengeOf(scheme: Scheme, parts: ChallengeParts, problem?: BearerError): string {
  const { realm, header, cookie = '', resourceMetadata } = parts
  if (isBearer(scheme)) {
    const metadata = resourceMetadata === undefined ? '' : `, resource_metadata="${resourceMetadata}"`
    return `Bearer realm="${realm}"${problem === undefined ? '' : errorOf(problem)}${metadata}`
  }
  switch (scheme) {
    case 'basic':
      // RFC 7617 §2.1: the only value there is.
      return `Basic realm="${realm}", charset="UTF-8"`
    // No scheme is registered for the others, and a 401 needs a challenge (RFC 9110 §15.5.2).
    case 'api-key':
      return `ApiKey realm="${realm}", header="${header}"`
    case 'session':
      return `Cookie realm="${realm}", cookie-name="${cookie}"`
    default:
      return `ClientCertificate realm="${realm}"`
  }
}

function errorOf(problem: BearerError): string {
  const error = `, error="${problem.error}"`
  switch (problem.error) {
    case 'insufficient_scope':
      return `${error}, scope="${problem.scopes.join(' ')}"`
    case 'insufficient_user_authentication': {
      const { maxAge, acr } = problem
      const age = maxAge === undefined ? '' : `, max_age="${maxAge}"`
      const description = ', error_description="A more recent or stronger authentication is required"'
      return `${error}${description}${age}${acr === undefined ? '' : `, acr_values="${acr.join(' ')}"`}`
    }
    default:
      return `${error}${problem.description === undefined ? '' : `, error_description="${problem.description}"`}`
  }
}
