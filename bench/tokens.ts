import { generateKeyPairSync, sign } from 'node:crypto'

/** Claims that all tokens share. */
export interface Issuing {
  readonly issuer: string
  readonly audience: string
}

/** Signs access tokens (RFC 9068) of as many callers with a fresh P-256 key; they hold for an hour. */
export function signTokens(count: number, { issuer, audience }: Issuing): { publicKey: string; tokens: string[] } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const now = Math.floor(Date.now() / 1000)
  const tokens = Array.from({ length: count }, (_, at) => {
    const claims = {
      iss: issuer,
      aud: audience,
      sub: `user-${at}`,
      iat: now,
      exp: now + 3600,
      jti: `token-${at}`,
      client_id: 'bench',
    }
    const signed = `${encode({ alg: 'ES256', typ: 'at+jwt' })}.${encode(claims)}`
    // RFC 7518 §3.4: the signature is R and S, not DER.
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return `${signed}.${signature.toString('base64url')}`
  })
  return { publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(), tokens }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
