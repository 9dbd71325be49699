/**
 * Packs every package as it would be published, and uses the tarballs as strangers would: `pnpm pack:check [version]`,
 * by default on the Node that runs it.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installNode } from './node-version.ts'
import { Consumer, type Packed, THIS_NODE } from './pack/consumer.ts'
import { contents } from './pack/tarball.ts'
import { published, root } from './workspace.ts'

const [version] = process.argv.slice(2)
const problems: string[] = []
const folder = mkdtempSync(join(tmpdir(), 'portcullis-pack-'))

try {
  const packages = step('pack', pack)
  for (const { manifest, tarball } of packages) {
    hold(`contents of ${manifest.name}`, () => contents(manifest.name, tarball))
    hold(`publint ${manifest.name}`, () => tool('publint', 'run', tarball, '--strict'))
    hold(`attw ${manifest.name}`, () => tool('attw', tarball, '--profile', 'esm-only', '--no-definitely-typed'))
  }
  const node = version === undefined ? THIS_NODE : installNode(version, inside('node'))
  const consumer = step('install in a consumer', () => new Consumer(inside('consumer'), packages, node))
  hold('ESM import', () => consumer.imports())
  hold('CommonJS require', () => consumer.requires())
  hold('TypeScript 5.9 and 7', () => consumer.types())
  for (const types of ['~22.19.0', 'latest']) {
    hold(`the same, with @types/node ${types}`, () => consumer.typesWith(types))
  }
  hold('the gateway as a command', () => consumer.gateway())
  hold('two copies of the kernel', () => consumer.twoKernels('@portcullis/cors'))
} catch (error) {
  problems.push(String(error))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

for (const problem of problems) console.log(`\n${problem}`)
console.log(problems.length === 0 ? '\nthe tarballs hold' : `\n${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

function inside(name: string): string {
  const path = join(folder, name)
  mkdirSync(path)
  return path
}

/** Builds from nothing, so that no file of an earlier build is packed, and packs through pnpm. */
function pack(): Packed[] {
  const all = published()
  for (const member of all) rmSync(join(root, member.folder, 'dist'), { recursive: true, force: true })
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-b', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
  const tarballs = inside('tarballs')
  const filters = all.flatMap((member) => ['--filter', `./${member.folder}`])
  const pnpm = ['-y', 'pnpm@12', '--recursive', ...filters, 'pack', '--pack-destination', tarballs]
  execFileSync('npx', pnpm, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  return all.map((member) => {
    const { name, version } = member.manifest
    return { ...member, tarball: join(tarballs, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`) }
  })
}

function tool(name: string, ...args: string[]): string[] {
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin', name), args, {
    cwd: root,
    encoding: 'utf8',
  })
  return status === 0 ? [] : [`${name} ${args.join(' ')}\n${stdout}${stderr}`]
}

function step<T>(name: string, run: () => T): T {
  const start = performance.now()
  const result = run()
  console.log(`ok      ${name}  (${((performance.now() - start) / 1000).toFixed(1)} s)`)
  return result
}

/** Runs a check that returns its problems. */
function hold(name: string, run: () => string[]): void {
  const start = performance.now()
  const found = run()
  problems.push(...found)
  console.log(
    `${found.length === 0 ? 'ok    ' : 'FAILED'}  ${name}  (${((performance.now() - start) / 1000).toFixed(1)} s)`,
  )
}
