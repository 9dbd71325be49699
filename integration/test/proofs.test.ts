import { required } from '@portcullis/test-servers/installed'
import { expect, it } from 'vitest'
import { installed as authorityInstalled, prove as acme } from '../proofs/acme.ts'
import { prove as demoStart } from '../proofs/demo-start.ts'
import { prove as fourConcerns } from '../proofs/four-concerns.ts'
import { prove as memoryKeys } from '../proofs/memory-keys.ts'
import { prove as rotation } from '../proofs/rotation.ts'
import { prove as soak } from '../proofs/soak.ts'
import { prove as throttle } from '../proofs/throttle.ts'
import { prove as validation } from '../proofs/validation.ts'

it('a whole house under mixed load leaves nothing unanswered and keeps nothing', async () => {
  for (const { name, figure, bound, ok } of await soak('small')) expect(ok, `${name} ${figure} ${bound}`).toBe(true)
}, 120_000)

it('the benchmark runs, and every subject answers', async () => {
  const figures = await fourConcerns('small')
  expect(figures.length).toBeGreaterThanOrEqual(2)
  for (const { figure } of figures) expect(Number(figure)).toBeGreaterThan(0)
}, 240_000)

it('a flood of fresh names frees no blocked caller', async () => {
  for (const { name, figure, bound, ok } of await memoryKeys('small'))
    expect(ok, `${name} ${figure} ${bound}`).toBe(true)
}, 120_000)

it('who waits is paced, served fairly and gone when it leaves', async () => {
  for (const { name, figure, bound, ok } of await throttle('small')) expect(ok, `${name} ${figure} ${bound}`).toBe(true)
}, 120_000)

it('hostile bodies over sockets are refused and leave nothing behind', async () => {
  for (const { name, figure, bound, ok } of await validation('small'))
    expect(ok, `${name} ${figure} ${bound}`).toBe(true)
}, 120_000)

it('the demo starts, prints its addresses and stops', async () => {
  const [figure] = await demoStart()
  expect(Number(figure?.figure)).toBeGreaterThan(0)
}, 120_000)

it('certificates change under load, and the policy of the server does not', async () => {
  for (const { name, figure, bound, ok } of await rotation('small')) expect(ok, `${name} ${figure} ${bound}`).toBe(true)
}, 120_000)

it.runIf(required('pebble', authorityInstalled()))(
  'a real ACME authority issues, renews, disappears and comes back (needs the Debian package pebble)',
  async () => {
    for (const { name, figure, bound, ok } of await acme('small')) expect(ok, `${name} ${figure} ${bound}`).toBe(true)
  },
  180_000,
)
