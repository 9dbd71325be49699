import type { Mistake } from '@portcullis/kernel'

type Operation = Mistake['fix'][number]

/** Applies a JSON Patch (RFC 6902) to a copy. */
export function patched(options: object, fix: readonly Operation[]): object {
  const root = { at: prune(options) } as Record<string, unknown>
  const find = (pointer: string): [Record<string, unknown>, string] => {
    const keys = [
      'at',
      ...pointer
        .split('/')
        .slice(1)
        .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~')),
    ]
    const last = keys.pop() as string
    return [keys.reduce((value, key) => value[key] as Record<string, unknown>, root), last]
  }
  const remove = (pointer: string): unknown => {
    const [parent, key] = find(pointer)
    const value = parent[key]
    if (Array.isArray(parent)) parent.splice(Number(key), 1)
    else delete parent[key]
    return value
  }
  for (const operation of fix) {
    if (operation.op === 'remove') remove(operation.path)
    else {
      const value = operation.op === 'move' ? remove(operation.from) : operation.value
      const [parent, key] = find(operation.path)
      if (Array.isArray(parent) && key === '-') parent.push(value)
      else parent[key] = value
    }
  }
  return root['at'] as object
}

/** A copy without the members that are `undefined`, as if they had not been written. */
export function prune(value: unknown): never {
  if (Array.isArray(value)) return value.map(prune) as never
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value as never
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(members.map(([key, member]) => [key, prune(member)])) as never
}
