import { existsSync, globSync, readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

/** The repository's root folder. */
export const root: string = join(import.meta.dirname, '..')

/** What we read of a package.json. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly description?: string
  readonly private?: boolean
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** One workspace package. */
export interface Member {
  /** Folder relative to the root, such as `packages/cors`. */
  readonly folder: string
  readonly manifest: Manifest
}

/** Every package of the workspace, in alphabetical order of its folder. */
export function members(): Member[] {
  const folders = ['packages', 'apps'].flatMap((group) =>
    readdirSync(join(root, group)).map((name) => `${group}/${name}`),
  )
  return [...folders, 'integration', 'bench', 'testing']
    .toSorted()
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .map((folder) => ({ folder, manifest: JSON.parse(read(`${folder}/package.json`)) as Manifest }))
}

/** The packages that are published. */
export function published(): Member[] {
  return members().filter(({ manifest }) => manifest.private !== true)
}

/** A file's text; `path` is relative to the root. */
export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** Files matching a glob, relative to the root, without anything installed, built or templated. */
export function files(pattern: string): string[] {
  const outside = new Set(['node_modules', 'dist', '.git'])
  return globSync(pattern, { cwd: root, exclude: (path) => outside.has(path.split('/').at(-1) ?? '') })
    .map((path) => relative(root, join(root, path)))
    .filter((path) => !path.startsWith('scripts/new/template/'))
    .toSorted()
}
