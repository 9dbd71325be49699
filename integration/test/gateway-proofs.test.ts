import { expect, it } from 'vitest'
import { prove as faults } from '../proofs/gateway-faults.ts'
import { prove as neighbours } from '../proofs/gateway-neighbours.ts'
import { prove as paths } from '../proofs/gateway-paths.ts'
import { prove as streams } from '../proofs/gateway-streams.ts'
import { hold } from './hold.ts'

it("whatever reads a path reads the one that was authorised, and never another route's", async () => {
  expect.hasAssertions()
  hold(await paths('small'), 5)
}, 120_000)

it('services that die, freeze, reset, babble and never end are each answered for, and leave nothing', async () => {
  expect.hasAssertions()
  hold(await faults('small'), 9)
}, 120_000)

it("what others' services do fails no route", async () => {
  expect.hasAssertions()
  hold(await neighbours('small'), 1)
}, 120_000)

it('large bodies, slow clients and idle ones take no more than their own', async () => {
  expect.hasAssertions()
  hold(await streams('small'), 5)
}, 180_000)
