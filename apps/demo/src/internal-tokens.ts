import { generateKeyPairSync, randomUUID } from 'node:crypto'
import jwt from '@fastify/jwt'
import Fastify from 'fastify'
import type { Scope, findKeys } from './tokens.ts'

/** Who the gateway is to the services: the issuer of the internal tokens. */
export const gatewayIssuer = 'gateway'

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

/** Signs what the gateway asks a service for itself: no user's request is forwarded with such a token. */
export interface OwnTokens {
  issue(audience: string, scope: Scope | typeof findKeys): string
  close(): Promise<void>
}

/** On a private instance of Fastify that never listens. */
export async function createOwnTokens({ privateKey, publicKey }: KeyPair): Promise<OwnTokens> {
  const engine = Fastify()
  await engine.register(jwt, {
    secret: { private: privateKey, public: publicKey },
    sign: { algorithm: 'ES256', iss: gatewayIssuer, expiresIn: '30s', header: { alg: 'ES256', typ: 'at+jwt' } },
  })
  await engine.ready()
  return {
    issue: (aud, scope) => engine.jwt.sign({ aud, sub: gatewayIssuer, jti: randomUUID(), scope }),
    close: () => engine.close(),
  }
}
