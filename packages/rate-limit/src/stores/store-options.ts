import type { Finding, ObjectSchema } from '@portcullis/kernel'
import type { MemcachedClient } from './memcached-store.ts'
import type { QuotaMemory } from '../memory/quota-memory.ts'
import type { PolicyOptions } from '../policy-options.ts'
import { isRedisClient, type RedisClient } from './redis-client.ts'

/** What a policy does while the shared store is away: count in this process, refuse, or let pass. */
export type OnStoreError = 'local' | 'closed' | 'open'

/** Where quotas are kept. */
export interface StoreOptions {
  /** Callers remembered per policy in this process's memory. Default 100000. */
  maxKeys?: number
  /** What this process counts with, where counts are to outlive the app: `openMemory()`. Default: a memory of its own. */
  memory?: QuotaMemory
  /** A connected client of ioredis or node-redis, or a cluster of either: quotas are then shared by all who use the same server. */
  redis?: RedisClient
  /** A memjs client: fixed windows are then shared by all who use the same servers. */
  memcached?: MemcachedClient
  /** Begins every key in the shared store. Default `ptc:rl:`. */
  prefix?: string
  /** Milliseconds that a request waits for the shared store before `onStoreError` applies. Default 50. */
  timeoutMs?: number
}

/** JSON Schema of `store`. */
export const storeSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  description: 'Where quotas are kept.',
  properties: {
    maxKeys: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000_000,
      default: 100_000,
      description: 'Callers remembered per policy in this process’s memory.',
    },
    memory: {
      accepts: ['object'],
      title: 'a memory of `openMemory()`',
      description: 'What this process counts with, where counts are to outlive the app; absent: a memory of its own.',
      examples: [{}],
    },
    redis: {
      accepts: ['object'],
      title: 'a client of ioredis (`new Redis(url)`) or node-redis (`createClient({ url })`)',
      description:
        'A connected client of ioredis or node-redis, or a cluster of either: quotas are shared by all who use the same server.',
      examples: [{}],
    },
    memcached: {
      accepts: ['object'],
      title: 'a client of memjs (`Client.create(servers)`)',
      description: 'A memjs client: fixed windows are shared by all who use the same servers.',
      examples: [{}],
    },
    prefix: {
      type: 'string',
      title: 'a prefix of letters, digits, ".", "_", ":" and "-"',
      pattern: '^[A-Za-z0-9._:-]{0,64}$',
      default: 'ptc:rl:',
      description: 'Begins every key in the shared store.',
    },
    timeoutMs: {
      type: 'integer',
      minimum: 1,
      maximum: 10_000,
      default: 50,
      description: 'Milliseconds that a request waits for the shared store before `onStoreError` applies.',
    },
  },
} as const satisfies ObjectSchema

/** JSON Schema of `onStoreError`. */
export const onStoreErrorSchema = {
  type: 'string',
  enum: ['local', 'closed', 'open'],
  description: 'The shared store away: count in this process (`local`), refuse (`closed`) or let pass (`open`).',
} as const

/** Rules between the store and the policies. */
export function storeFindings(
  store: StoreOptions | undefined,
  policies: readonly PolicyOptions[],
  guarded: boolean,
): Finding[] {
  const found: Finding[] = []
  const { memory, redis, memcached } = store ?? {}
  const refuse = (name: 'memory' | 'redis' | 'memcached', rule: string, message: string): void => {
    found.push({ at: `/store/${name}`, rule, message, fix: [{ op: 'remove', path: `/store/${name}` }] })
  }
  if (memory !== undefined && typeof memory.take !== 'function') {
    refuse('memory', 'quota-memory', 'must be what `openMemory()` gives; remove it for a memory of its own')
  }
  if (redis !== undefined && !isRedisClient(redis)) {
    refuse(
      'redis',
      'redis-client',
      'must be a client of ioredis (`new Redis()`) or node-redis (`createClient()`); remove it to count in memory',
    )
  }
  if (memcached === undefined) return found
  if (redis !== undefined) {
    refuse('memcached', 'one-store', 'stands beside `redis`, and quotas live in one store; remove one of them')
    return found
  }
  if (typeof memcached.increment !== 'function' || typeof memcached.decrement !== 'function') {
    refuse(
      'memcached',
      'memcached-client',
      'must be a client with `increment` and `decrement`, such as `Client.create()` of memjs; remove it to count in memory',
    )
    return found
  }
  if (guarded) {
    found.push({
      at: '/loginGuard',
      rule: 'memcached-no-guard',
      message: 'cannot be counted in Memcached, which knows no delays; remove it, or use Redis',
      fix: [{ op: 'remove', path: '/loginGuard' }],
    })
  }
  for (const [index, { algorithm, ban }] of policies.entries()) {
    const at = `/policies/${index}`
    if (algorithm !== undefined && algorithm !== 'fixed-window') {
      found.push({
        at: `${at}/algorithm`,
        rule: 'memcached-fixed-window',
        message: "cannot be counted in Memcached; write algorithm: 'fixed-window', or use Redis",
        fix: [{ op: 'replace', path: `${at}/algorithm`, value: 'fixed-window' }],
      })
    }
    if (ban !== undefined) {
      found.push({
        at: `${at}/ban`,
        rule: 'memcached-no-ban',
        message: 'cannot be kept in Memcached; remove it, or use Redis',
        fix: [{ op: 'remove', path: `${at}/ban` }],
      })
    }
  }
  return found
}
