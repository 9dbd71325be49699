import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Figure, Size } from '../proof.ts'

interface Row {
  readonly subject: string
  readonly ofBare: number
  readonly shareOfAdded: number
}

/** What four concerns cost beside the official four, measured by `bench/run.ts` in processes of their own. */
export async function prove(size: Size): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-proof-'))
  const json = join(folder, 'bench.json')
  const [rounds, seconds] = size === 'full' ? ['9', '3'] : ['1', '1']
  try {
    const bench = join(import.meta.dirname, '../../bench/run.ts')
    const run = spawnSync(process.execPath, [bench, '--rounds', rounds, '--seconds', seconds, '--json', json], {
      encoding: 'utf8',
    })
    if (run.status !== 0) throw new Error(run.stderr)
    const { rows } = JSON.parse(readFileSync(json, 'utf8')) as { rows: readonly Row[] }
    return rows
      .filter(({ subject }) => subject.startsWith('ours'))
      .flatMap(({ subject, ofBare, shareOfAdded }) => [
        {
          name: `${subject}: share of the CPU that the official four add`,
          figure: shareOfAdded.toFixed(2),
          bound: '<= 0.30',
          ok: shareOfAdded <= 0.3,
        },
        {
          name: `${subject}: bare Fastify's CPU over ours`,
          figure: ofBare.toFixed(2),
          bound: '>= 0.65',
          ok: ofBare >= 0.65,
        },
      ])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
