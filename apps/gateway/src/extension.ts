import type { Schema } from '@portcullis/kernel'
import type { FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import { keysOf } from './config-file.ts'

/** What code adds to a file. */
export interface Extension {
  /**
   * What no file can say, in its words: functions, clients of stores. Laid over the file (objects deeply, lists replace),
   * and checked with it, at each reload too.
   */
  readonly options?: { readonly [Key in keyof Config]?: Part<Config[Key]> } | undefined
  /**
   * Declares routes that the gateway answers itself, on the app of every reading, in a scope of their own. They pass the
   * rooms of the file as any route does: what they may be asked, and by whom, stands in their `config.security`.
   */
  readonly routes?: ((scope: FastifyInstance) => void | Promise<void>) | undefined
}

/** Objects in part, everything else whole. */
type Part<T> = T extends object ? Partial<T> : T

type Node = Readonly<Record<string, unknown>>

function isPlain(value: unknown): value is Node {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** What a file says, with options laid over it. */
export function extended(file: unknown, added: unknown): unknown {
  if (!isPlain(file) || !isPlain(added)) return added === undefined ? file : added
  const all = { ...file }
  for (const [key, value] of Object.entries(added)) all[key] = extended(file[key], value)
  return all
}

/** Whether a readable path such as `auth.apiKeys.find` leads to something that code has added. */
export function isAdded(added: unknown, path: string): boolean {
  let at = added
  for (const key of keysOf(path)) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return false
    at = (at as Node)[key]
  }
  return at !== undefined
}

/** Readable paths of what a file says and only code may, by the schemas of both. */
export function wordsOfCode(file: unknown, ofFile: Schema, ofCode: Schema, path = ''): string[] {
  if (Array.isArray(file)) {
    const [inner, wider] = [ofFile['items'], ofCode['items']] as [Schema, Schema]
    return inner === undefined ? [] : file.flatMap((one, at) => wordsOfCode(one, inner, wider, `${path}[${at}]`))
  }
  const [inner, wider] = [ofFile['properties'], ofCode['properties']] as [
    Record<string, Schema>,
    Record<string, Schema>,
  ]
  if (!isPlain(file) || inner === undefined) return []
  return Object.entries(file).flatMap(([key, value]) => {
    const at = path === '' ? key : `${path}.${key}`
    if (!Object.hasOwn(wider, key)) return []
    return Object.hasOwn(inner, key) ? wordsOfCode(value, inner[key] as Schema, wider[key] as Schema, at) : [at]
  })
}
