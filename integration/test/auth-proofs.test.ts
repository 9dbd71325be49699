import { hasRedis } from '@portcullis/testing/redis'
import { it } from 'vitest'
import { prove as hostileTokens } from '../proofs/hostile-tokens.ts'
import { prove as revocation } from '../proofs/revocation.ts'
import { given as hasVectors, prove as wycheproof } from '../proofs/wycheproof.ts'
import { hold } from './hold.ts'

it('no hostile token is accepted, answered 5xx or left without a challenge, and no good one refused', async () => {
  hold(await hostileTokens())
}, 120_000)

it.runIf(hasRedis)(
  'what is revoked in one process is refused in another, and stays so',
  async () => {
    hold(await revocation('small'))
  },
  120_000,
)

// Public vectors that are not part of this project: WYCHEPROOF names the folder. Without it there is nothing to judge.
it.each(hasVectors ? ['WYCHEPROOF'] : [])(
  'the JOSE vectors in the folder of %s are judged as they say',
  async () => {
    hold(await wycheproof())
  },
  120_000,
)
