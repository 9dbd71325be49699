import { resolve } from 'node:path'
import type { ApiKeyOptions } from '@portcullis/auth'
import { compileOptions, type Finding, type Inspection } from '@portcullis/kernel'
import type { InternalTokenOptions } from '@portcullis/gateway'
import { checkOptions, type SecurityOptions } from '@portcullis/security'
import { type Code, NO_CODE } from './code.ts'
import { ConfigError, type ConfigFile, readConfigFile } from './config-file.ts'
import { configSchema, extendedSchema, mayBeOff } from './config-schema.ts'
import { extended, wordsOfCode } from './extension.ts'
import { type ApiKeys, faultsIn, located } from './faults.ts'
import { checkListening } from './listening.ts'
import { readOpenapi } from './openapi-file.ts'
import type { Surroundings } from './references.ts'
import { resolveFiles } from './tls-files.ts'
import { printOf, type Prints } from './watch.ts'

/** What the file says: the rooms' options under their keys, and what the process is to be. */
export interface Config extends SecurityOptions {
  readonly listen: {
    readonly host: string
    readonly port: number
    readonly plaintextPort?: number
    readonly tls?: object
    readonly http2: boolean
    readonly trustProxy: readonly string[]
    /** Where what a certificate authority asks is answered, on this machine; said by the process, not by the file. */
    readonly challenges?: number
  }
  readonly operation: { readonly host: string; readonly port: number; readonly tls?: object }
  /** Seconds. */
  readonly drain: { readonly delay: number; readonly deadline: number }
  readonly redis?: string
  readonly logLevel: string
}

/** A file that is valid, and everything that was read for it. */
export interface ReadConfig {
  readonly config: Config
  /** The file, and whatever is read with it. */
  readonly files: Prints
  /** What the rooms refuse to boot with, with its lines; any other error as it is. */
  readonly locate: (error: unknown) => unknown
}

const OWN = ['$schema', 'listen', 'operation', 'drain', 'redis', 'logLevel'] as const

/** The rooms' options alone. */
export function roomsOf(config: Config): SecurityOptions {
  const rooms: SecurityOptions = Object.fromEntries(
    Object.entries(config).filter(([key]) => !(OWN as readonly string[]).includes(key)),
  )
  const { auth } = rooms
  if (auth === undefined || auth === false || auth.apiKeys === undefined) return rooms
  const { file, ...apiKeys } = auth.apiKeys as ApiKeyOptions & { file?: string }
  // Whoever withdraws the last key leaves an empty file, and no key at all is what then must be admitted.
  return file === undefined ? rooms : { ...rooms, auth: { ...auth, apiKeys: { find: () => null, ...apiKeys } } }
}

/** How internal tokens are signed. */
export function internalTokenOf({ gateway }: Config): InternalTokenOptions {
  if (gateway === undefined || gateway === false) throw new TypeError('unreachable: `gateway` is required')
  return gateway.internalToken
}

const check = (given: Readonly<Config>): Finding[] => [
  ...checkOptions(roomsOf(given) as never),
  ...checkListening(given),
]

// Schemas of all rooms take a third of a second each: whoever needs one compiles it.
let inspectFile: ReturnType<typeof compileOptions<Config>> | undefined
let inspectExtended: ReturnType<typeof compileOptions<Config>> | undefined

function inspect(file: unknown, added: object | undefined): Inspection<Config> {
  if (added === undefined) return (inspectFile ??= compileOptions(configSchema, check))(file)
  return (inspectExtended ??= compileOptions(extendedSchema, check))(extended(file, added))
}

/**
 * Reads, follows and checks a file.
 * @param code whose options are laid over it
 * @param files filled with what is read; with what was read until then, where it throws
 * @throws ConfigError with all mistakes at once, each with its line
 */
export function readConfig(
  path: string,
  env: Surroundings['env'],
  code: Code = NO_CODE,
  files: Prints = new Map(),
): ReadConfig {
  const onFile = (one: string): unknown => files.set(one, printOf(one))
  const file = readConfigFile(path, env, onFile)
  for (const one of certificatesOf(file)) onFile(one)
  const beside: ConfigError[] = []
  const keys = unless(beside, () => readApiKeys(file, env, onFile))
  const openapi = unless(beside, () => readOpenapi(file, onFile))
  const [data, off] = withoutRoomsThatAreOff(file.data)
  const { options: added } = code.extension
  const { options: on, mistakes } = inspect(data, added)
  const options = on === undefined ? undefined : Object.freeze({ ...on, ...off })
  // What code may say is no option of the file for it.
  const misplaced = added === undefined ? [] : wordsOfCode(file.data, configSchema, extendedSchema)
  const sources = { path, file, keys, openapi, code }
  const [unread] = beside
  if (unread !== undefined)
    throw mistakes.length + beside.length > 1 ? faultsIn(sources, mistakes, misplaced, beside) : unread
  if (options === undefined || misplaced.length > 0 || code.faults.length > 0)
    throw faultsIn(sources, mistakes, misplaced)
  return { config: options, files, locate: (error) => located(error, sources, options) }
}

/** What is said of another file is told beside the rest. */
function unless<T>(unread: ConfigError[], read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    unread.push(error)
    return undefined
  }
}

/** `false` is no policy: a room that is off has no options to judge. */
function withoutRoomsThatAreOff(data: unknown): [on: unknown, off: Record<string, false>] {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return [data, {}]
  const isOff = ([key, value]: [string, unknown]): boolean => value === false && mayBeOff(key)
  const entries: [string, unknown][] = Object.entries(data)
  const off = entries.filter(isOff).map(([key]) => [key, false as const])
  return [Object.fromEntries(entries.filter((one) => !isOff(one))), Object.fromEntries(off)]
}

/** Files that a reload reads; those of clients' connections are looked after by the room, where there is one. */
function certificatesOf({ data, folder }: ConfigFile): string[] {
  const { listen, operation, https } = (data ?? {}) as Partial<
    Record<'listen' | 'operation' | 'https', { tls?: unknown }>
  >
  const [ofClients, ofOperators] = [resolveFiles(listen?.tls, folder), resolveFiles(operation?.tls, folder)]
  return typeof https === 'object' ? ofOperators : [...ofClients, ...ofOperators]
}

/** Puts the entries of `auth.apiKeys.file` behind those of `keys`. */
function readApiKeys(
  { data, folder }: ConfigFile,
  env: Surroundings['env'],
  onFile: (path: string) => unknown,
): ApiKeys | undefined {
  const given = (data as { auth?: { apiKeys?: { file?: unknown; keys?: unknown } } } | null)?.auth?.apiKeys
  const { file: name, keys = [] } = given ?? {}
  // What is of another type is a mistake that the schema tells.
  if (given === undefined || typeof name !== 'string' || !Array.isArray(keys)) return undefined
  const file = readConfigFile(resolve(folder, name), env, onFile)
  const entries = file.data ?? []
  if (!Array.isArray(entries))
    throw new ConfigError(name, [{ line: 1, column: 1, message: 'is not a list of entries' }])
  given.keys = [...(keys as unknown[]), ...(entries as unknown[])]
  return { name, file, from: keys.length }
}
