import { execFileSync } from 'node:child_process'

/** What a tarball must and must not hold, one sentence a mistake. */
export function contents(name: string, tarball: string): string[] {
  const listed = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
  const held = new Set(listed.map((path) => path.replace(/^package\//, '')))
  const problems: string[] = []
  const text = (path: string): string =>
    execFileSync('tar', ['-xzOf', tarball, `package/${path}`], { encoding: 'utf8' })
  const manifest = JSON.parse(text('package.json')) as {
    exports?: Readonly<Record<string, unknown>>
    bin?: Readonly<Record<string, string>>
    dependencies?: Readonly<Record<string, string>>
  }
  const exported = Object.values(manifest.exports ?? {}).filter((target) => typeof target === 'string')
  const data = exported.filter((target) => target.endsWith('.json')).map((target) => target.replace('./', ''))
  const commands = Object.values(manifest.bin ?? {}).map((target) => target.replace('./', ''))
  for (const path of ['README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts', ...data, ...commands]) {
    if (!held.has(path)) problems.push(`${name}: the tarball lacks ${path}`)
    else if (commands.includes(path) && !text(path).startsWith('#!/usr/bin/env node\n'))
      problems.push(`${name}: ${path} does not say what runs it`)
  }
  const known = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/[\w./-]+\.(js|d\.ts))$/
  for (const path of held) {
    if ((!known.test(path) && !data.includes(path)) || path.includes('/.'))
      problems.push(`${name}: the tarball holds ${path}`)
    if (path.endsWith('.js') && !held.has(path.replace(/\.js$/, '.d.ts')))
      problems.push(`${name}: ${path} has no types`)
  }
  if (JSON.stringify(manifest.exports ?? {}).includes('/src/')) problems.push(`${name}: its exports point into src`)
  for (const [dependency, range] of Object.entries(manifest.dependencies ?? {})) {
    if (/^(workspace|catalog|link|file):/.test(range)) problems.push(`${name}: depends on ${dependency} by ${range}`)
  }
  return problems
}
