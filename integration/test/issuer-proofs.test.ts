import { hasPostgres } from '@portcullis/testing/postgres'
import { hasRedis } from '@portcullis/testing/redis'
import { it } from 'vitest'
import { prove as loginFlood } from '../proofs/login-flood.ts'
import { prove as loginTiming } from '../proofs/login-timing.ts'
import { prove as refreshRaces } from '../proofs/refresh-races.ts'
import { prove as signOutEverywhere } from '../proofs/sign-out-everywhere.ts'
import { hold } from './hold.ts'

it('a login does not tell by its time, or its answer, whether an account exists or is locked', async () => {
  hold(await loginTiming('small'), 4)
}, 120_000)

it('a flood of logins is answered, hashed or turned away, while other routes and the memory feel nothing of it', async () => {
  hold(await loginFlood('small'), 4)
}, 120_000)

it.runIf(hasPostgres)(
  'two hundred who refresh one token at once, in one process or in several, leave one lineage',
  async () => {
    hold(await refreshRaces('small'), 4)
  },
  120_000,
)

it.runIf(hasRedis)(
  'who signs out everywhere in one process is refused in another, and stays so while Redis is killed and comes back',
  async () => {
    hold(await signOutEverywhere('small'), 12)
  },
  120_000,
)
