import { expect, it } from 'vitest'
import { prove as demoStart } from '../proofs/demo-start.ts'
import { prove as rotation } from '../proofs/rotation.ts'
import { prove as soak } from '../proofs/soak.ts'
import { hold } from './hold.ts'

it('a whole house under mixed load leaves nothing unanswered and keeps nothing', async () => {
  hold(await soak('small'))
}, 120_000)

it('the demo starts, prints its addresses and stops', async () => {
  const [figure] = await demoStart()
  expect(Number(figure?.figure)).toBeGreaterThan(0)
}, 120_000)

it('certificates change under load, and the policy of the server does not', async () => {
  hold(await rotation('small'))
}, 120_000)
