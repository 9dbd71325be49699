import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Another version of Node. */
export interface NodeVersion {
  readonly path: string
  /** The environment in which further processes find it as `node`, too. */
  readonly env: NodeJS.ProcessEnv
}

/** Installs it, as npm has it, into a folder that is nobody else's. */
export function installNode(version: string, folder: string): NodeVersion {
  // Its script fetches the binary for this machine.
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, allowScripts: { node: true } }))
  execFileSync('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', folder, `node@${version}`], {
    stdio: 'inherit',
  })
  const bin = join(folder, 'node_modules/node/bin')
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` }
  return { path: join(bin, 'node'), env }
}
