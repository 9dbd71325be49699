/** One operation of a JSON Patch (RFC 6902 §4), as fixes use it. */
export type Operation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move'; readonly from: string; readonly path: string }

type Holder = Record<string, unknown>

/** A copy of plain objects and lists, without members that are `undefined`; everything else passes by reference. */
export function copied<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copied) as T
  if (Object.prototype.toString.call(value) !== '[object Object]') return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const members = Object.entries(value as Holder).filter(([, member]) => member !== undefined)
  return Object.fromEntries(members.map(([key, member]) => [key, copied(member)])) as T
}

/** A copy to which a JSON Patch was applied as its reader would: one operation after the other. */
export function patched<T>(document: T, patch: readonly Operation[]): T {
  const root: Holder = { document: copied(document) }
  for (const operation of patch) {
    if (operation.op === 'remove') take(root, operation.path)
    else put(root, operation.path, operation.op === 'move' ? take(root, operation.from) : operation.value, operation.op)
  }
  return root['document'] as T
}

/** A copy to which all fixes were applied. */
export function mended<T>(options: T, mistakes: readonly { readonly fix: readonly Operation[] }[]): T {
  const fixes = mistakes.flatMap(({ fix }) => fix)
  return patched(options, fixes)
}

/** Whoever holds the place that a JSON Pointer (RFC 6901) names, and the name there. */
function placeOf(root: Holder, pointer: string): [Holder, string] {
  const unescaped = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~')
  const keys = ['document', ...pointer.split('/').slice(1).map(unescaped)]
  const last = keys.pop() as string
  return [keys.reduce((at, key) => at[key] as Holder, root), last]
}

function take(root: Holder, pointer: string): unknown {
  const [at, key] = placeOf(root, pointer)
  const value = at[key]
  if (Array.isArray(at)) at.splice(Number(key), 1)
  else delete at[key]
  return value
}

function put(root: Holder, pointer: string, value: unknown, op: 'add' | 'move' | 'replace'): void {
  const [at, key] = placeOf(root, pointer)
  if (Array.isArray(at) && op !== 'replace') at.splice(key === '-' ? at.length : Number(key), 0, value)
  else at[key] = value
}
