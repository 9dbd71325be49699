import type { KeySets, Revocations } from '@portcullis/auth'
import type { TargetStates } from '@portcullis/gateway'
import type { QuotaMemory } from '@portcullis/rate-limit'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import { acmeOf } from './acme.ts'
import { type Config, roomsOf } from './config.ts'
import type { Extension } from './extension.ts'

/** What outlives every generation: opened once, given to each. */
export interface Outside {
  readonly logger: FastifyBaseLogger
  readonly redis: Redis | undefined
  /** What callers have spent, where no Redis counts. */
  readonly quotas: QuotaMemory
  /** The keys that issuers publish. */
  readonly keySets: KeySets
  /** Which tokens are refused before they expire. */
  readonly revocations: Revocations
  /** Which targets are given up. */
  readonly targetStates: TargetStates
  /** Adds what an operator wants to know of requests. */
  readonly observe: (app: FastifyInstance) => void
  /** What code adds: routes beside those of the file, a listener. */
  readonly extension: Extension
}

/** The rooms' options, with what outlives them put in. */
export function optionsOf(config: Config, { redis, quotas, keySets, revocations, targetStates }: Outside): object {
  const rooms = roomsOf(config)
  const { rateLimit, auth, gateway, https } = rooms
  const shared = redis === undefined ? {} : { redis }
  if (rateLimit !== undefined && rateLimit !== false)
    rooms.rateLimit = { ...rateLimit, store: { ...shared, ...rateLimit.store, memory: quotas } }
  if (gateway !== undefined && gateway !== false) rooms.gateway = { ...gateway, targetStates }
  if (auth !== undefined && auth !== false) {
    const { jwt, revocation } = auth
    rooms.auth = {
      ...auth,
      ...(jwt === undefined ? {} : { jwt: { ...jwt, keySets } }),
      ...(revocation === undefined ? {} : { revocation: { ...shared, ...revocation, memory: revocations } }),
    }
  }
  // It knows a certificate only from an authority that asks on a port of its own; that one never listens.
  if (https !== undefined && https !== false && acmeOf(config) !== undefined)
    rooms.https = { ...https, plaintext: { ...https.plaintext, port: 0 } }
  return rooms
}
