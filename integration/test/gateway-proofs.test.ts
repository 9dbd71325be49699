import { expect, it } from 'vitest'
import { prove as paths } from '../proofs/gateway-paths.ts'
import { hold } from './hold.ts'

it("whatever reads a path reads the one that was authorised, and never another route's", async () => {
  expect.hasAssertions()
  hold(await paths('small'), 5)
}, 120_000)
