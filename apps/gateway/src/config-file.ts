import { dirname, resolve } from 'node:path'
import {
  isAlias,
  isCollection,
  isPair,
  isScalar,
  LineCounter,
  parse,
  parseDocument,
  type Document,
  type Node,
  visit,
} from 'yaml'
import { Concealed } from './concealed.ts'
import { follow, hasReferences, type Surroundings } from './references.ts'
import { readText } from './text-file.ts'

/** What is wrong with a file, and where. */
export interface Fault {
  /** From 1; absent: nowhere in particular. */
  readonly line?: number
  readonly column?: number
  /** Another file that it stands in. */
  readonly file?: string
  /** Readable path, such as `gateway.routes[0].upstream`. */
  readonly path?: string
  readonly message: string
}

/** A file that cannot be used: all its faults at once. No value of a variable or a secret file is part of it. */
export class ConfigError extends Error {
  readonly faults: readonly Fault[]
  /** As it is known to whoever reads this. */
  readonly file: string

  constructor(file: string, faults: readonly Fault[]) {
    const rows = faults.map(({ line, column, file: other = file, path, message }) => {
      const place = line === undefined ? other : `${other}:${line}:${column}`
      return `  ${place}  ${path === undefined || path === '' ? '' : `${path} `}${message}`
    })
    super([`${faults.length} ${faults.length === 1 ? 'mistake' : 'mistakes'} in ${file}`, ...rows].join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
    this.file = file
  }
}

/** A file, read: its data with all references followed, and where everything stands. */
export interface ConfigFile {
  readonly data: unknown
  /** The folder that relative paths begin at. */
  readonly folder: string
  /** Where a readable path such as `gateway.routes[0].upstream` stands; what is absent: its nearest holder. */
  locate(path: string): { readonly line: number; readonly column: number } | undefined
  /** A text with the references of the file in the place of what they brought. */
  conceal(text: string): string
  /** The scalar that stands there, as it is written. */
  textAt(path: string): string | undefined
}

/**
 * Reads a YAML or JSON file (JSON is YAML 1.2). Scalars may hold `${NAME}` and `${file:path}`; a plain scalar that is one
 * variable and nothing else is read as YAML reads it, so that `port: ${PORT}` is a number.
 * @param onFile told of each file, by its absolute path, before it is read
 * @throws ConfigError
 */
export function readConfigFile(file: string, env: Surroundings['env'], onFile: (path: string) => void): ConfigFile {
  onFile(resolve(file))
  const { document, lines } = parseFile(file, file)
  const folder = dirname(resolve(file))
  const concealed = new Concealed()
  const onValue = concealed.add.bind(concealed)
  const faults = followAll(document, lines, { env, folder, onFile, onValue })
  if (faults.length > 0) throw new ConfigError(file, faults)
  return {
    data: dataOf(document, file),
    folder,
    locate: (path) => locate(document, lines, path),
    conceal: (text) => concealed.conceal(text),
    textAt: (path) => {
      const node: unknown = document.getIn(keysOf(path), true)
      return isScalar(node) ? node.source : undefined
    },
  }
}

/** A file, parsed: where everything stands, whatever it says. @throws ConfigError, under the name that it is known by */
export function openDataFile(path: string, name: string): Pick<ConfigFile, 'locate'> {
  const { document, lines } = parseFile(path, name)
  return { locate: (within) => locate(document, lines, within) }
}

function parseFile(path: string, name: string): { document: Document; lines: LineCounter } {
  let text: string
  try {
    text = readText(path)
  } catch (error) {
    throw new ConfigError(name, [{ message: `cannot be read: ${(error as NodeJS.ErrnoException).code}` }])
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  // What follows the first is its consequence.
  const [broken] = document.errors
  if (broken !== undefined) throw new ConfigError(name, [{ ...place(lines, broken.pos[0]), message: broken.message }])
  const strange = strangeIn(document, lines)
  if (strange.length > 0) throw new ConfigError(name, strange)
  return { document, lines }
}

const PLAIN_TAGS: ReadonlySet<string> = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
)

/** What YAML may say and no JSON can: another version's words, tags, aliases that lead nowhere. */
function strangeIn(document: Document, lines: LineCounter): Fault[] {
  const faults: Fault[] = []
  const at = (node: unknown): Partial<Fault> => {
    const range = (node as Node).range
    return range ? place(lines, range[0]) : {}
  }
  if (document.directives?.yaml.version !== '1.2')
    faults.push({ line: 1, column: 1, message: 'is read as YAML 1.2 alone; leave the directive out' })
  visit(document, {
    Node(_key, node) {
      if (isAlias(node)) {
        if (node.resolve(document) === undefined)
          faults.push({ ...at(node), message: `*${node.source} leads to nothing above it` })
      } else if (node.tag !== undefined && !PLAIN_TAGS.has(node.tag))
        faults.push({ ...at(node), message: `the tag ${node.tag} means nothing here; leave it out` })
    },
  })
  return faults
}

/** A few aliases of aliases are a text of any size. */
function dataOf(document: Document, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch {
    throw new ConfigError(name, [{ message: 'has aliases that lead to too much; write out what they stand for' }])
  }
}

function place(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset)
  return { line, column: col }
}

function followAll(document: Document, lines: LineCounter, surroundings: Surroundings): Fault[] {
  const faults: Fault[] = []
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string' || !hasReferences(node.value)) return
      const followed = follow(node.value, surroundings)
      if ('fault' in followed) {
        faults.push({ ...(node.range ? place(lines, node.range[0]) : {}), message: followed.fault })
        return
      }
      // A secret file holds a text, whatever it looks like; a variable without quotes is what YAML makes of it.
      node.value = followed.whole === 'variable' && node.type === 'PLAIN' ? scalarOf(followed.text) : followed.text
    },
  })
  return faults
}

/** What YAML makes of a plain text, if it is a scalar. */
function scalarOf(text: string): unknown {
  try {
    const value: unknown = parse(text)
    return typeof value === 'number' || typeof value === 'boolean' ? value : text
  } catch {
    return text
  }
}

const SEGMENT = /([^.[\]]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]/g

/** The keys of a readable path such as `gateway.routes[0].upstream`. */
export function keysOf(path: string): (string | number)[] {
  return [...path.matchAll(SEGMENT)].map(([, name, index, quoted]) =>
    index === undefined ? (name ?? (quoted as string)) : Number(index),
  )
}

function locate(document: Document, lines: LineCounter, path: string): { line: number; column: number } | undefined {
  const keys = keysOf(path)
  for (let length = keys.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(keys.slice(0, length), true)
    const range = (node as Node | null | undefined)?.range
    if (!range) continue
    const at = place(lines, range[0])
    if (length === 0) return at
    // A block stands below its name, and the name is what is looked for.
    const name = nameOf(document, keys.slice(0, length))?.range
    const above = name ? place(lines, name[0]) : at
    return above.line < at.line ? above : at
  }
  return undefined
}

/** The key of a member as it stands in its map. */
function nameOf(document: Document, keys: readonly unknown[]): Node | undefined {
  const holder: unknown = keys.length === 1 ? document.contents : document.getIn(keys.slice(0, -1), true)
  if (!isCollection(holder)) return undefined
  for (const item of holder.items) {
    if (isPair(item) && isScalar(item.key) && item.key.value === keys.at(-1)) return item.key
  }
  return undefined
}
