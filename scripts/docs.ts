/**
 * Writes what the documentation says of options, errors, events, the order and the packages, from the code itself.
 * `--check` writes nothing and fails where a document says something else. Folders may be named: `packages/cors`.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { order } from '../packages/kernel/src/order.ts'
import { configSchema, ownSettings } from '../apps/gateway/src/config-schema.ts'
import { definitionOf, type Schema } from './docs/definition.ts'
import { gatewaySchema, type RoomInFile } from './docs/gateway-schema.ts'
import { errorsTable, eventsTable, optionsTable, settingsTable, table } from './docs/tables.ts'
import { published, read, root, type Member } from './workspace.ts'

const checking = process.argv.includes('--check')
const drift: string[] = []
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))

/** Puts each generated text between its two markers. */
function fill(path: string, generated: Readonly<Record<string, string>>): void {
  if (!existsSync(join(root, path))) return
  const before = read(path)
  let after = before
  for (const [marker, text] of Object.entries(generated)) {
    const between = new RegExp(`(<!-- ${marker} -->)[\\s\\S]*?(<!-- /${marker} -->)`, 'g')
    after = after.replaceAll(between, (_all, open: string, close: string) => `${open}\n\n${text}\n\n${close}`)
    if (after.includes(`<!-- ${marker} -->`) && !after.includes(`<!-- /${marker} -->`)) {
      drift.push(`${path}: <!-- ${marker} --> is never closed`)
    }
  }
  if (after === before) return
  if (checking) drift.push(`${path}: differs from the code; run \`pnpm run docs\``)
  else writeFileSync(join(root, path), after)
}

/** The concerns in the order in which they first act, then the ones without a step, the kernel first, the house last. */
function rank({ folder }: Member): number {
  const name = folder.slice('packages/'.length)
  if (name === 'kernel') return -1
  if (name === 'security') return 999
  const first = Object.values(order)
    .flat()
    .findIndex(({ concern }) => concern === name)
  return first === -1 ? 998 : first
}

const packages = published()
  .filter(({ folder }) => folder.startsWith('packages/'))
  .toSorted((left, right) => rank(left) - rank(right))
const existing = new Set(packages.map(({ folder }) => folder.slice('packages/'.length)))

function orderTable(only?: string): string {
  const rows = Object.entries(order).flatMap(([phase, places]) =>
    places
      .filter(({ concern }) => only === undefined || concern === only)
      .map(({ concern, does }, at) => [
        at === 0 ? `\`${phase}\`` : '',
        existing.has(concern) ? `\`${concern}\`` : `\`${concern}\` (no room yet)`,
        does,
      ]),
  )
  return rows.length === 0 ? 'It has no step of its own.' : table(['Phase', 'Concern', 'What it does'], rows)
}

const roomsTable = table(
  ['Package', 'What it is for'],
  packages.map(({ folder, manifest }) => [`[\`${manifest.name}\`](${folder}/README.md)`, manifest.description ?? '']),
)

for (const path of ['README.md', 'ARCHITECTURE.md']) fill(path, { order: orderTable(), rooms: roomsTable })

for (const { folder } of packages) {
  if (named.length > 0 && !named.includes(folder)) continue
  const readme = `${folder}/README.md`
  if (!existsSync(join(root, readme))) {
    drift.push(`${readme}: missing`)
    continue
  }
  const definition = await definitionOf(folder)
  fill(readme, {
    options: optionsTable(definition),
    errors: errorsTable(definition),
    events: eventsTable(definition),
    place: orderTable(definition.concern ?? ''),
  })
  const text = read(readme)
  for (const marker of definition.concern === undefined ? [] : ['options', 'errors', 'events']) {
    if (!text.includes(`<!-- ${marker} -->`)) drift.push(`${readme}: has no <!-- ${marker} --> marker`)
  }
  useShowsExample(folder, readme)
}

/** "Use" shows exactly the file that a test boots. */
function useShowsExample(folder: string, readme: string): void {
  const example = `${folder}/example.ts`
  if (existsSync(join(root, example))) showExample(readme, example, /^## Use\s[\s\S]*?```ts\n([\s\S]*?)```/dm)
}

function showExample(readme: string, example: string, block = /```yaml\n([\s\S]*?)```/d): void {
  const text = read(readme)
  const [start, end] = block.exec(text)?.indices?.[1] ?? []
  if (start === undefined || end === undefined) {
    drift.push(`${readme}: has no block for ${example}`)
    return
  }
  const shown = `${read(example).trim()}\n`
  if (text.slice(start, end) === shown) return
  if (checking) drift.push(`${readme}: does not show ${example}; run \`pnpm run docs\``)
  else writeFileSync(join(root, readme), text.slice(0, start) + shown + text.slice(end))
}

if (named.length === 0 || named.includes('apps/gateway')) await writeGatewaySchema()

/** A room's key in options: camelCase of its name. */
function keyOf(folder: string): string {
  return folder.slice('packages/'.length).replaceAll(/-(.)/g, (_all, letter: string) => letter.toUpperCase())
}

/** What editors complete a gateway's file by. */
async function writeGatewaySchema(): Promise<void> {
  const schema = configSchema as unknown as Schema
  const rooms: Record<string, RoomInFile> = {}
  for (const { folder, manifest } of packages) {
    const key = keyOf(folder)
    if (schema.properties?.[key] === undefined) continue
    const { routeSchema } = await definitionOf(folder)
    rooms[key] = {
      description: manifest.description ?? '',
      ...(routeSchema === undefined ? {} : { routeSchema }),
    }
  }
  fill('apps/gateway/README.md', {
    settings: settingsTable({ properties: ownSettings as Record<string, Schema> }),
    sections: table(
      ['Section', 'What it is for'],
      packages
        .map(({ folder, manifest }) => [rooms[keyOf(folder)], folder, manifest.description ?? ''] as const)
        .flatMap(([room, folder, description]) =>
          room === undefined ? [] : [[`[\`${keyOf(folder)}\`](../../${folder}/README.md)`, description]],
        ),
    ),
  })
  showExample('apps/gateway/README.md', 'apps/gateway/example/gateway.yaml')
  showExample(
    'apps/gateway/README.md',
    'apps/gateway/example/in-code.ts',
    /^## In code\s[\s\S]*?```ts\n([\s\S]*?)```/dm,
  )
  showExample('apps/gateway/README.md', 'apps/gateway/example/code.mjs', /^## In code\s[\s\S]*?```js\n([\s\S]*?)```/dm)
  const path = 'apps/gateway/gateway.schema.json'
  const text = gatewaySchema(schema, rooms)
  if (existsSync(join(root, path)) && read(path) === text) return
  if (checking) drift.push(`${path}: differs from the code; run \`pnpm run docs\``)
  else writeFileSync(join(root, path), text)
}

for (const sentence of drift) console.log(sentence)
process.exitCode = drift.length === 0 ? 0 : 1
