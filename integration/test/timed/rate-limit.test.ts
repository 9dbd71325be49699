import { hasMemcached } from '@portcullis/testing/memcached'
import { hasRedis } from '@portcullis/testing/redis'
import { it } from 'vitest'
import { prove as outages } from '../../proofs/rate-limit-outages.ts'
import { prove as cluster } from '../../proofs/redis-cluster.ts'
import { hold } from '../hold.ts'

it.runIf(hasRedis && hasMemcached)(
  'a store that fails under load delays nobody, counts nothing late, and is shared again when it is back',
  async () => {
    hold(await outages('small'))
  },
  120_000,
)

it.runIf(hasRedis)(
  'a cluster of three masters admits exactly the limit while one hands over',
  async () => {
    hold(await cluster('small'))
  },
  180_000,
)
