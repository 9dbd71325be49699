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

/** Applies operations (RFC 6902) to a value in place; operations on places that do not exist are passed over. */
export function patch(value: unknown, operations: readonly Operation[]): void {
  for (const operation of operations) {
    if (operation.op === 'move') {
      const moved = at(value, operation.from)
      remove(value, operation.from)
      write(value, operation.path, moved, 'add')
    } else if (operation.op === 'remove') remove(value, operation.path)
    else write(value, operation.path, operation.value, operation.op)
  }
}

function holder(value: unknown, pointer: string): [Record<string, unknown> | undefined, string] {
  const cut = pointer.lastIndexOf('/')
  const parent = at(value, pointer.slice(0, cut))
  const key = tokens(pointer).at(-1) ?? ''
  return [typeof parent === 'object' && parent !== null ? (parent as Record<string, unknown>) : undefined, key]
}

function remove(value: unknown, pointer: string): void {
  const [parent, key] = holder(value, pointer)
  if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else if (parent !== undefined) delete parent[key]
}

function write(value: unknown, pointer: string, given: unknown, how: 'add' | 'replace'): void {
  const [parent, key] = holder(value, pointer)
  if (Array.isArray(parent)) {
    const index = key === '-' ? parent.length : Number(key)
    parent.splice(index, how === 'add' ? 0 : 1, given)
  } else if (parent !== undefined) parent[key] = given
}
