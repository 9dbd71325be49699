/** One bad configuration: what is wrong, the options, and the mistake it must be told as. */
export type Broken = [name: string, options: object, path: string, rule: string]

type Operation = { op: string; path: string; from?: string; value?: unknown }
/** A mistake as boot errors carry it. */
export interface Told {
  path: string
  rule: string
  message: string
  fix: Operation[]
  route?: string
}

/** Boots what must not boot, and gives the mistakes it was told. */
export async function refused(boot: () => PromiseLike<unknown>): Promise<Told[]> {
  try {
    await boot()
  } catch (error) {
    const { mistakes } = error as { mistakes?: Told[] }
    if (mistakes === undefined) throw error
    return mistakes
  }
  throw new Error('it booted')
}

function placeOf(root: unknown, pointer: string): [Record<string, unknown>, string] {
  const keys = pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = keys.pop() as string
  let at = root as Record<string, unknown>
  for (const key of keys) at = at[key] as Record<string, unknown>
  return [at, last]
}

/** The options with every fix applied (RFC 6902, as far as fixes use it). */
export function patched(options: object, mistakes: readonly Told[]): object {
  const root = structuredClone(options)
  for (const { op, path, from, value } of mistakes.flatMap(({ fix }) => fix)) {
    const [parent, key] = placeOf(root, path)
    if (op === 'remove' && Array.isArray(parent)) parent.splice(Number(key), 1)
    else if (op === 'remove') delete parent[key]
    else if (op === 'move') {
      const [source, name] = placeOf(root, from as string)
      parent[key] = source[name]
      delete source[name]
    } else parent[key] = structuredClone(value)
  }
  return root
}
