import type { Definition, Schema } from './definition.ts'

/** A Markdown table; cells are escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function code(text: string): string {
  const line = text.replaceAll('\n', ' ')
  // CommonMark §6.1: code that holds a backtick stands between two and a space.
  return line.includes('`') ? `\`\` ${line} \`\`` : `\`${line}\``
}

/** JSON as one writes it in TypeScript. */
function literal(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll(/"([A-Za-z_$][\w$]*)":/g, '$1: ')
    .replaceAll(/"((?:[^"\\']|\\.)*)"/g, "'$1'")
    .replaceAll(/,(?=\S)/g, ', ')
}

function typeOf(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => code(literal(value))).join(' or ')
  if (schema.const !== undefined) return code(literal(schema.const))
  const kinds = schema.accepts ?? (typeof schema.type === 'string' ? [schema.type] : (schema.type ?? ['any']))
  const bounds = [
    schema.minimum === undefined ? '' : ` ≥ ${schema.minimum}`,
    schema.maximum === undefined ? '' : ` ≤ ${schema.maximum}`,
  ].join('')
  const names = kinds.map((kind) => {
    if (kind === 'array') return schema.items === undefined ? 'list' : `list of ${plural(schema.items)}`
    if (kind === 'object' && isSchema(schema.additionalProperties))
      return `map to ${typeOf(schema.additionalProperties)}`
    return kind
  })
  return names.join(' or ') + bounds + (schema.writeOnly === true ? ', secret' : '')
}

function plural(items: Schema): string {
  const name = typeOf(items)
  return /^[a-z]+$/.test(name) ? `${name}s` : name
}

function isSchema(value: boolean | Schema | undefined): value is Schema {
  return typeof value === 'object'
}

interface Row {
  readonly path: string
  readonly schema: Schema
  readonly required: boolean
}

/** Objects with more keys than this (directives, features) are one row that names them. */
const MANY = 24

function* rowsOf(schema: Schema, prefix = ''): Generator<Row> {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const path = prefix + name
    yield { path, schema: property, required: schema.required?.includes(name) ?? false }
    if (Object.keys(property.properties ?? {}).length > MANY) continue
    yield* rowsOf(property, `${path}.`)
    if (property.items !== undefined && !repeats(property.items, schema)) yield* rowsOf(property.items, `${path}[].`)
    if (isSchema(property.additionalProperties)) yield* rowsOf(property.additionalProperties, `${path}.*.`)
  }
}

/** Whether entries of a list have only keys that stand beside the list too: those are described there. */
function repeats({ properties = {} }: Schema, { properties: beside = {} }: Schema): boolean {
  const names = Object.keys(properties)
  return names.length > 0 && names.every((name) => Object.hasOwn(beside, name))
}

function meaningOf({ description = '', properties = {} }: Schema): string {
  const keys = Object.keys(properties)
  return keys.length > MANY ? `${description} Keys: ${keys.map(code).join(', ')}.` : description
}

/** What the kernel adds to every room's options. */
const EVERYWHERE: Schema = {
  properties: {
    enabled: { type: 'boolean', default: true, description: '`false` takes the place in this scope without acting.' },
    reportOnly: {
      type: 'boolean',
      default: false,
      description: 'Decides and raises events with outcome `observed`, but lets everything pass.',
    },
  },
}

/** The options of a room: on the app, on a route, or on both. */
export function optionsTable({ concern, optionsSchema = {}, routeSchema = {} }: Definition): string {
  const onApp = [...rowsOf(optionsSchema), ...(concern === undefined ? [] : rowsOf(EVERYWHERE))]
  const paths = new Set(onApp.map(({ path }) => path))
  const onRoute = new Map([...rowsOf(routeSchema)].map((row) => [row.path, row]))
  const unique = onApp.filter(({ path }, at) => onApp.findIndex((row) => row.path === path) === at)
  const rows = [...unique, ...[...onRoute.values()].filter(({ path }) => !paths.has(path))]
  return table(
    ['Option', 'Type', 'Default', 'Where', 'Meaning'],
    rows.map(({ path, schema, required }) => [
      code(path),
      typeOf(schema),
      schema.default === undefined ? (required ? 'required' : '-') : code(literal(schema.default)),
      onRoute.has(path) ? (paths.has(path) ? 'app, route' : 'route') : 'app',
      meaningOf(schema),
    ]),
  )
}

/** The settings of a file: options that stand nowhere else. */
export function settingsTable(schema: Schema): string {
  return table(
    ['Setting', 'Type', 'Default', 'Meaning'],
    [...rowsOf(schema)].map(({ path, schema: one }) => [
      code(path),
      typeOf(one),
      one.default === undefined ? '-' : code(literal(one.default)),
      meaningOf(one),
    ]),
  )
}

/** The errors of a package: answers first, then what fails at boot. */
export function errorsTable({ errors }: Definition): string {
  const rows = Object.entries(errors).toSorted(([, left], [, right]) => (left.status ?? 999) - (right.status ?? 999))
  if (rows.length === 0) return 'None.'
  return table(
    ['Code', 'Status', 'Says', 'When'],
    rows.map(([name, { status, sentence, boot, meaning }]) => [
      code(name),
      status === undefined ? 'boot' : String(status),
      sentence ?? code(boot ?? ''),
      meaning,
    ]),
  )
}

/** The events of a package. */
export function eventsTable({ events }: Definition): string {
  const rows = Object.entries(events)
  if (rows.length === 0) return 'None.'
  return table(
    ['Event', 'Severity', 'When'],
    rows.map(([name, { severity, meaning }]) => [code(name), severity, meaning]),
  )
}
