import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { arrows } from '../arrows.ts'
import { root } from '../workspace.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** What is said of a workspace that holds these files beside a kernel and two rooms. */
function said(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-arrows-'))
  folders.push(folder)
  const manifest = (name: string, dependencies: object = {}): string =>
    JSON.stringify({ name: `@portcullis/${name}`, version: '0.0.0', dependencies })
  const all = {
    'package.json': '{ "type": "module" }',
    'packages/kernel/package.json': manifest('kernel'),
    'packages/cors/package.json': manifest('cors', { '@portcullis/kernel': 'workspace:^' }),
    'packages/auth/package.json': manifest('auth', { '@portcullis/kernel': 'workspace:^' }),
    'apps/gateway/package.json': manifest('gateway-server', { '@portcullis/cors': 'workspace:^' }),
    'apps/demo/package.json': manifest('demo', {
      '@portcullis/cors': 'workspace:^',
      '@portcullis/gateway-server': 'workspace:^',
    }),
    ...files,
  }
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  for (const script of ['arrows.ts', 'workspace.ts'])
    cpSync(join(root, 'scripts', script), join(folder, 'scripts', script))
  const { stdout, stderr } = spawnSync(process.execPath, ['scripts/arrows.ts'], { cwd: folder, encoding: 'utf8' })
  return stdout + stderr
}

describe('the shape of the workspace', () => {
  it('holds', () => {
    expect(arrows()).toEqual([])
  })

  it('is not broken by a room on the kernel, an app on a room, and the demo on the gateway', () => {
    expect(
      said({
        'packages/cors/src/plugin.ts': "import { defineRoom } from '@portcullis/kernel'\n",
        'apps/demo/src/main.ts': "import cors from '@portcullis/cors'\nprocess.env['PORT']\n",
        'apps/demo/src/start.ts': "import { startGateway } from '@portcullis/gateway-server'\n",
      }),
    ).toBe('')
  })

  it.each([
    [
      'a room that imports a room',
      'packages/cors/src/plugin.ts',
      "import auth from '@portcullis/auth'",
      'point down only',
    ],
    [
      'a type from a room',
      'packages/cors/src/plugin.ts',
      "import type { A } from '@portcullis/auth'",
      'point down only',
    ],
    ['an import() of a room', 'packages/cors/src/plugin.ts', "await import('@portcullis/auth')", 'point down only'],
    ['a re-export of a room', 'packages/cors/src/plugin.ts', "export { x } from '@portcullis/auth'", 'point down only'],
    ['a kernel on a room', 'packages/kernel/src/room.ts', "import '@portcullis/cors'", 'point down only'],
    ['a room on an app', 'packages/cors/test/plugin.test.ts', "import '@portcullis/demo'", 'point down only'],
    ['a gateway on the demo', 'apps/gateway/src/main.ts', "import '@portcullis/demo'", 'point down only'],
    ['an undeclared dependency', 'packages/cors/src/plugin.ts', "import Ajv from 'ajv'", 'does not depend on'],
    ['a library that reads the environment', 'packages/cors/src/plugin.ts', 'process.env.PORT', 'process.env'],
    ['a file named after nothing', 'packages/cors/src/utils.ts', '', 'name the domain'],
    ['a folder named after nothing', 'packages/cors/src/helpers/origin.ts', '', 'name the domain'],
    ['a long source', 'packages/cors/src/origin.ts', 'x\n'.repeat(251), '251 lines'],
    ['a long plugin', 'packages/cors/src/plugin.ts', 'x\n'.repeat(121), '121 lines'],
    ['a long test', 'packages/cors/test/plugin.test.ts', 'x\n'.repeat(401), '401 lines'],
    ['an export of everything', 'packages/cors/src/index.ts', "export * from './plugin.ts'", 'exports *'],
  ])('is broken by %s', (_what, path, text, sentence) => {
    expect(said({ [path]: `${text}\n` })).toContain(sentence)
  })

  it('is broken by a package.json that names another room', () => {
    const manifest = {
      name: '@portcullis/cors',
      version: '0.0.0',
      devDependencies: { '@portcullis/auth': 'workspace:^' },
    }
    expect(said({ 'packages/cors/package.json': JSON.stringify(manifest) })).toContain('point down only')
  })

  it('is broken by types that an index does not publish', () => {
    const index = "import type {} from './types.ts'\n"
    expect(said({ 'packages/cors/src/index.ts': index, 'packages/cors/src/types.ts': '\n' })).toContain('would not see')
  })
})
