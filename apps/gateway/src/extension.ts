import type { Schema, SecurityEventListener } from '@portcullis/kernel'
import type { FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import { type Fault, keysOf } from './config-file.ts'

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
  /**
   * Hears every security event of every room, of each reading: for a SIEM, for metrics. It is called while the request
   * waits; what it throws is logged, and nobody waits for a promise.
   */
  readonly onEvent?: SecurityEventListener | undefined
  /** Closes what this code has opened: called once the gateway has closed, or could not start; it has five seconds. */
  readonly close?: (() => void | Promise<void>) | undefined
}

const PARTS: Readonly<Record<keyof Extension, 'object' | 'function'>> = {
  options: 'object',
  routes: 'function',
  onEvent: 'function',
  close: 'function',
}

/** What is wrong with the form of what code gives: nothing says so of a module's export, or in JavaScript. */
export function faultsOfExtension(given: unknown): Fault[] {
  if (!isPlain(given)) return [{ message: `is no extension: export default { ${Object.keys(PARTS).join(', ')} }` }]
  return Object.entries(given).flatMap(([path, value]) => {
    if (!Object.hasOwn(PARTS, path))
      return [{ path, message: `is no part of an extension: those are ${Object.keys(PARTS).join(', ')}` }]
    const wanted = PARTS[path as keyof Extension]
    const fits = value === undefined || (wanted === 'object' ? isPlain(value) : typeof value === 'function')
    return fits ? [] : [{ path, message: `is not ${wanted === 'object' ? 'an object' : 'a function'}` }]
  })
}

/** Objects in part, everything else whole. */
type Part<T> = T extends object ? Partial<T> : T

type Node = Readonly<Record<string, unknown>>

/** An object of a literal, not of a class. */
export function isPlain(value: unknown): value is Node {
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
