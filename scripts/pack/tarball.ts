import { execFileSync } from 'node:child_process'

/** What a tarball must and must not hold, one sentence a mistake. */
export function contents(name: string, tarball: string): string[] {
  const listed = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n')
  const held = new Set(listed.map((path) => path.replace(/^package\//, '')))
  const problems: string[] = []
  for (const path of ['package.json', 'README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts']) {
    if (!held.has(path)) problems.push(`${name}: the tarball lacks ${path}`)
  }
  const known = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/[\w./-]+\.(js|d\.ts))$/
  for (const path of held) {
    if (!known.test(path) || path.includes('/.')) problems.push(`${name}: the tarball holds ${path}`)
    if (path.endsWith('.js') && !held.has(path.replace(/\.js$/, '.d.ts')))
      problems.push(`${name}: ${path} has no types`)
  }
  const manifest = JSON.parse(
    execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' }),
  ) as {
    exports?: Readonly<Record<string, unknown>>
    dependencies?: Readonly<Record<string, string>>
  }
  if (JSON.stringify(manifest.exports ?? {}).includes('/src/')) problems.push(`${name}: its exports point into src`)
  for (const [dependency, range] of Object.entries(manifest.dependencies ?? {})) {
    if (/^(workspace|catalog|link|file):/.test(range)) problems.push(`${name}: depends on ${dependency} by ${range}`)
  }
  return problems
}
