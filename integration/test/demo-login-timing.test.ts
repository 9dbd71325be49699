import { expect, it } from 'vitest'
import { prove } from '../proofs/demo-login-timing.ts'

it('the demo answers a wrong password and an unknown name alike', async () => {
  const figures = await prove('small')
  expect(figures).toHaveLength(2)
  for (const { name, figure, bound, ok } of figures) expect(ok, `${name} ${figure} ${bound}`).toBe(true)
}, 120_000)
