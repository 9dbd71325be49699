import { resolve } from 'node:path'
import { parse } from 'yaml'
import { ConfigError, type ConfigFile, type Fault, openDataFile } from './config-file.ts'
import { readText } from './text-file.ts'

/** An OpenAPI document beside the file, which names it. */
export interface OpenapiFile {
  /** As the file names it. */
  readonly name: string
  /** Its path, absolute. */
  readonly path: string
}

/**
 * Puts the document in the place of its name, in `gateway.openapi`. It is data: nothing in it is a reference to a
 * variable or a file.
 * @throws ConfigError
 */
export function readOpenapi({ data, folder }: ConfigFile, onFile: (path: string) => void): OpenapiFile | undefined {
  const gateway = (data as { gateway?: { openapi?: unknown } } | null)?.gateway
  const name = gateway?.openapi
  // What is of another type is a mistake that the schema tells.
  if (typeof name !== 'string' || gateway === undefined) return undefined
  const path = resolve(folder, name)
  onFile(path)
  // Until it is read: a name is no document.
  delete gateway.openapi
  const document = read(path, name)
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new ConfigError(name, [{ line: 1, column: 1, message: 'is not an OpenAPI document' }])
  gateway.openapi = document
  return { name, path }
}

function read(path: string, name: string): unknown {
  let text: string
  try {
    text = readText(path)
  } catch (error) {
    throw new ConfigError(name, [{ message: `cannot be read: ${(error as NodeJS.ErrnoException).code}` }])
  }
  try {
    // Documents that are generated are long, and JSON; YAML says where it is broken.
    return JSON.parse(text)
  } catch {
    try {
      return parse(text, { prettyErrors: false, maxAliasCount: 1000 })
    } catch {
      // Said with its line.
      openDataFile(path, name)
      return undefined
    }
  }
}

const WITHIN = /^gateway\.openapi\.?/

/** A mistake in the document, as it stands in its own file; null: it stands elsewhere. */
export function faultInOpenapi({ name, path: file }: OpenapiFile, path: string, message: string): Fault | null {
  if (!WITHIN.test(path)) return null
  const within = path.replace(WITHIN, '')
  return { ...openDataFile(file, name).locate(within), file: name, path: within, message }
}
