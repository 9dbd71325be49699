import type { Config } from './config.ts'
import { type Extension, isPlain } from './extension.ts'

/** Keys and indices that lead to a value. */
type Path = readonly (string | number)[]

/** A reading of the file on its way to another process. */
export interface Carried {
  /** Without what only code can give. */
  readonly config: Config
  /** Where that stood, in the options of code and in the reading alike. */
  readonly left: readonly Path[]
}

/** Functions and objects of classes do not travel: the process at the other end has its own. */
function travels(value: unknown): boolean {
  if (typeof value === 'object') return value === null || Array.isArray(value) || isPlain(value)
  return typeof value !== 'function'
}

/** A reading as it can be sent. */
export function carried(config: Config, options: Extension['options']): Carried {
  const left: Path[] = []
  return { config: without(config, options, [], left) as Config, left }
}

function without(value: unknown, added: unknown, at: Path, left: Path[]): unknown {
  if (added === undefined || value === undefined) return value
  if (!travels(added)) {
    // Where the file says `false`, nothing of it is there.
    if (!travels(value)) left.push(at)
    return travels(value) ? value : null
  }
  if (Array.isArray(value) && Array.isArray(added))
    return value.map((one, index) => without(one, added[index], [...at, index], left))
  if (!isPlain(value) || !isPlain(added)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => {
      const beside: unknown = Object.hasOwn(added, key) ? added[key] : undefined
      return [key, without(one, beside, [...at, key], left)]
    }),
  )
}

type Holder = Record<string | number, unknown>

/**
 * A reading that was sent, with what this process's code gives in its place.
 * @throws a TypeError where that code gives something else than the one that was judged
 */
export function completed({ config, left }: Carried, options: Extension['options']): Config {
  for (const path of left) {
    const last = path.at(-1) as string | number
    let [holder, given]: [unknown, unknown] = [config, options]
    for (const key of path.slice(0, -1))
      [holder, given] = [(holder as Holder)[key], (given as Holder | undefined)?.[key]]
    const value = (given as Holder | undefined)?.[last]
    if (travels(value))
      throw new TypeError(`the code of this worker gives no options.${path.join('.')}: it has changed`)
    ;(holder as Holder)[last] = value
  }
  return config
}
