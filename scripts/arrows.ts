/** Holds the workspace to its shape: which package may stand on which, who reads the environment, sizes and names. */
import { builtinModules } from 'node:module'
import { files, members, read, type Member } from './workspace.ts'

/** apps/demo, integration and bench → the gateway as a process → security → concerns → kernel → what tests stand on. */
function layer({ folder }: Member): number {
  if (folder === 'testing') return -1
  if (folder === 'packages/kernel') return 0
  if (folder === 'packages/security') return 2
  if (folder === 'apps/gateway') return 3
  return folder.startsWith('packages/') ? 1 : 4
}

const LIMITS: readonly (readonly [pattern: RegExp, lines: number])[] = [
  [/^packages\/(?!kernel)[^/]+\/src\/index\.ts$/, 15],
  [/^packages\/[^/]+\/src\/plugin\.ts$/, 120],
  [/^(packages|apps)\/[^/]+\/src\//, 250],
  [/^scripts\//, 250],
  [/\/test\//, 400],
  [/^packages\/[^/]+\/README\.md$/, 200],
]

/** Names that say nothing about what is inside. */
const NAMELESS = /(^|\/)(utils?|commons?|helpers?|shared|misc)(\/|\.[a-z.]+$|$)/

const IMPORT = /(?:^|[\s;])(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(?\s*['"]([^'"]+)['"]/g

/** What breaks the shape, one sentence each. */
export function arrows(): string[] {
  const all = members()
  const byName = new Map(all.map((member) => [member.manifest.name, member]))
  return [...all.flatMap((member) => [...standing(member, byName), ...imported(member, byName)]), ...sizesAndNames()]
}

function allowed(from: Member, to: Member): boolean {
  if (from === to || layer(from) > layer(to)) return true
  // The integration tests drive the demo; nobody else may stand on an app.
  return from.folder === 'integration' && to.folder.startsWith('apps/')
}

function standing(member: Member, byName: ReadonlyMap<string, Member>): string[] {
  const { dependencies = {}, devDependencies = {}, peerDependencies = {} } = member.manifest
  return Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies }).flatMap((name) => {
    const target = byName.get(name)
    return target === undefined || allowed(member, target)
      ? []
      : [`${member.folder}/package.json depends on ${target.folder}: arrows point down only`]
  })
}

function imported(member: Member, byName: ReadonlyMap<string, Member>): string[] {
  const { dependencies = {}, devDependencies = {}, peerDependencies = {}, name: own } = member.manifest
  const installed = { ...dependencies, ...peerDependencies }
  const problems: string[] = []
  for (const file of files(`${member.folder}/**/*.ts`)) {
    const text = read(file)
    const isSource = file.startsWith('packages/') && file.includes('/src/')
    if (isSource && /\bprocess\s*\.\s*env\b/.test(text)) {
      problems.push(`${file} reads process.env: only apps, tests and benches may`)
    }
    for (const [, from, bare] of text.matchAll(IMPORT)) {
      const specifier = from ?? bare ?? ''
      if (specifier.startsWith('.') || specifier.startsWith('node:') || specifier === '') continue
      const parts = specifier.split('/')
      const name = specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '')
      if (builtinModules.includes(name)) problems.push(`${file} imports ${name}: write node:${name}`)
      const target = byName.get(name)
      if (target !== undefined && !allowed(member, target)) {
        problems.push(`${file} imports ${name}: arrows point down only`)
      } else if (
        isSource &&
        name !== own &&
        !(name in installed) &&
        !(name in devDependencies && typesOnly(text, name))
      ) {
        problems.push(`${file} imports ${name}, which ${member.folder}/package.json does not depend on`)
      }
    }
  }
  return problems
}

/** Whether a package is only imported for its types. */
function typesOnly(text: string, name: string): boolean {
  return !new RegExp(`import\\s+(?!type\\b)[^'"]*from\\s*['"]${name}`).test(text)
}

function sizesAndNames(): string[] {
  const problems: string[] = []
  for (const file of [
    ...files('{packages,apps,integration,bench,testing,scripts}/**/*.ts'),
    ...files('packages/*/README.md'),
  ]) {
    if (NAMELESS.test(file)) problems.push(`${file} is named after nothing: name the domain`)
    const limit = LIMITS.find(([pattern]) => pattern.test(file))?.[1]
    // What is generated grows with the options, and is looked up rather than read.
    const written = read(file).replaceAll(/<!-- (\w+) -->[\s\S]*?<!-- \/\1 -->/g, '')
    const lines = written.trimEnd().split('\n').length
    if (limit !== undefined && lines > limit) problems.push(`${file} has ${lines} lines, more than ${limit}`)
  }
  for (const file of files('packages/*/src/types.ts')) {
    const door = file.replace('types.ts', 'index.ts')
    // TypeScript drops `import type {} from` in what it publishes, and with it what the package adds to the fastify module.
    if (!/export type (\{\}|\*) from '\.\/types\.ts'/.test(read(door))) {
      problems.push(`${door} lacks \`export type {} from './types.ts'\`: its users would not see ${file}`)
    }
  }
  for (const file of files('packages/*/src/index.ts')) {
    if (!file.startsWith('packages/kernel/') && /export\s*(type\s*)?\*/.test(read(file)))
      problems.push(`${file} exports *: name what it exports`)
  }
  return problems
}

if (import.meta.main) {
  const problems = arrows()
  for (const problem of problems) console.log(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}
