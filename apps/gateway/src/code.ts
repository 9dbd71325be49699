import { resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { FastifyBaseLogger } from 'fastify'
import type { Fault } from './config-file.ts'
import { type Extension, faultsOfExtension } from './extension.ts'

/** What code adds to a file, and where it is written. */
export interface Code {
  /** As its mistakes are told. */
  readonly name: string
  readonly extension: Extension
  /** What is wrong with its form; its options are judged with the file. */
  readonly faults: readonly Fault[]
  /** Where other processes load it from; absent: it is of this process alone. */
  readonly module?: string
}

/** A file by itself. */
export const NO_CODE: Code = { name: 'extend', extension: {}, faults: [] }

/** Milliseconds in which code closes what it has opened. */
const CLOSED = 5_000

/**
 * Takes an extension as it is, or loads the module whose default export it is.
 * @param given of a module: its path from the working directory, or its URL
 * @throws what the module throws, with where
 */
export async function loadCode(given: Extension | string | URL | undefined): Promise<Code> {
  if (given === undefined) return NO_CODE
  if (typeof given !== 'string' && !(given instanceof URL)) return codeOf(given, 'extend')
  const isUrl = given instanceof URL || given.startsWith('file:')
  const { href: module } = isUrl ? new URL(given) : pathToFileURL(resolve(given))
  const name = isUrl && module.startsWith('file:') ? fileURLToPath(module) : String(given)
  let loaded: { readonly default?: unknown }
  try {
    loaded = (await import(module)) as typeof loaded
  } catch (error) {
    throw new Error(`${name} cannot be loaded: ${whereOf(error)}`, { cause: error })
  }
  return { ...codeOf(loaded.default, name), module }
}

function whereOf(error: unknown): string {
  // Node tells the place of these to nobody but the terminal.
  if (error instanceof SyntaxError) return `${error.message}; \`node --check\` says where`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function codeOf(given: unknown, name: string): Code {
  const faults = faultsOfExtension(given)
  const amiss = new Set(faults.map(({ path }) => path))
  // The rest is judged nevertheless: all mistakes are told at once.
  const parts = amiss.has(undefined) ? [] : Object.entries(given as Extension).filter(([key]) => !amiss.has(key))
  return { name, extension: Object.fromEntries(parts), faults: faults.map((fault) => ({ ...fault, file: name })) }
}

/** Lets code close what it has opened; one that cannot keeps nobody. */
export async function closeCode({ name, extension: { close } }: Code, logger: FastifyBaseLogger): Promise<void> {
  if (close === undefined) return
  try {
    const late = wait(CLOSED, 'late', { ref: false })
    if ((await Promise.race([Promise.resolve(close()), late])) === 'late')
      logger.warn(`gateway: \`close\` of ${name} has not ended within ${CLOSED / 1000} seconds`)
  } catch (error) {
    logger.error({ err: error }, `gateway: \`close\` of ${name} failed`)
  }
}
