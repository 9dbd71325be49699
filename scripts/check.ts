/** Everything that can be held without running a test. All failures are shown, not only the first. */
import { spawnSync } from 'node:child_process'
import { files, root } from './workspace.ts'

const STEPS: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['types of what is published', 'tsc', '-b', 'tsconfig.build.json'],
  // Each package on its own: what one test adds to the `fastify` module is no business of another's.
  ['types of everything', 'tsc', '-b', 'tsconfig.json', ...files('packages/*/tsconfig.json')],
  ['lint', 'oxlint', '--deny-warnings', '--report-unused-disable-directives'],
  ['format', 'oxfmt', '--check'],
  ['docs drift', 'node', 'scripts/docs.ts', '--check'],
  ['dependency arrows', 'node', 'scripts/arrows.ts'],
  ['unused code and dependencies', 'knip', '--no-config-hints'],
]

const failed: string[] = []
for (const [name, command, ...args] of STEPS) {
  const start = performance.now()
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${root}/node_modules/.bin:${process.env['PATH']}` },
    maxBuffer: 64 * 1024 * 1024,
  })
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(
    `${status === 0 ? 'ok    ' : 'FAILED'}  ${name}  (${[command, ...args.slice(0, 2)].join(' ')}, ${seconds} s)`,
  )
  if (status === 0) continue
  failed.push(name)
  const output = `${stdout}${stderr}${error === undefined ? '' : String(error)}`.trim()
  if (output !== '') console.log(`${output.replaceAll(/^/gm, '  ')}\n`)
}

console.log(failed.length === 0 ? `\nall ${STEPS.length} checks hold` : `\nfailed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
