import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NodeVersion } from '../node-version.ts'
import { files, read, root, type Member } from '../workspace.ts'
import { GATEWAY, TWO_KERNELS } from './programs.ts'

/** A package and the tarball that pnpm made of it. */
export interface Packed extends Member {
  readonly tarball: string
}

/** The Node that runs us. */
export const THIS_NODE: NodeVersion = { path: process.execPath, env: process.env }

/** The compilers that our types must satisfy. */
const COMPILERS: Readonly<Record<string, string>> = { 'typescript-5': '~5.9.0', 'typescript-7': '^7.0.2' }

/** A project outside the workspace that has installed the tarballs as any user would. */
export class Consumer {
  readonly #folder: string
  readonly #packages: readonly Packed[]
  readonly #node: NodeVersion

  /**
   * Writes the project and installs it through npm.
   * @param node what runs it
   */
  constructor(folder: string, packages: readonly Packed[], node: NodeVersion) {
    this.#folder = folder
    this.#node = node
    this.#packages = packages
    const own = Object.fromEntries(packages.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`]))
    const compilers = Object.entries(COMPILERS).map(([alias, range]) => [alias, `npm:typescript@${range}`])
    const manifest = {
      name: 'consumer',
      private: true,
      type: 'module',
      dependencies: { fastify: '^5.12.1', ...own },
      devDependencies: { '@types/node': '^24.0.0', ...Object.fromEntries(compilers) },
      // What depends on one of ours gets the tarball too: none of them has to be published.
      overrides: own,
    }
    this.#write('package.json', JSON.stringify(manifest, null, 2))
    this.#write('import.js', this.#imports())
    this.#write('require.cjs', this.#requires())
    this.#write('require-types.cts', this.#requiredTypes())
    this.#write('policies.ts', this.#policies())
    this.#write('two-kernels.js', TWO_KERNELS)
    this.#write('gateway.js', GATEWAY)
    this.#write('tsconfig.json', JSON.stringify(TSCONFIG, null, 2))
    mkdirSync(join(folder, 'examples'))
    for (const { folder: from } of packages) {
      if (!existsSync(join(root, from, 'example.ts'))) continue
      this.#write(`examples/${from.split('/')[1] ?? ''}.ts`, read(`${from}/example.ts`))
    }
    this.#install()
  }

  /** Every package by `import`; every room on an app of its own; every example boots. */
  imports(): string[] {
    return this.#run('ESM import', 'import.js')
  }

  /** Every package by `require`. */
  requires(): string[] {
    return this.#run('CommonJS require', 'require.cjs')
  }

  /** The examples (options, `config.security`, the request's nouns) under each compiler. */
  types(note = ''): string[] {
    return Object.keys(COMPILERS).flatMap((alias) =>
      this.#run(`${alias}${note}`, join('node_modules', alias, 'bin', 'tsc'), '-p', 'tsconfig.json'),
    )
  }

  /** The same beside other types of Node's, which an app on another version has. */
  typesWith(range: string): string[] {
    this.#install('--save-dev', `@types/node@${range}`)
    return this.types(` with @types/node ${range}`)
  }

  /** Gives `room` a kernel of its own, as npm does when ranges do not meet; the chain and the types must hold. */
  twoKernels(room: string): string[] {
    const nested = join(this.#folder, 'node_modules', room, 'node_modules/@portcullis/kernel')
    cpSync(join(this.#folder, 'node_modules/@portcullis/kernel'), nested, { recursive: true })
    return [...this.#run('two kernels', 'two-kernels.js'), ...this.types(' with two kernels')]
  }

  /** The gateway's command: a file with a mistake, one without, a start, an end. */
  gateway(): string[] {
    return this.#run('gateway-server', 'gateway.js')
  }

  /** The packages that are plugins: all but the kernel and what is run as a command. */
  #plugins(): string[] {
    return this.#packages
      .filter(({ manifest }) => manifest.name !== '@portcullis/kernel' && manifest.bin === undefined)
      .map(({ manifest }) => manifest.name)
  }

  #write(path: string, text: string): void {
    writeFileSync(join(this.#folder, path), `${text}\n`)
  }

  #install(...args: string[]): void {
    const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error']
    execFileSync('npm', ['install', ...quiet, ...args], { cwd: this.#folder, stdio: ['ignore', 'ignore', 'inherit'] })
  }

  #run(name: string, ...args: string[]): string[] {
    const { status, stdout, stderr } = spawnSync(this.#node.path, args, {
      cwd: this.#folder,
      env: this.#node.env,
      encoding: 'utf8',
      timeout: 300_000,
    })
    return status === 0 ? [] : [`${name}: ${`${stdout}${stderr}`.trim()}`]
  }

  #imports(): string {
    return `import assert from 'node:assert'
import { readdirSync } from 'node:fs'
const plugins = ${JSON.stringify(this.#plugins())}
for (const name of ${JSON.stringify(this.#packages.map(({ manifest }) => manifest.name))}) {
  const module = await import(name)
  assert(Object.keys(module).length > 0, name + ' exports nothing')
  if (plugins.includes(name)) assert.equal(typeof module.default, 'function', name + ' has no plugin')
}
for (const file of readdirSync('examples')) {
  const example = await import('./examples/' + file).catch((error) => {
    // No database is here: that it was asked for is all that can be seen.
    if (error.code !== 'PTC_SQL_UNREACHABLE') throw error
  })
  if (example === undefined) continue
  const { app } = example
  await app.ready()
  const answer = await app.inject({ url: '/', headers: { host: 'localhost' } })
  assert(answer.statusCode < 500, file + ' answers ' + answer.statusCode + ' ' + answer.body)
  await app.close()
}
process.exit()`
  }

  #requires(): string {
    return `const assert = require('node:assert')
const plugins = ${JSON.stringify(this.#plugins())}
for (const name of ${JSON.stringify(this.#packages.map(({ manifest }) => manifest.name))}) {
  const module = require(name)
  if (plugins.includes(name)) assert.equal(typeof module.default, 'function', name + ' has no plugin')
}`
  }

  /** Every route policy that a room declares is known as soon as the room is imported: excess keys are mistakes. */
  #policies(): string {
    const rooms = this.#packages.filter(({ folder }) => files(`${folder}/src/types.ts`).some(declaresPolicy))
    return [
      `import type { RouteSecurity } from 'fastify'`,
      ...rooms.map(({ manifest }) => `import '${manifest.name}'`),
      ...rooms.map(({ folder }) => {
        const concern = (folder.split('/')[1] ?? '').replaceAll(/-(.)/g, (_all, letter: string) => letter.toUpperCase())
        return `void ({ ${concern}: false } satisfies RouteSecurity)`
      }),
      '// @ts-expect-error: no room is called that',
      'void ({ nobody: false } satisfies RouteSecurity)',
    ].join('\n')
  }

  #requiredTypes(): string {
    const names = this.#plugins()
    return [
      `import Fastify = require('fastify')`,
      ...names.map((name, at) => `import room${at} = require('${name}')`),
      'const app = Fastify.default()',
      ...names.map((_, at) => `void app.register(room${at}.default, {} as never)`),
    ].join('\n')
  }
}

function declaresPolicy(path: string): boolean {
  return /interface RouteSecurity \{[^}]*\w\?:/.test(read(path))
}

const TSCONFIG = {
  compilerOptions: {
    target: 'es2023',
    lib: ['es2023'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noEmit: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
  },
  include: ['examples', 'policies.ts', 'require-types.cts'],
}
