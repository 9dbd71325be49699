import { claimPath } from './claims.ts'
import type { IssuerOptions, JwtOptions } from './options.ts'
import { type IssuerRules, typeName } from './token.ts'
import { type Algorithm, familyOf, readKey, type VerificationKey } from './verification-key.ts'

/** Where the keys of an issuer are. */
export type KeyPlace =
  | { readonly kind: 'given'; readonly key: VerificationKey }
  | { readonly kind: 'jwks'; readonly url: string }
  | { readonly kind: 'told'; readonly tell: () => string }
  | { readonly kind: 'discovery' }

/** One issuer, as options amount to it. */
export interface TrustedIssuer {
  readonly rules: IssuerRules
  readonly algorithms: readonly Algorithm[]
  readonly place: KeyPlace
  /** PEM. */
  readonly ca: string | undefined
}

/** An issuer with what stands beside the list filled in, and where it stands in the options. */
export interface WrittenIssuer {
  /** JSON Pointer. */
  readonly at: string
  readonly options: Readonly<IssuerOptions>
}

/** What is taken from beside the list of issuers. Issuers and their keys are never shared. */
const SHARED = [
  'audience',
  'algorithms',
  'tokenType',
  'audienceClaim',
  'subjectClaim',
  'scopesClaim',
  'rolesClaim',
  'claims',
  'ca',
  'dangerouslyAllowHttp',
] as const satisfies (keyof IssuerOptions)[]

/** The issuers of `jwt`, each complete. */
export function writtenIssuers(jwt: Readonly<JwtOptions>): readonly WrittenIssuer[] {
  if (jwt.issuers === undefined) return [{ at: '/jwt', options: jwt }]
  const shared = Object.fromEntries(SHARED.filter((name) => jwt[name] !== undefined).map((name) => [name, jwt[name]]))
  return jwt.issuers.map((options, index) => ({ at: `/jwt/issuers/${index}`, options: { ...shared, ...options } }))
}

/** OpenID Connect Core §2: what every provider signs with unless it says otherwise. */
export const REMOTE_ALGORITHMS: readonly Algorithm[] = ['RS256']

/** The issuers that checked options amount to. */
export function trustedIssuers(jwt: Readonly<JwtOptions>): readonly TrustedIssuer[] {
  return writtenIssuers(jwt).map(({ options }) => {
    const {
      issuer = '',
      audience = '',
      audienceClaim = 'aud',
      subjectClaim = 'sub',
      tokenType = 'at+jwt',
      claims = {},
    } = options
    const { algorithms = REMOTE_ALGORITHMS, scopesClaim, rolesClaim, ca } = options
    const place = placeOf(options)
    const bytesOf = (algorithm: Algorithm): number => {
      if (place.kind === 'given') return place.key.kind === 'secret' ? 32 : place.key.signatureBytes
      return familyOf(algorithm) === 'RSA' ? 0 : 64
    }
    const rules: IssuerRules = {
      issuer,
      audience,
      audienceClaim,
      subjectClaim,
      scopesClaim: claimPath(scopesClaim),
      rolesClaim: claimPath(rolesClaim),
      claims: Object.entries(claims),
      type: tokenType === 'absent' ? null : typeName(tokenType),
      signatureBytes: new Map(algorithms.map((algorithm) => [algorithm, bytesOf(algorithm)])),
    }
    return { rules, algorithms, place, ca }
  })
}

function placeOf({ key, jwks }: Readonly<IssuerOptions>): KeyPlace {
  if (typeof jwks === 'function') return { kind: 'told', tell: jwks }
  if (jwks !== undefined) return { kind: 'jwks', url: jwks }
  if (key === undefined) return { kind: 'discovery' }
  const read = readKey(key)
  if (read.kind !== 'secret' && read.kind !== 'public') throw new TypeError('unreachable: check() refuses such keys')
  return { kind: 'given', key: read }
}
