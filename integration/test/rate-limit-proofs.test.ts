import { hasRedis } from '@portcullis/testing/redis'
import { it } from 'vitest'
import { prove } from '../proofs/rate-limit-exact.ts'
import { hold } from './hold.ts'

it.runIf(hasRedis)(
  'processes that ask at once over one Redis are given exactly the limit together',
  async () => {
    hold(await prove('small'))
  },
  120_000,
)
