import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { TABLE } from '../../packages/kernel/src/errors.ts'
import { ROOM } from '../../packages/kernel/src/room.ts'
import { root } from '../workspace.ts'

/** A JSON Schema, as far as we read it. */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly accepts?: readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly description?: string
  readonly default?: unknown
  readonly writeOnly?: boolean
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
}

interface ErrorRow {
  readonly status?: number
  readonly sentence?: string
  readonly boot?: string
  readonly meaning: string
}

interface EventRow {
  readonly severity: string
  readonly meaning: string
}

/** What a room says of itself. */
export interface Definition {
  /** Its place in the order table; absent for packages that are no room. */
  readonly concern?: string
  readonly optionsSchema?: Schema
  readonly routeSchema?: Schema
  readonly errors: Readonly<Record<string, ErrorRow>>
  readonly events: Readonly<Record<string, EventRow>>
}

function isObject(value: unknown): value is Readonly<Record<PropertyKey, unknown>> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null
}

function isEvents(value: unknown): value is Definition['events'] {
  if (!isObject(value)) return false
  const kinds = Object.values(value)
  return kinds.length > 0 && kinds.every((kind) => isObject(kind) && 'severity' in kind && 'meaning' in kind)
}

async function exportsOf(path: string): Promise<Readonly<Record<string, unknown>>> {
  const file = join(root, path)
  return existsSync(file) ? ((await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>) : {}
}

/** Reads what a package defines: from its plugin, and where there is none, from the tables in its files. */
export async function definitionOf(folder: string): Promise<Definition> {
  const { default: plugin } = await exportsOf(`${folder}/src/index.ts`)
  const room = isObject(plugin) ? plugin[ROOM] : undefined
  const files = await Promise.all(
    ['options', 'errors', 'kernel-errors', 'problems', 'events', 'kernel-events'].map((name) =>
      exportsOf(`${folder}/src/${name}.ts`),
    ),
  )
  const found = files.flatMap((module) => Object.entries(module))
  const given = isObject(room) ? (room as Partial<Definition>) : {}
  const errors: Record<string, ErrorRow> = {}
  for (const table of [given.errors, ...found.map(([, value]) => value)]) {
    if (isObject(table) && isObject(table[TABLE])) Object.assign(errors, table[TABLE])
  }
  const events: Record<string, EventRow> = {}
  for (const table of [given.events, ...found.map(([, value]) => value)])
    if (isEvents(table)) Object.assign(events, table)
  const optionsSchema = given.optionsSchema ?? (Object.fromEntries(found)['optionsSchema'] as Schema | undefined)
  return {
    ...(given.concern === undefined ? {} : { concern: given.concern }),
    ...(optionsSchema === undefined ? {} : { optionsSchema }),
    ...(given.routeSchema === undefined ? {} : { routeSchema: given.routeSchema }),
    errors,
    events,
  }
}
