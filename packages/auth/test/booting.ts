import Fastify from 'fastify'
import { expect } from 'vitest'
import auth, { type AuthOptions } from '../src/index.ts'

interface Operation {
  readonly op: 'add' | 'replace' | 'remove' | 'move'
  readonly path: string
  readonly from?: string
  readonly value?: unknown
}

export interface Refused {
  readonly code: string
  readonly mistakes: readonly {
    readonly path: string
    readonly rule: string
    readonly message: string
    readonly fix: readonly Operation[]
    readonly route?: string
  }[]
}

export async function boot(options: unknown, route?: unknown): Promise<void> {
  const app = Fastify()
  try {
    await app.register(auth, options as AuthOptions)
    app.get('/', { config: { security: { auth: (route ?? false) as false } } }, async () => '')
    app.get('/docs/json', async () => '')
    await app.ready()
  } finally {
    await app.close()
  }
}

export async function refusalOf(options: unknown, route?: unknown): Promise<Refused> {
  return boot(options, route).then(
    () => expect.fail('it booted'),
    (error: unknown) => error as Refused,
  )
}

/** Applies a JSON Patch (RFC 6902), by reference where values are. */
export function patched(document: unknown, fix: readonly Operation[]): unknown {
  let root = clone(document)
  for (const { op, path, from, value } of fix) {
    if (op === 'move') {
      const moved = at(root, from as string)
      take(root, from as string)
      put(root, path, moved)
    } else if (op === 'remove') take(root, path)
    else if (path === '') root = clone(value)
    else put(root, path, value)
  }
  return root
}

type Tree = Record<string, unknown>
const keysOf = (path: string): string[] =>
  path
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
const at = (root: unknown, path: string): unknown =>
  keysOf(path).reduce<unknown>((value, key) => (value as Tree)[key], root)
const parent = (root: unknown, path: string): [Tree, string] => {
  const keys = keysOf(path)
  const last = keys.pop() as string
  return [keys.reduce<unknown>((value, key) => (value as Tree)[key], root) as Tree, last]
}
function put(root: unknown, path: string, value: unknown): void {
  const [holder, key] = parent(root, path)
  holder[key] = value
}
function take(root: unknown, path: string): void {
  const [holder, key] = parent(root, path)
  if (Array.isArray(holder)) holder.splice(Number(key), 1)
  else delete holder[key]
}
export function clone(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clone)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, clone(member)]))
}
