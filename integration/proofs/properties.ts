import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from '../proof.ts'

const root = join(import.meta.dirname, '../..')
const SEEDS = 20

/** The tests that hold for whatever fast-check makes up, over seeds that nobody has chosen. */
export function prove(): Figure[] {
  const files = globSync('{packages/*,apps/*,integration}/test/**/*.test.ts', { cwd: root })
    .filter(
      (file) => !file.includes('node_modules') && readFileSync(join(root, file), 'utf8').includes("from 'fast-check'"),
    )
    .toSorted()
  const seeds = Array.from({ length: SEEDS }, () => randomInt(1, 2 ** 31 - 1))
  const failed = seeds.filter((seed) => {
    const { status, stdout } = spawnSync(
      process.execPath,
      ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.workspace.ts', '--reporter=dot', ...files],
      { cwd: root, encoding: 'utf8', env: { ...process.env, PROPERTY_SEED: String(seed) } },
    )
    if (status !== 0) console.log(stdout)
    return status !== 0
  })
  return [
    {
      name: `properties: of ${SEEDS} seeds over ${files.length} files, those that failed`,
      figure: failed.join(', ') || '0',
      bound: '0',
      ok: failed.length === 0 && files.length > 0,
    },
  ]
}
