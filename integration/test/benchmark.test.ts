import { expect, it } from 'vitest'
import { prove as fourConcerns } from '../proofs/four-concerns.ts'

it('the benchmark runs, and every subject answers', async () => {
  const figures = await fourConcerns('small')
  expect(figures.length).toBeGreaterThanOrEqual(2)
  for (const { figure } of figures) expect(Number(figure)).toBeGreaterThan(0)
}, 240_000)
