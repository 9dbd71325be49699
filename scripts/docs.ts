/**
 * Writes what the documentation says of options, errors, events, the order and the packages, from the code itself.
 * `--check` writes nothing and fails where a document says something else. Folders may be named: `packages/cors`.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { order } from '../packages/kernel/src/order.ts'
import { configSchema } from '../apps/gateway/src/config-schema.ts'
import { definitionOf, type Schema } from './docs/definition.ts'
import { gatewaySchema, type RoomInFile } from './docs/gateway-schema.ts'
import { errorsTable, eventsTable, optionsTable, table } from './docs/tables.ts'
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
  if (!existsSync(join(root, example))) return
  const text = read(readme)
  const use = /^## Use\s[\s\S]*?```ts\n([\s\S]*?)```/dm.exec(text)
  const [start, end] = use?.indices?.[1] ?? []
  if (start === undefined || end === undefined) {
    drift.push(`${readme}: has no \`\`\`ts block under "## Use"`)
    return
  }
  const shown = `${read(example).trim()}\n`
  if (text.slice(start, end) === shown) return
  if (checking) drift.push(`${readme}: "Use" is not ${example}; run \`pnpm run docs\``)
  else writeFileSync(join(root, readme), text.slice(0, start) + shown + text.slice(end))
}

if (named.length === 0 || named.includes('apps/gateway')) await writeGatewaySchema()

/** What editors complete a gateway's file by. */
async function writeGatewaySchema(): Promise<void> {
  const schema = configSchema as unknown as Schema
  const rooms: Record<string, RoomInFile> = {}
  for (const { folder, manifest } of packages) {
    const key = folder.slice('packages/'.length).replaceAll(/-(.)/g, (_all, letter: string) => letter.toUpperCase())
    if (schema.properties?.[key] === undefined) continue
    const { routeSchema } = await definitionOf(folder)
    rooms[key] = {
      description: manifest.description ?? '',
      ...(routeSchema === undefined ? {} : { routeSchema }),
    }
  }
  const path = 'apps/gateway/gateway.schema.json'
  const text = gatewaySchema(schema, rooms)
  if (existsSync(join(root, path)) && read(path) === text) return
  if (checking) drift.push(`${path}: differs from the code; run \`pnpm run docs\``)
  else writeFileSync(join(root, path), text)
}

for (const sentence of drift) console.log(sentence)
process.exitCode = drift.length === 0 ? 0 : 1
