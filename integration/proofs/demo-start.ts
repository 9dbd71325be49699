import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnDemo } from '../demo-process.ts'
import type { Figure } from '../proof.ts'

/** How long the demo takes from its command to its addresses, with everything installed. */
export async function prove(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-proof-'))
  const started = performance.now()
  const child = spawnDemo(folder)
  try {
    let output = ''
    const ready = new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        if (output.includes('https://localhost:')) resolve()
      })
      child.on('exit', () => reject(new Error(output)))
    })
    await ready
    const seconds = (performance.now() - started) / 1_000
    return [
      {
        name: 'demo: seconds from its command to its addresses, warm',
        figure: seconds.toFixed(1),
        bound: '<= 10',
        ok: seconds <= 10,
      },
    ]
  } finally {
    child.removeAllListeners('exit')
    if (child.exitCode === null) {
      child.kill('SIGINT')
      await once(child, 'exit')
    }
    rmSync(folder, { recursive: true, force: true })
  }
}
