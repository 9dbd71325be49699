/** What all access tokens of an issuer have in common. */
export interface AccessTerms {
  /** `iss`. */
  readonly issuer: string
  /** `aud`. */
  readonly audience: string
  /** Seconds. */
  readonly lifetime: number
}

/** What one access token says. */
export interface AccessFacts {
  readonly subject: string
  readonly sessionId: string
  readonly clientId: string
  readonly scopes: readonly string[]
  readonly claims: Readonly<Record<string, unknown>>
  readonly tokenId: string
  /** Seconds, as all times here. */
  readonly authTime: number
  readonly issuedAt: number
}

/** Claims that the issuer writes; nobody else may. Verifiers read scopes from `scp` and `scopes` too. */
export const RESERVED: ReadonlySet<string> = new Set(
  'iss aud sub exp nbf iat jti sid scope scp scopes client_id auth_time __proto__ toJSON'.split(' '),
)

/** The claims of an access token (RFC 9068 §2.2, `sid` from OpenID Connect Front-Channel Logout §3). */
export function accessClaims(facts: AccessFacts, { issuer, audience, lifetime }: AccessTerms): Record<string, unknown> {
  const iat = Math.floor(facts.issuedAt)
  return {
    ...facts.claims,
    iss: issuer,
    aud: audience,
    sub: facts.subject,
    client_id: facts.clientId,
    ...(facts.scopes.length === 0 ? {} : { scope: facts.scopes.join(' ') }),
    sid: facts.sessionId,
    jti: facts.tokenId,
    auth_time: Math.floor(facts.authTime),
    iat,
    exp: iat + lifetime,
  }
}
