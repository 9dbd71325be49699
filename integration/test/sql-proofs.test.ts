import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { prove as fuzz } from '../proofs/sql-fuzz.ts'
import { prove as sqlmap } from '../proofs/sqlmap.ts'

it('values of every kind in every place of a statement bring no word of the database into an answer, and no 500', async () => {
  const figures = await fuzz('small')
  expect(figures).toHaveLength(3)
  for (const { name, figure, bound, ok } of figures) expect(ok, `${name} ${figure} ${bound}`).toBe(true)
}, 120_000)

const missing = spawnSync('sqlmap', ['--version']).error !== undefined && process.env['CI'] === undefined
if (missing) process.stdout.write('skipped: sqlmap is not installed\n')

it.skipIf(missing)(
  'sqlmap finds an injection in a concatenated query, and none in ours',
  async () => {
    const figures = await sqlmap('small')
    expect(figures).toHaveLength(2)
    for (const { name, figure, bound, ok } of figures) expect(ok, `${name} ${figure} ${bound}`).toBe(true)
  },
  180_000,
)
