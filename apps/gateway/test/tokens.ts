import { generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** Whoever issues the tokens of tests. */
export const issuer = 'https://id.example.com'

/** What the file refers to. */
export const env = { PUBLIC_KEY: publicKey.export({ type: 'spki', format: 'pem' }).toString() }

/** `auth.jwt` of a file that believes that issuer, to which more may be added. */
export const jwt = `jwt: { key: '\${PUBLIC_KEY}', issuer: '${issuer}', audience: api, algorithms: [ES256] }`

/** A token for an hour. */
export function tokenOf(subject: string, jti: string): Promise<string> {
  return new SignJWT({ jti })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' })
    .setIssuer(issuer)
    .setAudience('api')
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey)
}
