import { createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import jwt from '@fastify/jwt'
import Fastify from 'fastify'

/** Who issues access tokens, and for whom: what the gateway requires of each. */
export const accessTokens = {
  issuer: 'https://id.portcullis.localhost',
  audience: 'https://api.portcullis.localhost',
  algorithm: 'ES256',
  /** Seconds. A logout does not recall an access token: it stays good until it expires. */
  lifetime: 600,
} as const

/** What a signed-in user may ask for; each route of the gateway requires one of them. */
export const scopes = [
  'profile:read',
  'users:read',
  'posts:read',
  'posts:write',
  'accounts:read',
  'transfers:write',
] as const

/** One of the scopes. */
export type Scope = (typeof scopes)[number]

declare module 'fastify' {
  interface SecurityScopes extends Record<Scope, true> {}
}

/** An ES256 pair in PEM. */
export interface KeyPair {
  readonly privateKey: string
  readonly publicKey: string
}

/** A fresh P-256 pair. */
export function createKeyPair(): KeyPair {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
}

/** Signs access tokens. */
export interface TokenIssuer {
  readonly publicKey: string
  issue(userId: number): string
  close(): Promise<void>
}

/** An issuer with a key of its own, on a private instance of Fastify that never listens. */
export async function createTokenIssuer(keys: KeyPair = createKeyPair()): Promise<TokenIssuer> {
  const engine = Fastify()
  await engine.register(jwt, {
    secret: { private: keys.privateKey, public: keys.publicKey },
    sign: {
      algorithm: accessTokens.algorithm,
      iss: accessTokens.issuer,
      aud: accessTokens.audience,
      expiresIn: `${accessTokens.lifetime}s`,
      // RFC 9068 §2.1: an access token says that it is one.
      header: { alg: accessTokens.algorithm, typ: 'at+jwt' },
    },
  })
  await engine.ready()
  return {
    publicKey: keys.publicKey,
    issue: (userId) =>
      engine.jwt.sign({
        sub: String(userId),
        jti: randomUUID(),
        client_id: 'portcullis-app',
        scope: scopes.join(' '),
      }),
    close: () => engine.close(),
  }
}

/** A refresh token: 256 random bits. Only its hash is stored. */
export function createRefreshToken(): { readonly token: string; readonly hash: Buffer } {
  const token = randomBytes(32).toString('base64url')
  return { token, hash: hashRefreshToken(token) }
}

/** SHA-256 is enough for a secret that nobody can guess. */
export function hashRefreshToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
