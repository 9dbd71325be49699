import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type pg from 'pg'
import issuer, {
  type Grant,
  type IssuerOptions,
  postgresStore,
  refresh,
  rotateKeys,
  signIn,
  signOutEverywhere,
  verifyPassword,
} from '../src/index.ts'

issuer satisfies FastifyPluginAsync<IssuerOptions>

const smallest = { issuer: 'https://id.example.com', audience: 'https://api.example.com' } satisfies IssuerOptions
void ({ ...smallest, reportOnly: true, enabled: false } satisfies IssuerOptions & {
  reportOnly: boolean
  enabled: boolean
})

// @ts-expect-error a shared secret would let every verifier issue tokens
void ({ ...smallest, keys: { algorithm: 'HS256' } } satisfies IssuerOptions)
// @ts-expect-error no composition rules
void ({ ...smallest, password: { requireDigit: true } } satisfies IssuerOptions)

export async function calls(request: FastifyRequest, pool: pg.Pool): Promise<Grant | null> {
  void ({ ...smallest, secret: 's', store: postgresStore(pool) } satisfies IssuerOptions)
  const stored = { id: 7, passwordHash: 'h', locked: false }
  const verified = await verifyPassword(request, 'p', Math.random() < 1 ? stored : null)
  if ('refusal' in verified) return null
  verified.account.id satisfies number
  const grant = await signIn(request, { subject: String(verified.account.id) })
  // @ts-expect-error it may have been refused
  void grant.accessToken
  if ('refusal' in grant) return null
  grant.accessToken satisfies string
  await signOutEverywhere(request, { subject: 'u', except: grant.sessionId })
  // @ts-expect-error whose sessions?
  await signOutEverywhere(request, { except: grant.sessionId })
  await rotateKeys(request.server, { compromised: true })
  const next = await refresh(request, grant.refreshToken)
  return 'refusal' in next ? null : next
}
