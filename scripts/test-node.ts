/** Runs the tests on another version of Node: `pnpm test:node <version> [path…]`, by default those of packages and apps. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installNode } from './node-version.ts'
import { root } from './workspace.ts'

const [version, ...paths] = process.argv.slice(2)
if (version === undefined) {
  console.log('which version? For example: pnpm test:node 22.19.0 packages/kernel')
  process.exit(1)
}

const folder = mkdtempSync(join(tmpdir(), 'portcullis-node-'))
try {
  const node = installNode(version, folder)
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', 'vitest.workspace.ts']
  const wanted = paths.length === 0 ? ['packages/', 'apps/'] : paths
  const { status } = spawnSync(node.path, [...vitest, ...wanted], { cwd: root, env: node.env, stdio: 'inherit' })
  process.exitCode = status ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
