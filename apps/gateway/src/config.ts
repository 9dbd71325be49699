import { resolve } from 'node:path'
import type { ApiKeyOptions } from '@portcullis/auth'
import { compileOptions, type Finding, type Inspection, type Mistake } from '@portcullis/kernel'
import type { InternalTokenOptions } from '@portcullis/gateway'
import { checkOptions, type SecurityOptions } from '@portcullis/security'
import { ConfigError, type ConfigFile, type Fault, readConfigFile } from './config-file.ts'
import { configSchema, extendedSchema } from './config-schema.ts'
import { extended, isAdded, wordsOfCode } from './extension.ts'
import { faultInOpenapi, type OpenapiFile, readOpenapi } from './openapi-file.ts'
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
  ...(['listen', 'operation'] as const).flatMap((key) => checkTls(key, given[key].tls)),
]

// Schemas of all rooms take a third of a second each: whoever needs one compiles it.
let inspectFile: ReturnType<typeof compileOptions<Config>> | undefined
let inspectExtended: ReturnType<typeof compileOptions<Config>> | undefined

function inspect(file: unknown, added: object | undefined): Inspection<Config> {
  if (added === undefined) return (inspectFile ??= compileOptions(configSchema, check))(file)
  return (inspectExtended ??= compileOptions(extendedSchema, check))(extended(file, added))
}

/** A certificate authority asks on a port of the app, and the process opens its ports itself. */
function checkTls(key: 'listen' | 'operation', tls: object | undefined): Finding[] {
  if (tls === undefined || !('acme' in tls)) return []
  const message = 'is not for this process: get the certificate by a client of its own; write keyFile and certFile'
  const fix = [
    { op: 'replace', path: `/${key}/tls`, value: { keyFile: 'server.key', certFile: 'server.pem' } } as const,
  ]
  return [{ at: `/${key}/tls/acme`, rule: 'acme-in-file', message, fix }]
}

/**
 * Reads, follows and checks a file.
 * @param added options that code lays over it
 * @param files filled with what is read; with what was read until then, where it throws
 * @throws ConfigError with all mistakes at once, each with its line
 */
export function readConfig(
  path: string,
  env: Surroundings['env'],
  added?: object,
  files: Prints = new Map(),
): ReadConfig {
  const onFile = (one: string): unknown => files.set(one, printOf(one))
  const file = readConfigFile(path, env, onFile)
  for (const one of certificatesOf(file)) onFile(one)
  const keys = readApiKeys(file, env, onFile)
  const openapi = readOpenapi(file, onFile)
  const { options, mistakes } = inspect(file.data, added)
  // What code may say is no option of the file for it.
  const misplaced = added === undefined ? [] : wordsOfCode(file.data, configSchema, extendedSchema)
  if (options === undefined || misplaced.length > 0) {
    throw new ConfigError(path, faultsIn({ file, keys, openapi, added, misplaced }, mistakes))
  }
  return { config: options, files }
}

/** Files that a reload reads; those of clients' connections are looked after by the room, where there is one. */
function certificatesOf({ data, folder }: ConfigFile): string[] {
  const { listen, operation, https } = (data ?? {}) as Partial<
    Record<'listen' | 'operation' | 'https', { tls?: unknown }>
  >
  const [ofClients, ofOperators] = [resolveFiles(listen?.tls, folder), resolveFiles(operation?.tls, folder)]
  return typeof https === 'object' ? ofOperators : [...ofClients, ...ofOperators]
}

/** The file of API keys, and where its entries begin in `auth.apiKeys.keys`. */
interface ApiKeys {
  readonly name: string
  readonly file: ConfigFile
  readonly from: number
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

const API_KEY = /^auth\.apiKeys\.keys\[(\d+)\]/

/** Where mistakes may stand. */
interface Sources {
  readonly file: ConfigFile
  readonly keys: ApiKeys | undefined
  readonly openapi: OpenapiFile | undefined
  readonly added: object | undefined
  /** Paths of what the file says and only code may. */
  readonly misplaced: readonly string[]
}

/** As they stand in the file, from its top; those of other files, and of code, after them. */
function faultsIn({ file, keys, openapi, added, misplaced }: Sources, mistakes: readonly Mistake[]): Fault[] {
  const faults: Fault[] = mistakes.map(({ path, message }) => {
    if (isAdded(added, path)) return { file: 'extend.options', path, message }
    const inDocument = openapi === undefined ? null : faultInOpenapi(openapi, path, message)
    if (inDocument !== null) return inDocument
    const at = Number(API_KEY.exec(path)?.[1] ?? -1)
    if (keys === undefined || at < keys.from) return { ...file.locate(path), path, message }
    const within = path.replace(API_KEY, `[${at - keys.from}]`)
    return { ...keys.file.locate(within), file: keys.name, path: within, message }
  })
  const message = 'is no option of a file: only code can give it'
  faults.push(...misplaced.map((path) => ({ ...file.locate(path), path, message })))
  const order = ({ file: other, line = 0 }: Fault): number => (other === undefined ? line : 1_000_000 + line)
  return faults.toSorted((one, other) => order(one) - order(other))
}
