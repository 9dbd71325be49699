/** Runs the tests on another version of Node: `pnpm test:node <version> [path…]`, by default those of packages and apps. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { root } from './workspace.ts'

const [version, ...paths] = process.argv.slice(2)
if (version === undefined) {
  console.log('which version? For example: pnpm test:node 22.19.0 packages/kernel')
  process.exit(1)
}

const folder = mkdtempSync(join(tmpdir(), 'portcullis-node-'))
try {
  execFileSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', folder, `node@${version}`], {
    stdio: 'inherit',
  })
  const bin = join(folder, 'node_modules/node/bin')
  // Tests start further processes as `node`, too.
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` }
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', 'vitest.workspace.ts']
  const wanted = paths.length === 0 ? ['packages/', 'apps/'] : paths
  const { status } = spawnSync(join(bin, 'node'), [...vitest, ...wanted], { cwd: root, env, stdio: 'inherit' })
  process.exitCode = status ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
