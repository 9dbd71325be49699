import { expect, it } from 'vitest'
import { prove as loginTiming } from '../proofs/login-timing.ts'

it('a login does not tell by its time, or its answer, whether an account exists or is locked', async () => {
  const figures = await loginTiming('small')
  expect(figures).toHaveLength(4)
  for (const { name, figure, bound, ok } of figures) expect(ok, `${name} ${figure} ${bound}`).toBe(true)
}, 120_000)
