/**
 * Scaffolds a room in the common shape: `pnpm new <concern> [--phase onRequest] [--after cors] [--sentence "…"] [--does "…"]`.
 * What it makes is small and real: it passes `pnpm check` and its own tests before anything is changed.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, globSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { concerns, order } from '../packages/kernel/src/order.ts'
import { read, root } from './workspace.ts'

/** Phases in which the scaffold can refuse something. */
const PHASES = ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'onSend'] as const
type Phase = (typeof PHASES)[number]

function stop(sentence: string): never {
  console.error(sentence)
  process.exit(1)
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    after: { type: 'string' },
    phase: { type: 'string' },
    sentence: { type: 'string', default: 'Refuses requests that carry forbidden header fields.' },
    does: { type: 'string', default: 'refuses forbidden header fields' },
  },
})

const concern = positionals[0] ?? ''
if (positionals.length !== 1 || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(concern)) {
  stop('usage: pnpm new <concern> [--phase onRequest] [--after <concern>] [--sentence "…"] [--does "…"]')
}
const folder = `packages/${concern}`
if (existsSync(join(root, folder))) stop(`${folder} exists`)

const placed = PHASES.find((name) => order[name].some((place) => place.concern === concern))
const phase = PHASES.find((name) => name === (values.phase ?? placed ?? 'onRequest'))
if (phase === undefined) stop(`--phase is one of ${PHASES.join(', ')}`)

const words = concern.split('-')
const pascal = words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('')
const NAMES: Readonly<Record<string, string>> = {
  __concern__: concern,
  __Concern__: pascal,
  __camel__: pascal.slice(0, 1).toLowerCase() + pascal.slice(1),
  __CONCERN__: concern.replaceAll('-', '_').toUpperCase(),
  __phase__: phase,
  __sentence__: values.sentence,
}

enterOrder(phase)
writeRoom()
enterBuild()
run('npx', '-y', 'pnpm@12', 'install', '--no-frozen-lockfile')
run('node_modules/.bin/oxfmt', folder, 'packages/kernel/src/order.ts', 'tsconfig.build.json')
run(process.execPath, 'scripts/docs.ts', folder)
console.log(`
${folder} stands. Next:
  pnpm test ${folder}
  pnpm check
  write its domain in src/<domain>.ts, its options in src/options.ts, its attacks in test/security.test.ts
  name it in packages/security, when the house shall install it`)

function writeRoom(): void {
  cpSync(join(root, 'scripts/new/template'), join(root, folder), { recursive: true })
  for (const path of globSync('**/*', { cwd: join(root, folder) })) {
    const file = join(root, folder, path)
    if (statSync(file).isDirectory()) continue
    const text = readFileSync(file, 'utf8')
    writeFileSync(
      file,
      text.replaceAll(/__(?:concern|Concern|camel|CONCERN|phase|sentence)__/g, (name) => NAMES[name] ?? name),
    )
  }
  renameSync(join(root, folder, 'changeset.md'), join(root, `.changeset/${concern}.md`))
}

/** The order is one table in the kernel: the new concern acts last in its phase, or right after the one named. */
function enterOrder(into: Phase): void {
  const { after } = values
  if (order[into].some((place) => place.concern === concern)) return
  if (after !== undefined && !order[into].some((place) => place.concern === after)) {
    stop(`${after} has no place in ${into}: ${order[into].map((place) => place.concern).join(', ')}`)
  }
  const path = 'packages/kernel/src/order.ts'
  const lines = read(path).split('\n')
  const start = lines.findIndex((line) => line.startsWith(`  ${into}: [`))
  // A phase with one place may stand on one line.
  const inline = /^ {2}\w+: \[(\{.*\})\],$/.exec(lines[start] ?? '')
  if (inline?.[1] !== undefined) lines.splice(start, 1, `  ${into}: [`, `    ${inline[1]},`, '  ],')
  const end = lines.findIndex((line, at) => at > start && line.startsWith('  ],'))
  const named = lines.findIndex((line, at) => at > start && at < end && line.includes(`concern: '${after ?? ''}'`))
  if (start === -1 || end === -1) stop(`${path}: no place for ${into} found`)
  const place = `    { concern: '${concern}', does: '${values.does.replaceAll("'", '’')}' },`
  lines.splice(named === -1 ? end : named + 1, 0, place)
  writeFileSync(join(root, path), lines.join('\n'))
  if (concerns.has(concern) && placed === undefined)
    console.log(`${concern} had no step so far: remove it from \`stepless\``)
}

function enterBuild(): void {
  const path = 'tsconfig.build.json'
  const reference = (of: string): string => `    { "path": "${of}/tsconfig.build.json" }`
  const [kernel = '', ...others] = [...read(path).matchAll(/"path": "([^"]+)\/tsconfig\.build\.json"/g)].map(
    ([, of]) => of ?? '',
  )
  const references = [kernel, ...[...others, folder].toSorted()].map(reference).join(',\n')
  const entered = read(path).replace(/"references": \[[^\]]*\]/, `"references": [\n${references}\n  ]`)
  writeFileSync(join(root, path), entered)
}

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) stop(`failed: ${command} ${args.join(' ')}`)
}
