import { type IssuerOptions, postgresStore } from '@portcullis/issuer'
import { databaseOf } from '@portcullis/sql'
import type { FastifyInstance } from 'fastify'
import type pg from 'pg'
import { accessTokens, scopes } from '../tokens.ts'
import { sessionLifetime } from './refresh-cookie.ts'
import { isActive } from './users.ts'

/** What tokens are issued and revoked with. */
export interface IssuingParts {
  /** For sessions and keys. */
  readonly pool: pg.Pool
  /** Encrypts the private keys in the database. */
  readonly issuerSecret: string
  /** Has the gateway refuse access tokens of sessions that end. */
  readonly revoke: NonNullable<IssuerOptions['revoke']>
}

/** How this service issues access tokens, and keeps sessions and passwords. */
export function issuing({ pool, issuerSecret, revoke }: IssuingParts, app: FastifyInstance): IssuerOptions {
  return {
    issuer: accessTokens.issuer,
    audience: accessTokens.audience,
    clientId: 'portcullis-app',
    accessTokenLifetime: accessTokens.lifetime,
    refreshToken: { absolute: sessionLifetime },
    maxSessions: 20,
    keys: { algorithm: accessTokens.algorithm },
    // Public keys: whoever reaches the private address may read them, and the gateway has no token yet when it does.
    // Their form is RFC 7517's.
    jwks: { security: { auth: false, validation: { empty: ['query'], requireResponse: false } } },
    password: { words: ['portcullis'] },
    store: postgresStore(pool),
    secret: issuerSecret,
    // Asked at every refresh: a user who is gone, or locked, has no session any more.
    account: async (subject) => ((await isActive(databaseOf(app), Number(subject))) ? { scopes } : null),
    revoke,
  }
}
