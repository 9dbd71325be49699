import { resolve } from 'node:path'
import { compileOptions, type Mistake } from '@portcullis/kernel'
import { checkOptions, type SecurityOptions } from '@portcullis/security'
import { ConfigError, type ConfigFile, type Fault, readConfigFile } from './config-file.ts'
import { configSchema } from './config-schema.ts'
import type { Surroundings } from './references.ts'

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
  readonly operation: { readonly host: string; readonly port: number }
  /** Seconds. */
  readonly drain: { readonly delay: number; readonly deadline: number }
  readonly redis?: string
  readonly logLevel: string
}

const OWN = ['listen', 'operation', 'drain', 'redis', 'logLevel'] as const

const inspect = compileOptions<Config>(configSchema, (given) =>
  checkOptions(Object.fromEntries(Object.entries(given).filter(([key]) => !(OWN as readonly string[]).includes(key)))),
)

/**
 * Reads, follows and checks a file.
 * @throws ConfigError with all mistakes at once, each with its line
 */
export function readConfig(path: string, env: Surroundings['env']): Config {
  const file = readConfigFile(path, env)
  const { options, mistakes } = inspect(inFolder(file))
  if (options === undefined) throw new ConfigError(path, faultsIn(file, mistakes))
  return options
}

/** Paths of certificates begin at the file's folder, wherever the process was started. */
function inFolder({ data, folder }: ConfigFile): unknown {
  const tls = (data as { listen?: { tls?: unknown } } | null)?.listen?.tls
  if (typeof tls === 'object' && tls !== null) {
    for (const [name, value] of Object.entries(tls)) {
      if (/(?:File|Folder)$/.test(name) && typeof value === 'string')
        Object.assign(tls, { [name]: resolve(folder, value) })
    }
  }
  return data
}

/** As they stand in the file, from its top. */
function faultsIn(file: ConfigFile, mistakes: readonly Mistake[]): Fault[] {
  const faults: Fault[] = mistakes.map(({ path, message }) => ({ ...file.locate(path), path, message }))
  return faults.toSorted((one, other) => (one.line ?? 0) - (other.line ?? 0))
}
