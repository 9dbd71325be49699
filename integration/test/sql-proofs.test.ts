import { expect, it } from 'vitest'
import { prove } from '../proofs/sql-fuzz.ts'

it('values of every kind in every place of a statement bring no word of the database into an answer, and no 500', async () => {
  const figures = await prove('small')
  expect(figures).toHaveLength(3)
  for (const { name, figure, bound, ok } of figures) expect(ok, `${name} ${figure} ${bound}`).toBe(true)
}, 120_000)
