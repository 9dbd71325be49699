import { expect, it } from 'vitest'
import { hasMemcached } from '@portcullis/test-servers/memcached'
import { hasRedis } from '@portcullis/test-servers/redis'
import { prove as exact } from '../proofs/rate-limit-exact.ts'
import { prove as outages } from '../proofs/rate-limit-outages.ts'
import { prove as cluster } from '../proofs/redis-cluster.ts'

it.runIf(hasRedis)(
  'processes that ask at once over one Redis are given exactly the limit together',
  async () => {
    for (const { name, figure, bound, ok } of await exact('small')) expect(ok, `${name} ${figure} ${bound}`).toBe(true)
  },
  120_000,
)

it.runIf(hasRedis && hasMemcached)(
  'a store that fails under load delays nobody, counts nothing late, and is shared again when it is back',
  async () => {
    for (const { name, figure, bound, ok } of await outages('small'))
      expect(ok, `${name} ${figure} ${bound}`).toBe(true)
  },
  120_000,
)

it.runIf(hasRedis)(
  'a cluster of three masters admits exactly the limit while one hands over',
  async () => {
    for (const { name, figure, bound, ok } of await cluster('small'))
      expect(ok, `${name} ${figure} ${bound}`).toBe(true)
  },
  180_000,
)
