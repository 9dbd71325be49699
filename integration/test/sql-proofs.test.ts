import { requiredProgram } from '@portcullis/testing/installed'
import { it } from 'vitest'
import { prove as demoFuzz } from '../proofs/demo-fuzz.ts'
import { prove as fuzz } from '../proofs/sql-fuzz.ts'
import { prove as sqlmap } from '../proofs/sqlmap.ts'
import { hold } from './hold.ts'

it('values of every kind in every place of a statement bring no word of the database into an answer, and no 500', async () => {
  hold(await fuzz('small'), 3)
}, 120_000)

it('nor through the demo, to which they come over HTTPS', async () => {
  hold(await demoFuzz('small'), 3)
}, 120_000)

it.runIf(requiredProgram('sqlmap', '--version'))(
  'sqlmap finds an injection in a concatenated query, and none in ours or in the demo',
  async () => {
    hold(await sqlmap('small'), 4)
  },
  180_000,
)
