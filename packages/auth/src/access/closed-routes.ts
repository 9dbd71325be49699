/** Routes that admit nobody because they say nothing of their callers, by the app's server: every scope has the same. */
const closed = new WeakMap<object, Set<string>>()

/** Remembers the routes of one registration that admit nobody: `GET /users`. */
export function rememberClosed(server: object, names: Iterable<string>): void {
  closed.set(server, new Set([...(closed.get(server) ?? []), ...names]))
}

/** Whether a route admits nobody. */
export function isClosed(server: object, name: string): boolean {
  return closed.get(server)?.has(name) === true
}
