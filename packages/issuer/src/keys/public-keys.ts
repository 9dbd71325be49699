import { type Asker, deskOf } from '../desk.ts'

/**
 * The public keys (JWK Set, RFC 7517) as JSON text: what the JWKS route answers, the same string until they change.
 * For `jwt.jwks` of `@portcullis/auth` in the issuer's own app: `() => publicKeys(app)`.
 * @throws PTC_ISSUER_ABSENT
 */
export function publicKeys(asker: Asker): string {
  return deskOf(asker).keys.jwks
}
