import type { Operation } from './options.ts'

/** Splits a JSON Pointer (RFC 6901) into its tokens. */
export function tokens(pointer: string): string[] {
  if (pointer === '') return []
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** One token of a JSON Pointer. */
export function token(key: string | number): string {
  return String(key).replaceAll('~', '~0').replaceAll('/', '~1')
}

/** A pointer as people write paths: `policies[0].limit`. */
export function readable(pointer: string): string {
  let path = ''
  for (const key of tokens(pointer)) {
    if (/^\d+$/.test(key)) path += `[${key}]`
    else if (/^[\w$-]+$/.test(key)) path += path === '' ? key : `.${key}`
    else path += `[${JSON.stringify(key)}]`
  }
  return path
}

/** The value a pointer names, or undefined. */
export function at(value: unknown, pointer: string): unknown {
  let found = value
  for (const key of tokens(pointer)) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined
    found = (found as Record<string, unknown>)[key]
  }
  return found
}

/**
 * Applies operations (RFC 6902) to a value in place.
 * @returns what was done: others name places that do not exist, and what was not there is added instead of replaced
 */
export function patch(value: unknown, operations: readonly Operation[]): Operation[] {
  return operations.flatMap((operation): Operation[] => {
    const { op, path } = operation
    if (op === 'remove') return remove(value, path) ? [operation] : []
    if (op === 'move') {
      const moved = at(value, operation.from)
      return remove(value, operation.from) && write(value, path, moved, 'add') ? [operation] : []
    }
    if (write(value, path, operation.value, op)) return [operation]
    // An entry of a list that is gone is not wanted back.
    if (op === 'add' || Array.isArray(holder(value, path)[0])) return []
    return write(value, path, operation.value, 'add') ? [{ op: 'add', path, value: operation.value }] : []
  })
}

function holder(value: unknown, pointer: string): [Record<string, unknown> | undefined, string] {
  const cut = pointer.lastIndexOf('/')
  const parent = at(value, pointer.slice(0, cut))
  const key = tokens(pointer).at(-1) ?? ''
  return [typeof parent === 'object' && parent !== null ? (parent as Record<string, unknown>) : undefined, key]
}

function remove(value: unknown, pointer: string): boolean {
  const [parent, key] = holder(value, pointer)
  if (parent === undefined || !Object.hasOwn(parent, key)) return false
  if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else delete parent[key]
  return true
}

function write(value: unknown, pointer: string, given: unknown, how: 'add' | 'replace'): boolean {
  const [parent, key] = holder(value, pointer)
  if (parent === undefined || (how === 'replace' && !Object.hasOwn(parent, key))) return false
  if (Array.isArray(parent)) parent.splice(key === '-' ? parent.length : Number(key), how === 'add' ? 0 : 1, given)
  else parent[key] = given
  return true
}
