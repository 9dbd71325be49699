import issuer, { type IssuerOptions, memoryStore, postgresStore, signIn } from '@portcullis/issuer'
import Fastify from 'fastify'
import { accessTokens, scopes } from '../src/tokens.ts'
import { openPool } from '../src/database/pool.ts'
import type { Demo } from '../src/start.ts'

/** What a token says, where it is not what the user service writes. */
export type Unusual = Partial<Pick<IssuerOptions, 'audience' | 'clock' | 'issuer'>>

/** A token for user 101, or somebody else. */
export interface TokenFor {
  readonly subject?: string
  readonly scopes?: readonly string[]
}

/**
 * Another process that signs with the demo's own keys, as a second user service would, and whatever a test wants in its
 * tokens; without a demo, with keys of its own.
 */
export async function issueToken(demo: Demo | null, unusual: Unusual = {}, who: TokenFor = {}): Promise<string> {
  const app = Fastify()
  const pool = demo === null ? null : openPool(demo.databaseUrls.issuer, 'test')
  await app.register(issuer, {
    issuer: accessTokens.issuer,
    audience: accessTokens.audience,
    ...(demo === null || pool === null
      ? { store: memoryStore() }
      : { store: postgresStore(pool), secret: demo.issuerSecret }),
    ...unusual,
  })
  const grant = await signIn(app, { subject: '101', scopes, ...who })
  await app.close()
  await pool?.end()
  if ('refusal' in grant) throw new Error(grant.refusal.code)
  return grant.accessToken
}

/** A clock that is an hour late: what it signs has expired. */
export const anHourAgo = (): number => Date.now() - 3_600_000
